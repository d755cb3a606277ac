"""Any two sets of pictures, from whichever model: FID, KID, Inception Score, precision and recall into a report."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speech2img.errors import ConfigError, MetricError
from speech2img.metrics.inception_input import input_filter
from speech2img.metrics.inception_plan import InceptionPlan, make_plan
from speech2img.metrics.inception_reader import InceptionReader
from speech2img.metrics.inception_rows import UNTOLD, add_inception_rows
from speech2img.metrics.picture_features import FITS, FeatureSettings, extract_features
from speech2img.metrics.picture_sets import (
    PictureSet,
    check_against_network,
    check_count,
    read_statistics,
    save_set,
    tap_of,
)
from speech2img.metrics.picture_sources import PictureSource
from speech2img.metrics.protocols import find_protocol
from speech2img.metrics.published import comparison_markdown, is_published_set
from speech2img.metrics.report import MetricReport

Side = PictureSource | Path
"""Pictures, or the ``.npz`` with statistics of such."""


@dataclass(frozen=True, kw_only=True)
class FolderSettings:
    """How two sets are compared."""

    protocol: str | None = None
    """Name in ``PROTOCOLS``; None: as pytorch-fid, at all outputs that the weights reach."""
    taps: tuple[str, ...] = ()
    """Outputs wanted; empty: the protocol's, or all."""
    fit: str | None = None
    """Of ``FITS``; None: the protocol's, else pictures of unequal sizes are refused."""
    side: int | None = None
    """Pixels, for ``squash`` and ``middle``."""
    allow_small: bool = False
    """Compute, with a warning, a FID of no more pictures than dimensions."""
    corpus: str = ""
    """Corpus whose published numbers are shown beside, or empty."""
    seed: int = 0
    batch_size: int = 16
    workers: int = 2


def evaluate_folders(
    generated: Side | None, real: Side, *, reader: InceptionReader | None, settings: FolderSettings, out: Path,
    save_stats: Path | None = None, progress: bool = True,
) -> MetricReport | None:  # fmt: skip
    """Compare generated with real pictures and write ``report.json`` and ``report.md``.

    Parameters
    ----------
    generated : PictureSource, Path or None
        The pictures or their statistics; None to make statistics of the real ones alone.
    real : PictureSource or Path
        The same of the real pictures.
    reader : InceptionReader or None
        The network; None if both sides are statistics.
    settings : FolderSettings
        How to compare.
    out : Path
        Folder of the report; finished features are kept in its ``work``, where an interrupted call goes on.
    save_stats : Path or None
        Write the statistics of the real pictures at the deepest output here.
    progress : bool
        Show progress bars on standard error.

    Returns
    -------
    MetricReport or None
        None without generated pictures.

    Raises
    ------
    ConfigError
        If there are pictures but no network, or nothing to do.
    DataError, ImageError
        If a picture, folder or statistics file cannot be used; it is named.
    MetricError
        If the two sides were not read alike, or no number can be measured.
    """
    sides = [side for side in (generated, real) if side is not None]
    stored = {side: read_statistics(side) for side in sides if isinstance(side, Path)}
    for side in sides:
        if not isinstance(side, Path):
            check_count(side)
    if isinstance(real, Path) and (save_stats is not None or generated is None):
        raise ConfigError.about(real, "statistics already", "give a folder of real pictures to make them of")
    if generated is None and save_stats is None:
        raise ConfigError.about("evaluate", "no generated pictures", "give --generated, or --save-stats")
    plan = _plan(reader, stored, settings, has_pictures=any(not isinstance(side, Path) for side in sides))
    sets: list[PictureSet] = []
    for side in sides:
        if isinstance(side, Path):
            sets.append(stored[side])
            continue
        assert reader is not None
        wanted = plan.settings if side is generated else plan.real_settings
        sets.append(PictureSet(side.name, extract_features(
            side, reader, settings=wanted, batch_size=settings.batch_size, workers=settings.workers,
            work=out / "work", progress=progress,
        )))  # fmt: skip
    if save_stats is not None:
        save_set(save_stats, sets[-1], plan.taps[-1])
    if generated is None:
        return None
    report = _report(sets[0], sets[1], plan, reader, settings)
    if not add_inception_rows(report, sets[0], sets[1], plan, reader=reader, seed=settings.seed, progress=progress):
        raise MetricError.about("evaluation", " ".join(report.notes), "give more pictures, or --allow-small")
    _compare(report, settings, tap=plan.taps[-1], num_real=sets[1].num_samples)
    report.save(out)
    return report


