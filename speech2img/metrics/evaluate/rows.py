"""Rows of a report from two sets of Inception features: FID, KID, precision, recall, Inception Score."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from speech2img.errors import MetricError
from speech2img.features.base import FeatureExtractor
from speech2img.features.inception import BUILD_NAMES
from speech2img.images.input_filters import input_filter
from speech2img.metrics.evaluate.plan import InceptionPlan
from speech2img.metrics.functional.frechet_distance import frechet_score
from speech2img.metrics.functional.inception_score import inception_score
from speech2img.metrics.functional.kernel_distance import kernel_score
from speech2img.metrics.functional.precision_recall import precision_recall
from speech2img.metrics.functional.score import Score
from speech2img.metrics.images.sets import PictureSet, check_sides, repetition_note
from speech2img.metrics.report.report import MetricReport, MetricRow
from speech2img.storage.progress import Progress

UNTOLD = "not told by the statistics"


def add_inception_rows(
    report: MetricReport,
    generated: PictureSet,
    real: PictureSet,
    plan: InceptionPlan,
    *,
    reader: FeatureExtractor | None,
    group: str = "",
    seed: int = 0,
    progress: bool = True,
) -> int:
    """Measure two sets and add every number that can be had.

    Parameters
    ----------
    report : MetricReport
        Where the rows go; what could not be measured goes into its notes, with the reason.
    generated, real : PictureSet
        The two sets; at most the outputs in ``plan`` are read.
    plan : InceptionPlan
        What to measure.
    reader : FeatureExtractor or None
        The network; None where both sets are statistics of files.
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
    with Progress(total=2 * len(plan.taps) + 2, what="measures", unit="measure", progress=progress) as bar:
        for tap in plan.taps:
            add = _Adder(report, generated, real, plan, reader=reader, group=group, tap=tap)
            add("FID", partial(_frechet, generated, real, plan, tap, seed))
            bar.update()
            if generated.features is not None and real.features is not None:
                add("KID", partial(_kernel, generated, real, plan, tap, seed))
            bar.update()
        if plan.taps and generated.features is not None and real.features is not None:
            add("precision and recall", partial(_precision_recall, generated, real, plan.taps[-1], seed))
        elif plan.taps:
            report.notes.append("KID, precision and recall need pictures on both sides, not statistics alone.")
        bar.update()
        if plan.score is not None and generated.features is not None:
            add_score_row(report, generated, plan, reader=reader, group=group, seed=seed)
        bar.update()
    return len(report.rows) - before


