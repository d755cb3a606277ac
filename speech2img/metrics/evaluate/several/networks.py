"""Ratios of a distance to that of training pictures, by several networks: the one that finds the most fault counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from speech2img.errors import ConfigError, MetricError
from speech2img.features.base import FeatureExtractor
from speech2img.features.layers import POOLS
from speech2img.metrics.evaluate.folder_plan import FolderSettings
from speech2img.metrics.evaluate.plan import make_plan
from speech2img.metrics.functional.distance_ratio import NetworkDistance, ratio_scores
from speech2img.metrics.functional.sliced_wasserstein import mind_score
from speech2img.metrics.images.features import ImageFeatures, extract_features
from speech2img.metrics.images.sources import ImageSource
from speech2img.metrics.report.report import MetricReport
from speech2img.metrics.report.section import ReportSection

ALL_NETWORKS = "all networks"
"""What the worst ratio is measured on."""


@dataclass(frozen=True)
class ThreeSides:
    """Pictures that a ratio needs."""

    generated: ImageSource
    real: ImageSource
    training: ImageSource


def require_names_apart(readers: Sequence[FeatureExtractor], files: Sequence[Path]) -> None:
    """Refuse two networks of one name: a table could not tell them apart; ConfigError names both files."""
    first: dict[str, Path] = {}
    for reader, file in zip(readers, files, strict=True):
        if reader.name in first:
            reason = f"it and {first[reader.name]} are both called {reader.name!r}"
            raise ConfigError.about(f"--network {file}", reason, "give each network once, or a release of another name")
        first[reader.name] = file


def add_ratio_rows(
    report: MetricReport,
    sides: ThreeSides,
    readers: Sequence[FeatureExtractor],
    settings: FolderSettings,
    *,
    work: Path | None,
    progress: bool = True,
) -> None:
    """Add for every network how many times farther the generated pictures are than training pictures, by MIND.

    Parameters
    ----------
    report : MetricReport
        Where the rows go, a group a network; what cannot be measured becomes a note.
    sides : ThreeSides
        Generated, real test and real training pictures. All are cut to the size of the smallest set: MIND grows for
        fewer pictures.
    readers : sequence of FeatureExtractor
        The networks, of different names.
    settings : FolderSettings
        Protocol, fit, side, seed.
    work : Path or None
        Folder for finished features.
    progress : bool
        Show progress bars.
    """
    distances: dict[str, NetworkDistance] = {}
    for reader in readers:
        made, true, training = (
            _read(source, reader, settings, work=work, progress=progress)
            for source in (sides.generated, sides.real, sides.training)
        )
        tap = _deepest(reader)
        # Both distances to the same real pictures, of as many pictures.
        count = min(len(made.ids), len(training.ids))
        pairs = {"generated": made, "training": training}
        scores = {
            name: mind_score(
                features.features[tap][:count] if len(features.ids) == count else features.features[tap],
                true.features[tap],
                ids_generated=features.ids,
                ids_real=true.ids,
                num_bootstrap=100 if name == "generated" else 0,
                seed=settings.seed,
            )
            for name, features in pairs.items()
        }
        distances[reader.name] = NetworkDistance(
            scores["generated"].value,
            scores["training"].value,
            scores["generated"].num_samples,
            scores["generated"].interval,
        )
    _add(report, distances, readers, seed=settings.seed)


def _add(
    report: MetricReport, distances: Mapping[str, NetworkDistance], readers: Sequence[FeatureExtractor], *, seed: int
) -> None:
    """The rows: each network's under its own name, the worst under all of them."""
    try:
        *each, worst = ratio_scores(distances, what="MIND", seed=seed)
    except MetricError as error:
        report.notes.append(f"Distance ratio: not measured ({error}).")
        return
    hashes = [reader.weights_sha256 for reader in readers]
    named = [
        *zip(each, [reader.name for reader in readers], hashes, strict=True),
        (worst, ALL_NETWORKS, "+".join(hashes)),
    ]
    for score, name, sha256 in named:
        section = ReportSection(report=report, group=name, network=name, weights_sha256=sha256)
        section.add("distance ratio", lambda score=score: [score])  # type: ignore[misc]


def _deepest(reader: FeatureExtractor) -> str:
    return [tap for tap in POOLS if tap in reader.outputs][-1]


def _read(
    source: ImageSource, reader: FeatureExtractor, settings: FolderSettings, *, work: Path | None, progress: bool
) -> ImageFeatures:
    plan = make_plan(reader, protocol=settings.protocol, taps=(_deepest(reader),), fit=settings.fit, side=settings.side)
    return extract_features(
        source,
        reader,
        settings=plan.real_settings,
        batch_size=settings.batch_size,
        workers=settings.workers,
        work=work,
        progress=progress,
    )