def _plan(reader: InceptionReader | None, stored: dict[Path, PictureSet], settings: FolderSettings, *,
          has_pictures: bool) -> InceptionPlan:  # fmt: skip
    """What to measure; statistics of a file restrict it to their own output."""
    taps = {tap_of(statistics): statistics for statistics in stored.values()}
    if len(taps) > 1:
        raise MetricError.about("statistics", f"of {' and '.join(taps)}", "give those of one output of the network")
    if not has_pictures:
        _check_filter(stored.values(), settings.protocol)
        return InceptionPlan(settings=FeatureSettings(taps=tuple(taps)), taps=tuple(taps),
                             allow_small=settings.allow_small)  # fmt: skip
    if reader is None:
        raise ConfigError.about(
            "evaluate", "no network reads the pictures",
            "give --network with pt_inception-2015-12-05-*.pth, or what 'speech2img import fid-inception' made of it",
        )  # fmt: skip
    wanted = settings.taps
    if taps:
        (tap,) = taps
        if wanted and tap not in wanted:
            raise ConfigError.about(taps[tap].name, f"statistics of {tap}", f"choose --taps {tap}")
        also = "logits" in wanted or (not wanted and reader.classifier is not None)
        wanted = (tap, "logits") if also else (tap,)
    plan = make_plan(
        reader, protocol=settings.protocol, taps=wanted, corpus=settings.corpus, fit=settings.fit,
        side=settings.side, allow_small=settings.allow_small,
    )  # fmt: skip
    if not plan.taps:
        raise ConfigError.about("--taps logits", "no output for distances", "add pool2048, or leave --taps out")
    for statistics in taps.values():
        check_against_network(statistics, reader, plan.settings)
    return plan


def _check_filter(stored: Iterable[PictureSet], protocol: str | None) -> None:
    """Refuse statistics whose resize filter is not that of the protocol they are said to follow."""
    wanted = None if protocol is None else find_protocol(protocol).frechet.input_filter
    for statistics in stored:
        if wanted is not None and statistics.protocol is not None and statistics.protocol.resize != wanted:
            raise MetricError.about(
                statistics.name, f"pictures resized by {statistics.protocol.resize}, protocol {protocol} by {wanted}",
                "make the statistics again with that --protocol",
            )  # fmt: skip


def _report(generated: PictureSet, real: PictureSet, plan: InceptionPlan, reader: InceptionReader | None,
            settings: FolderSettings) -> MetricReport:  # fmt: skip
    told: dict[str, Any] = {"seed": settings.seed, "protocol": settings.protocol or "as pytorch-fid"}
    if reader is not None:
        told |= {
            "network": reader.name, "weights": reader.weights_sha256, "precision": reader.precision,
            "resize": input_filter(plan.settings.resize).words,
            "fit": FITS[plan.settings.fit].format(side=plan.settings.side),
        }  # fmt: skip
    report = MetricReport(
        title="Generated pictures against real ones", model=_side(generated),
        corpus={**({"name": settings.corpus} if settings.corpus else {}), **_side(real)}, settings=told,
        notes=list(plan.notes),
    )  # fmt: skip
    if settings.protocol is not None:
        report.sections[f"Protocol {settings.protocol}"] = [
            f"- {line}" for line in find_protocol(settings.protocol).describe()
        ]
        report.notes.append(
            "Two folders do not tell how pictures were chosen, drawn and cropped: of the protocol, resizing, network "
            "outputs, splits and order are followed here, the rest is yours to have followed."
        )
    return report


def _side(pictures: PictureSet) -> dict[str, Any]:
    return {
        "pictures": pictures.name, "n": pictures.num_samples or UNTOLD,
        "files sha256": UNTOLD if pictures.protocol is None else pictures.protocol.files_sha256,
    }  # fmt: skip


def _compare(report: MetricReport, settings: FolderSettings, *, tap: str, num_real: int | None) -> None:
    if not settings.corpus:
        return
    lines = comparison_markdown(
        [row for row in report.rows if row.group == tap or row.name != "frechet_distance"], corpus=settings.corpus,
        protocol=settings.protocol, made_from="",
        is_whole_test_set=is_published_set(settings.corpus, settings.protocol, num_real),
    )  # fmt: skip
    if lines:
        report.sections["Beside published numbers"] = [
            *lines, "", "Whether the pictures are those of the published split is judged by their number alone.",
        ]  # fmt: skip
    else:
        report.notes.append(f"There are no published numbers of {settings.corpus} to compare with.")
