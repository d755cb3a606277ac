"""Rows of a report from two sets of images that a network has read: every metric of the registry that fits them."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from speech2img.features.base import FeatureExtractor
from speech2img.features.inception import BUILD_NAMES
from speech2img.images.input_filters import input_filter
from speech2img.metrics.evaluate.inputs import FeatureSide, MetricInputs, MetricOptions
from speech2img.metrics.evaluate.plan import InceptionPlan
from speech2img.metrics.evaluate.registry import measure
from speech2img.metrics.evaluate.yardsticks.floors import NO_TRAINING, add_floors, part_of
from speech2img.metrics.images.sets import ImageSet, check_sides, repetition_note
from speech2img.metrics.report.report import MetricReport
from speech2img.metrics.report.section import ReportSection
from speech2img.storage.progress import Progress

_BOTH = "need pictures on both sides, not statistics alone."
NOT_STATED = "not told by the statistics"
NO_IMAGES = {name: _BOTH for name in ("real features", "features", "real pixels", "pixels")}
"""Why a metric of single images is not measured of statistics."""


def add_inception_rows(
    report: MetricReport,
    generated: ImageSet,
    real: ImageSet,
    plan: InceptionPlan,
    *,
    reader: FeatureExtractor | None,
    training: ImageSet | None = None,
    group: str = "",
    seed: int = 0,
    progress: bool = True,
) -> int:
    """Measure two sets and add every number that can be had.

    Parameters
    ----------
    report : MetricReport
        Where the rows go; what could not be measured goes into its notes, with the reason.
    generated, real : ImageSet
        The two sets; at most the outputs in ``plan`` are read.
    plan : InceptionPlan
        What to measure.
    reader : FeatureExtractor or None
        The network; None where both sets are statistics of files.
    training : ImageSet or None
        Training pictures, as the network reads them: the floors and what may be copied need them.
    group : str
        What it is measured on, in words, before the name of the output.
    seed : int
        Seed of subsets, shuffles and intervals.
    progress : bool
        Show a progress bar.

    Returns
    -------
    int
        Number of rows added.

    Raises
    ------
    MetricError
        If the two sets were not read alike.
    """
    before = len(report.rows)
    _note_repetition(report, generated, f"{group}, generated" if group else "generated")
    _note_repetition(report, real, f"{group}, real" if group else "real")
    options = MetricOptions(seed=seed, allow_small=plan.allow_small, num_subsets=plan.num_subsets)
    with Progress(total=len(plan.taps) + 2, what="measures", unit="measure", progress=progress) as bar:
        # Distances at every output, and what is measured at the deepest alone.
        for tap in plan.taps:
            is_deepest = tap == plan.taps[-1]
            inputs = MetricInputs(
                generated=FeatureSide.of_set(generated, tap),
                real=FeatureSide.of_set(real, tap),
                training=None if training is None else FeatureSide.of_set(training, tap),
                absent=NO_IMAGES if is_deepest else {},
            )
            section = _section(report, generated, real, plan, reader=reader, group=group, tap=tap)
            measure(section, inputs, options, every_output=not is_deepest or plan.papers_only)
            if not plan.papers_only:
                _add_floors(section, inputs, options, every_output=not is_deepest)
            bar.update()
        bar.update()
        # The score of the classes that the network tells apart.
        if plan.score is not None and generated.features is not None:
            add_score_row(report, generated, plan, reader=reader, group=group, seed=seed)
        bar.update()
    return len(report.rows) - before


def _add_floors(section: ReportSection, inputs: MetricInputs, options: MetricOptions, *, every_output: bool) -> None:
    """The same measures of real pictures, where those of the test are pictures and not statistics alone."""
    generated, real, training = inputs.generated, inputs.real, inputs.training
    assert generated is not None and real is not None
    if training is not None and generated.features is not None:
        count = min(len(generated.ids or ()), len(training.ids or ()))
        rows = np.random.default_rng(options.seed).permutation(len(training.ids or ()))[:count]
        training = part_of(training, sorted(rows.tolist()))
    elif real.features is not None:
        section.note(f"{NO_TRAINING}.")

    def make_section(suffix: str, words: str) -> ReportSection:
        shared = {key: value for key, value in section.details.items() if key != "generated"}
        return replace(section, suffix=suffix, images=f"floor: {words}; read as these", details=shared, warnings=())

    add_floors(make_section, real, training, options, every_output=every_output)


def add_score_row(
    report: MetricReport,
    images: ImageSet,
    plan: InceptionPlan,
    *,
    reader: FeatureExtractor | None,
    group: str = "",
    are_real: bool = False,
    seed: int = 0,
) -> None:
    """Add the Inception Score of one set, or a note why there is none.

    Parameters
    ----------
    report, plan, reader, group, seed
        As for ``add_inception_rows``; the plan has a score.
    images : ImageSet
        Read at the plan's ``score_tap``.
    are_real : bool
        Whether they are real pictures: the yardstick of the same score.
    """
    label = plan.score_label or plan.score_tap
    side = "real" if are_real else "generated"
    _note_repetition(report, images, f"{group}, {side}" if group else side)
    section = _section(report, images, None, plan, reader=reader, group=group, tap=label, are_real=are_real)
    measure(
        section,
        MetricInputs(generated=FeatureSide.logits_of_set(images, plan.score_tap)),
        MetricOptions(seed=seed, score=plan.score),
    )


def _note_repetition(report: MetricReport, images: ImageSet, side: str) -> None:
    """Say once of a set that its pictures repeat each other."""
    if images.features is not None:
        note = repetition_note(side, images.features.num_distinct, len(images.features.ids))
        if note is not None and note not in report.notes:
            report.notes.append(note)


def _section(
    report: MetricReport,
    generated: ImageSet,
    real: ImageSet | None,
    plan: InceptionPlan,
    *,
    reader: FeatureExtractor | None,
    group: str,
    tap: str,
    are_real: bool = False,
) -> ReportSection:
    """Where the numbers of one output go, with all that must be told with them."""
    # Who read the images, and which they are.
    warnings = () if real is None else check_sides(generated, real, tap)
    protocol = next((side.protocol for side in (generated, real) if side is not None and side.protocol), None)
    network = NOT_STATED if protocol is None else protocol.network
    side = "real" if are_real else "generated"
    images = f"{side}: {generated.words}"
    details: dict[str, Any] = {"tap": tap, side: _details(generated)}
    if real is not None:
        images += f"; real: {real.words}"
        details["real"] = _details(real)

    # How they were read.
    if protocol is not None:
        images += f"; {input_filter(protocol.resize).words}"
        details |= {"resize": protocol.resize, "precision": protocol.precision}
        if protocol.precision != "float32":
            warnings += (f"features in {protocol.precision}: for exploring, not for publication",)
    details["build"] = next((key for key, name in BUILD_NAMES.items() if name == network), "unknown")
    if reader is not None:
        details |= {"build": reader.build, "classifier": reader.classifier}
        if reader.build != "fid" and real is not None:
            warnings += ("not the network of FID: comparable with no published FID or KID",)
    if plan.settings.fit != "equal":
        details["fit"] = plan.settings.fit
    return ReportSection(
        report=report,
        group=f"{group}, {tap}" if group else tap,
        network=network,
        weights_sha256=NOT_STATED if protocol is None else protocol.weights_sha256,
        images=images,
        details=details,
        warnings=(*(plan.score_warnings if real is None else ()), *warnings),
        suffix="_of_real_pictures" if are_real else "",
    )


def _details(images: ImageSet) -> dict[str, Any]:
    """One side as fields of JSON; network and filter stand in the row."""
    if images.protocol is None:
        return {"name": images.name, "n": images.num_samples}
    protocol = asdict(images.protocol)
    return {"name": images.name, **{key: protocol[key] for key in ("n", "crop", "fit", "files_sha256")}}
