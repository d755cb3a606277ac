"""A metric and a feature network of one's own: one line each in the registries, and both evaluations use them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from speech2img.errors import ConfigError, MetricError
from speech2img.features.base import FeatureExtractor, read_images
from speech2img.features.registry import EXTRACTORS, ExtractorKind, load_extractor
from speech2img.metrics.evaluate import model_rows
from speech2img.metrics.evaluate.folder_plan import FolderSettings
from speech2img.metrics.evaluate.folders import evaluate_folders
from speech2img.metrics.evaluate.inputs import MetricInputs, MetricOptions
from speech2img.metrics.evaluate.model_rows import add_distribution_metrics
from speech2img.metrics.evaluate.registry import METRICS, Metric, measure
from speech2img.metrics.functional.score import Score
from speech2img.metrics.images.sources import folder_images
from speech2img.metrics.report.report import MetricReport
from speech2img.metrics.report.section import ReportSection
from speech2img.storage.releases.writing import save_release


class MeanColor(FeatureExtractor):
    """A network of one's own: the mean colour, scaled by its only weight."""

    kind, name, weights_sha256 = "mean-color", "mean colour", "ab" * 32
    outputs, input_size, pooled = {"pool64": 64}, 299, "pool64"

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def read(self, images_BHWC: torch.Tensor, outputs: Sequence[str]) -> dict[str, np.ndarray]:
        means = self.scale * images_BHWC.mean(dim=(1, 2)).numpy()
        return {"pool64": np.pad(means, ((0, 0), (0, 61)))}


def load_mean_color(path: Path, *, device: Any) -> MeanColor:
    from speech2img.storage.releases.release import load_release

    return MeanColor(float(load_release(path)[0]["scale"]))


def mean_distance(inputs: MetricInputs, options: MetricOptions) -> list[Score]:
    generated, real = inputs.generated, inputs.real
    assert generated is not None and real is not None and generated.features is not None and real.features is not None
    gap = float(np.linalg.norm(generated.features().mean(axis=0) - real.features().mean(axis=0)))
    if gap == 0:
        raise MetricError.about("mean distance", "the sets are the same", "give others")
    return [Score("mean_distance", gap, len(generated.features()), "distance of the means", seed=options.seed)]


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"features", "real features"}
    monkeypatch.setitem(EXTRACTORS, "mean-color", ExtractorKind(lambda: load_mean_color))
    monkeypatch.setitem(METRICS, "mean", Metric(title="mean distance", needs=needs, compute=mean_distance))


def _folder(folder: Path, base: int) -> Path:
    folder.mkdir()
    for number in range(70):
        pixels = np.random.default_rng(number).integers(base, base + 60, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def _network(tmp_path: Path) -> FeatureExtractor:
    save_release(tmp_path / "net", {"scale": torch.tensor([2.0])}, {"kind": "mean-color"}, "# card", half=False)
    network = load_extractor(tmp_path / "net")
    assert isinstance(network, MeanColor) and network.scale == 2.0
    return network


def test_two_folders_are_measured_by_a_metric_and_a_network_of_ones_own(toys: None, tmp_path: Path) -> None:
    report = evaluate_folders(
        folder_images([_folder(tmp_path / "made", 0)]),
        folder_images([_folder(tmp_path / "real", 150)]),
        reader=_network(tmp_path),
        settings=FolderSettings(workers=1),
        out=tmp_path / "out",
        progress=False,
    )
    assert report is not None
    row = report.row("mean_distance", "pool64")
    assert row.value == pytest.approx(2 * np.sqrt(3) * 300 / 255, rel=0.02) and row.num_samples == 70
    assert row.network == "mean colour" and row.protocol.startswith("distance of the means; generated: 70 pictures")
    assert [row.name for row in report.rows][:2] == ["frechet_distance", "kernel_distance"]


def test_a_model_is_measured_by_them_too_with_real_images_as_yardstick(toys: None, tmp_path: Path) -> None:
    network, rng = _network(tmp_path), np.random.default_rng(0)
    dark, light, other = (rng.integers(low, low + 60, (8, 16, 16, 3), dtype=np.uint8) for low in (0, 150, 150))
    report = MetricReport("t", {}, {}, {})
    readings = [read_images(network, images) for images in (dark, light, other)]
    add_distribution_metrics(report, "all", *readings, network=network, real_protocol="as said", seed=0)
    ours, yardstick = report.row("mean_distance", "all"), report.row("mean_distance_of_real_pictures", "all")
    assert ours.value > 10 * yardstick.value and ours.network == "mean colour"


@pytest.mark.parametrize(("many", "is_measured"), [(8, True), (9, False)])
def test_precision_and_recall_are_of_many_images_only(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int, is_measured: bool
) -> None:
    monkeypatch.setattr(model_rows, "MANY", many)
    network, rng = _network(tmp_path), np.random.default_rng(0)
    images = [rng.integers(low, low + 60, (8, 16, 16, 3), dtype=np.uint8) for low in (0, 0)]
    report = MetricReport("t", {}, {}, {})
    readings = [read_images(network, part) for part in images]
    add_distribution_metrics(report, "all", *readings, None, network=network, real_protocol="as said", seed=0)
    found = {row.name for row in report.rows}
    assert ({"precision", "recall"} <= found) == is_measured and "frechet_distance" in found


def test_what_cannot_be_measured_is_a_note_with_its_reason(toys: None) -> None:
    report = MetricReport("t", {}, {}, {})
    section = ReportSection(report=report, group="all", network="n", weights_sha256="ab")
    absent = {"features": "need images.", "real features": "need real images."}
    measure(section, MetricInputs(absent=absent), MetricOptions())
    # The described class lacks classes besides, which no reader of two folders expects.
    (note,) = report.notes
    assert note.startswith("KID, precision and recall, density and coverage, ") and note.endswith(
        "distance need images."
    )
    assert not report.rows
    section.add("toy", lambda: (_ for _ in ()).throw(MetricError.about("toy", "too few", "give more")))
    assert report.notes[1] == "toy of all: not measured (toy: too few; give more)."


def test_only_what_has_a_choice_takes_a_side(toys: None, tmp_path: Path) -> None:
    _network(tmp_path)
    with pytest.raises(ConfigError, match="one size only"):
        load_extractor(tmp_path / "net", side=96)
