"""Every metric: a row says what it needs and how it is computed; a model and two folders are measured by the same rows.

To add one, add a row: ``METRICS["mine"] = Metric("my distance", needs={"features", "real features"}, compute=...)``.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from speech2img.errors import MetricError
from speech2img.metrics.evaluate.inputs import MetricInputs, MetricOptions
from speech2img.options import Option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from speech2img.metrics.functional.score import Score
    from speech2img.metrics.report.section import ReportSection

Compute = Callable[[MetricInputs, MetricOptions], "Sequence[Score]"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One kind of number."""

    title: str
    """What messages call it."""
    needs: Collection[str]
    """Names of what it is computed from; see `MetricInputs`."""
    compute: Compute
    """Raises MetricError where it cannot be measured; the reason then becomes a note of the report."""
    every_output: bool = False
    """Whether it is measured at every output of a network; otherwise at the deepest that is read."""
    options: tuple[Option, ...] = ()
    """What the command line takes for it; the value is a field of `MetricOptions`."""


def _frechet(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.functional.frechet_distance import frechet_score

    # A file of statistics has no features, so no interval.
    generated, real = inputs.generated, inputs.real
    assert generated is not None and real is not None and generated.gaussian is not None and real.gaussian is not None
    score = frechet_score(
        generated.gaussian(),
        real.gaussian(),
        features_a=None if generated.features is None else generated.features(),
        features_b=None if real.features is None else real.features(),
        allow_small=options.allow_small,
        seed=options.seed,
    )
    if score.num_samples < 1:
        raise MetricError.about(
            generated.name, "does not say of how many pictures it is", "give the pictures, or a file of --save-stats"
        )
    return [score]


def _kernel(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.functional.kernel_distance import kernel_score

    made, true = _both(inputs)
    score = kernel_score(
        made.rows,
        true.rows,
        num_subsets=options.num_subsets,
        subset_size=options.subset_size,
        ids_a=made.ids,
        ids_b=true.ids,
        seed=options.seed,
    )
    return [score]


def _precision_recall(inputs: MetricInputs, options: MetricOptions) -> "Sequence[Score]":
    from speech2img.metrics.functional.precision_recall import precision_recall

    made, true = _both(inputs)
    return precision_recall(made.rows, true.rows, ids_generated=made.ids, ids_real=true.ids, seed=options.seed)


def _rbf_kernel(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.functional.rbf_distance import rbf_score

    made, true = _both(inputs)
    score = rbf_score(
        made.rows,
        true.rows,
        num_subsets=options.num_subsets,
        subset_size=options.subset_size,
        ids_a=made.ids,
        ids_b=true.ids,
        seed=options.seed,
    )
    return [score]


def _frechet_infinity(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.functional.frechet_infinity import frechet_infinity_score

    made, true = _both(inputs)
    score = frechet_infinity_score(
        made.rows,
        true.rows,
        allow_small=options.allow_small,
        ids_generated=made.ids,
        ids_real=true.ids,
        seed=options.seed,
    )
    return [score]


def _mind(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.functional.sliced_wasserstein import mind_score

    made, true = _both(inputs)
    return [mind_score(made.rows, true.rows, ids_generated=made.ids, ids_real=true.ids, seed=options.seed)]


def _density_coverage(inputs: MetricInputs, options: MetricOptions) -> "Sequence[Score]":
    from speech2img.metrics.functional.density_coverage import density_coverage

    made, true = _both(inputs)
    return density_coverage(made.rows, true.rows, ids_generated=made.ids, ids_real=true.ids, seed=options.seed)


def _wavelet(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    import numpy as np

    from speech2img.metrics.functional.wavelet_distance import MOST_IMAGES, wavelet_score

    generated, real = inputs.generated, inputs.real
    assert generated is not None and real is not None and generated.pixels is not None and real.pixels is not None
    # Few enough to be held in memory, by the seed.
    made, true = (
        sorted(np.random.default_rng(options.seed).permutation(len(side.ids or ()))[:MOST_IMAGES].tolist())
        for side in (generated, real)
    )
    score = wavelet_score(
        generated.pixels(made),
        real.pixels(true),
        ids_generated=[(generated.ids or ())[row] for row in made],
        ids_real=[(real.ids or ())[row] for row in true],
        seed=options.seed,
    )
    return [score]


def _memorisation(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.functional.memorisation import memorisation

    made, true = _both(inputs)
    assert inputs.training is not None and inputs.training.features is not None
    return memorisation(made.rows, true.rows, inputs.training.features()).scores(seed=options.seed)


class _Rows(NamedTuple):
    """Features of one side, and the names of its pictures."""

    rows: "NDArray[np.float32]"
    ids: "Sequence[str] | None"


def _both(inputs: MetricInputs) -> tuple[_Rows, _Rows]:
    """Generated and real pictures by their features."""
    generated, real = inputs.generated, inputs.real
    assert generated is not None and real is not None and generated.features is not None and real.features is not None
    return _Rows(generated.features(), generated.ids), _Rows(real.features(), real.ids)


def _described_class(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.functional.class_probe import class_probe

    generated, real = inputs.generated, inputs.real
    assert generated is not None and real is not None and generated.features is not None and real.features is not None
    assert generated.classes is not None and real.classes is not None
    found = class_probe(generated.features(), generated.classes, real.features(), real.classes, seed=options.seed)
    return found.scores(seed=options.seed)


def _inception_score(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.functional.inception_score import inception_score

    # The rule says splits, order and which outputs count.
    generated, rule = inputs.generated, options.score
    assert generated is not None and generated.logits is not None and rule is not None
    score = inception_score(
        generated.logits(),
        num_splits=rule.num_splits,
        order=rule.order,
        ids=generated.ids,
        leave_out_first=rule.leave_out_first,
        whole_batches_of=rule.whole_batches_of,
        equal_splits=rule.equal_splits,
        seed=options.seed,
    )
    return [score]


def _r_precision(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    assert inputs.matching is not None
    return inputs.matching.r_precision()


def _recall(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    assert inputs.ranking is not None
    return inputs.ranking.recall()


def _by_class(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    assert inputs.ranking is not None
    return inputs.ranking.by_class()


def _spoken_attributes(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.evaluate.model_scores import spoken_attribute_scores

    assert inputs.spoken_attributes is not None
    return spoken_attribute_scores(inputs.spoken_attributes, seed=options.seed)


def _speech_centroids(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.evaluate.model_scores import speech_centroid_scores

    assert inputs.spoken_classes is not None
    return speech_centroid_scores(inputs.spoken_classes, seed=options.seed)


def _class_centroids(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.evaluate.model_scores import image_centroid_scores

    assert inputs.image_classes is not None
    return image_centroid_scores(inputs.image_classes, seed=options.seed)


def _diversity(inputs: MetricInputs, options: MetricOptions) -> "list[Score]":
    from speech2img.metrics.evaluate.model_scores import diversity_scores

    assert inputs.image_sets is not None
    return diversity_scores(inputs.image_sets, seed=options.seed)


ALLOW_SMALL = Option(
    "allow_small", "compute FID of no more pictures than dimensions, with a warning", is_flag=True, default=False
)

METRICS: dict[str, Metric] = {
    "fid": Metric(
        title="FID",
        needs={"statistics", "real statistics"},
        compute=_frechet,
        every_output=True,
        options=(ALLOW_SMALL,),
    ),
    "kid": Metric(title="KID", needs={"features", "real features"}, compute=_kernel, every_output=True),
    "precision_recall": Metric(
        title="precision and recall", needs={"features", "real features"}, compute=_precision_recall
    ),
    "density_coverage": Metric(
        title="density and coverage", needs={"features", "real features"}, compute=_density_coverage
    ),
    "rbf_kernel": Metric(title="KID with a Gaussian kernel", needs={"features", "real features"}, compute=_rbf_kernel),
    "frechet_infinity": Metric(title="FD-infinity", needs={"features", "real features"}, compute=_frechet_infinity),
    "mind": Metric(title="MIND", needs={"features", "real features"}, compute=_mind),
    "wavelet": Metric(title="wavelet distance", needs={"pixels", "real pixels"}, compute=_wavelet),
    "memorisation": Metric(
        title="memorisation", needs={"features", "real features", "training features"}, compute=_memorisation
    ),
    "described_class": Metric(
        title="described class found",
        needs={"features", "classes", "real features", "real classes"},
        compute=_described_class,
    ),
    "inception_score": Metric(title="Inception Score", needs={"logits"}, compute=_inception_score),
    "r_precision": Metric(title="R-precision", needs={"matching"}, compute=_r_precision),
    "recall": Metric(title="Recall between pictures", needs={"ranking"}, compute=_recall),
    "map": Metric(title="mAP by class", needs={"ranking"}, compute=_by_class),
    "spoken_attributes": Metric(
        title="spoken-attribute accuracy", needs={"spoken_attributes"}, compute=_spoken_attributes
    ),
    "speech_centroids": Metric(title="speech centroid accuracy", needs={"spoken_classes"}, compute=_speech_centroids),
    "class_centroids": Metric(title="class-centroid accuracy", needs={"image_classes"}, compute=_class_centroids),
    "diversity": Metric(title="diversity", needs={"image_sets"}, compute=_diversity),
}
"""Name -> metric, in the order of a report's rows."""


def measure(
    section: "ReportSection",
    inputs: MetricInputs,
    options: MetricOptions,
    *,
    every_output: bool = False,
    without: Collection[str] = (),
) -> None:
    """Add every number that can be had of what is at hand.

    Parameters
    ----------
    section : ReportSection
        Where the rows go; what could not be measured goes into the report's notes, with the reason.
    inputs : MetricInputs
        What there is.
    options : MetricOptions
        How to compute.
    every_output : bool
        Only the metrics that are measured at every output of a network.
    without : collection of str
        Names of metrics that this evaluation leaves out.
    """
    lacking: dict[str, list[str]] = {}
    at_hand = inputs.at_hand
    for name, metric in METRICS.items():
        if name in without or (every_output and not metric.every_output):
            continue
        missing = set(metric.needs) - at_hand
        if not missing:
            section.add(metric.title, partial(metric.compute, inputs, options))
        elif missing <= inputs.absent.keys():
            lacking.setdefault(inputs.absent[min(missing)], []).append(metric.title)
    for reason, titles in lacking.items():
        section.note(f"{', '.join(titles)} {reason}")
