"""Ratios of distances by several networks: each one's, the worst, and what is refused."""

from pathlib import Path

import pytest
from helpers.folder_evaluations import StubReader, random_pictures

from speech2img.errors import ConfigError
from speech2img.metrics.evaluate.folder_plan import FolderSettings
from speech2img.metrics.evaluate.several.networks import ALL_NETWORKS, ThreeSides, add_ratio_rows, require_names_apart
from speech2img.metrics.functional.sliced_wasserstein import mind_score
from speech2img.metrics.images.features import FeatureSettings, extract_features
from speech2img.metrics.images.sources import folder_images
from speech2img.metrics.report.report import MetricReport


class Other(StubReader):
    """Another network, that looks at the dark half only."""

    name, weights_sha256 = "other", "cd" * 32

    def read(self, prepared, taps):
        return super().read(prepared.clamp(max=0.0), taps)


def test_ratios_are_those_of_the_plain_distances(tmp_path: Path) -> None:
    folders = [random_pictures(tmp_path / str(seed), 20 + seed, seed=seed) for seed in range(3)]
    sources = [folder_images(folder) for folder in folders]
    report = MetricReport("t", {}, {}, {})
    readers = [StubReader(), Other()]
    add_ratio_rows(report, ThreeSides(*sources), readers, FolderSettings(workers=1), work=None, progress=False)
    expected = {}
    for reader in readers:
        made, real, training = (
            extract_features(source, reader, settings=FeatureSettings(taps=("pool2048",)), progress=False)
            for source in sources
        )
        values = [
            mind_score(
                part.features["pool2048"][:20] if len(part.ids) == 20 else part.features["pool2048"],
                real.features["pool2048"],
                ids_generated=part.ids,
                ids_real=real.ids,
                num_bootstrap=0,
            ).value
            for part in (made, training)
        ]
        expected[reader.name] = values[0] / values[1]
        row = report.row("distance_ratio", reader.name)
        assert (
            row.value == pytest.approx(expected[reader.name], rel=1e-6) and row.weights_sha256 == reader.weights_sha256
        )
    worst = report.row("worst_distance_ratio", ALL_NETWORKS)
    assert worst.value == pytest.approx(max(expected.values())) and worst.weights_sha256 == f"{'ab' * 32}+{'cd' * 32}"


def test_two_networks_of_one_name_are_refused_by_both_files() -> None:
    require_names_apart([StubReader(), Other()], [Path("a"), Path("b")])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="--network b: it and a are both called 'Inception-v3"):
        require_names_apart([StubReader(), StubReader()], [Path("a"), Path("b")])  # type: ignore[list-item]