def add_score_row(
    report: MetricReport,
    pictures: PictureSet,
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
    pictures : PictureSet
        Read at the plan's ``score_tap``.
    are_real : bool
        Whether they are real pictures: the yardstick of the same score.
    """
    label = plan.score_label or plan.score_tap
    side = "real" if are_real else "generated"
    _note_repetition(report, pictures, f"{group}, {side}" if group else side)
    add = _Adder(report, pictures, None, plan, reader=reader, group=group, tap=label, are_real=are_real)
    add("Inception Score", partial(_inception_score, pictures, plan, seed, are_real))


def _note_repetition(report: MetricReport, pictures: PictureSet, side: str) -> None:
    """Say once of a set that its pictures repeat each other."""
    if pictures.features is not None:
        note = repetition_note(side, pictures.features.num_distinct, len(pictures.features.ids))
        if note is not None and note not in report.notes:
            report.notes.append(note)


class _Adder:
    """Adds the scores of one output with all that must be told with them."""

    def __init__(
        self,
        report: MetricReport,
        generated: PictureSet,
        real: PictureSet | None,
        plan: InceptionPlan,
        *,
        reader: FeatureExtractor | None,
        group: str,
        tap: str,
        are_real: bool = False,
    ) -> None:
        self._report = report
        self._group = f"{group}, {tap}" if group else tap
        warnings = () if real is None else check_sides(generated, real, tap)
        told = next((side.protocol for side in (generated, real) if side is not None and side.protocol), None)
        self._network = UNTOLD if told is None else told.network
        self._weights = UNTOLD if told is None else told.weights_sha256
        side = "real" if are_real else "generated"
        self._pictures = f"{side}: {generated.words}"
        details: dict[str, Any] = {"tap": tap, side: _details(generated)}
        if real is not None:
            self._pictures += f"; real: {real.words}"
            details["real"] = _details(real)
        if told is not None:
            self._pictures += f"; {input_filter(told.resize).words}"
            details |= {"resize": told.resize, "precision": told.precision}
            if told.precision != "float32":
                warnings += (f"features in {told.precision}: for exploring, not for publication",)
        details["build"] = next((key for key, name in BUILD_NAMES.items() if name == self._network), "unknown")
        if reader is not None:
            details |= {"build": reader.build, "classifier": reader.classifier}
            if reader.build != "fid" and real is not None:
                warnings += ("not the network of FID: comparable with no published FID or KID",)
        if plan.settings.fit != "equal":
            details["fit"] = plan.settings.fit
        self._warnings, self._details = warnings, details

    def __call__(self, what: str, measure: Callable[[], Sequence[Score]]) -> None:
        try:
            scores = measure()
        except MetricError as error:
            self._report.notes.append(f"{what} of {self._group}: not measured ({error}).")
            return
        for score in scores:
            marked = replace(score, warnings=(*score.warnings, *self._warnings))
            self._report.add(
                MetricRow.of(
                    marked,
                    group=self._group,
                    network=self._network,
                    weights_sha256=self._weights,
                    pictures=self._pictures,
                    details=self._details,
                )
            )


def _details(pictures: PictureSet) -> dict[str, Any]:
    """One side as fields of JSON; network and filter stand in the row."""
    if pictures.protocol is None:
        return {"name": pictures.name, "n": pictures.num_samples}
    told = asdict(pictures.protocol)
    return {"name": pictures.name, **{key: told[key] for key in ("n", "crop", "fit", "files_sha256")}}


def _frechet(generated: PictureSet, real: PictureSet, plan: InceptionPlan, tap: str, seed: int) -> list[Score]:
    score = frechet_score(
        generated.gaussian(tap),
        real.gaussian(tap),
        features_a=generated.rows(tap),
        features_b=real.rows(tap),
        allow_small=plan.allow_small,
        seed=seed,
    )
    if score.num_samples < 1:
        raise MetricError.about(
            generated.name, "does not say of how many pictures it is", "give the pictures, or a file of --save-stats"
        )
    return [score]


def _kernel(generated: PictureSet, real: PictureSet, plan: InceptionPlan, tap: str, seed: int) -> list[Score]:
    made, true = generated.rows(tap), real.rows(tap)
    assert made is not None and true is not None
    return [kernel_score(made, true, num_subsets=plan.num_subsets, ids_a=generated.ids, ids_b=real.ids, seed=seed)]


def _precision_recall(generated: PictureSet, real: PictureSet, tap: str, seed: int) -> Sequence[Score]:
    made, true = generated.rows(tap), real.rows(tap)
    assert made is not None and true is not None
    return precision_recall(made, true, ids_generated=generated.ids, ids_real=real.ids, seed=seed)


def _inception_score(pictures: PictureSet, plan: InceptionPlan, seed: int, are_real: bool) -> list[Score]:
    rule, logits = plan.score, pictures.rows(plan.score_tap)
    assert rule is not None and logits is not None
    score = inception_score(
        logits,
        num_splits=rule.num_splits,
        order=rule.order,
        ids=pictures.ids,
        leave_out_first=rule.leave_out_first,
        whole_batches_of=rule.whole_batches_of,
        equal_splits=rule.equal_splits,
        seed=seed,
    )
    name = f"{score.name}_of_real_pictures" if are_real else score.name
    return [replace(score, name=name, warnings=(*score.warnings, *plan.score_warnings))]
