"""From what was made of a group of utterances to rows of the report: one function a family of metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speech2img.features.attributes import AttributeClassifier
from speech2img.features.base import FeatureExtractor, FeatureReading, read_images
from speech2img.metrics.evaluate.inputs import (
    FeatureSide,
    ImageClasses,
    MetricInputs,
    MetricOptions,
    SpokenAttributes,
    SpokenClasses,
)
from speech2img.metrics.evaluate.model_scores import UTTERANCES_PROTOCOL
from speech2img.metrics.evaluate.registry import measure
from speech2img.metrics.evaluate.yardsticks.floors import add_floors
from speech2img.metrics.evaluate.yardsticks.training_images import TrainingImages
from speech2img.metrics.functional.diversity import diversity, flat_pixels
from speech2img.metrics.functional.score import Score
from speech2img.metrics.functional.spoken_attributes import Mentions, Readings, score_by_attribute
from speech2img.metrics.report.protocols import InceptionScoreRule
from speech2img.metrics.report.report import MetricReport
from speech2img.metrics.report.section import ReportSection

COLLAPSED = 0.2
"""A generator whose pictures of one utterance vary less than this part of the real ones is called collapsed."""
_NO_RETRIEVAL = "{group}: retrieval not measured ({error})."
LEFT_OUT = ("precision_recall", "density_coverage", "frechet_infinity")
"""Metrics that mean little of few pictures of one group."""
MANY = 1000
"""So many pictures are no longer few."""


@dataclass(frozen=True)
class RetrievalArrays:
    """Teacher features of real images, and speech embeddings about the same classes."""

    image_features: NDArray[np.floating]
    """(N, D) in the space of the embeddings."""
    image_classes: Sequence[int]
    """Length N."""
    teacher: str
    """Name of the network that made the features."""
    teacher_sha256: str
    """Hash of its weights."""
    speech_embeddings: NDArray[np.floating] | None = None
    """(U, D); None: the embeddings of the utterances evaluated."""
    speech_classes: Sequence[int] | None = None
    """Length U."""


def add_spoken_attributes(
    report: MetricReport,
    group: str,
    readings: Readings,
    mentions: Mentions,
    real_readings: Readings,
    *,
    manner: frozenset[str] = frozenset(),
    judge: AttributeClassifier,
    seed: int,
) -> None:
    """Spoken-attribute accuracy of a group: all mentions, those in words, those by the manner; and by attribute.

    ``manner`` names the attributes of the corpus that only the manner of speaking gives.
    """
    section = ReportSection(report=report, group=group, network=judge.name, weights_sha256=judge.weights_sha256)
    spoken = SpokenAttributes(readings, mentions, real_readings, manner)
    measure(section, MetricInputs(spoken_attributes=spoken), MetricOptions(seed=seed))
    report.attributes[group] = score_by_attribute(readings, mentions, real_readings=real_readings, seed=seed)


def add_distribution_metrics(
    report: MetricReport,
    group: str,
    generated: FeatureReading,
    real: FeatureReading,
    other_real: FeatureReading | None,
    *,
    network: FeatureExtractor,
    real_protocol: str,
    training: TrainingImages | None = None,
    seed: int,
) -> None:
    """Distances to the real pictures, Inception Score; the same for real pictures as yardsticks.

    Parameters
    ----------
    report : MetricReport
        Where the rows go.
    group : str
        What they are measured on, in words.
    generated, real : FeatureReading
        The two sets.
    other_real : FeatureReading or None
        As many real pictures of other items, whose distance to ``real`` is that of a perfect generator.
    network : FeatureExtractor
        What read them.
    real_protocol : str
        Crop and choice of the real pictures, in words.
    training : TrainingImages or None
        Real training pictures, for their floor and for what may be copied of them.
    seed : int
        Seed of subsets, shuffles and intervals.
    """
    count = len(generated.features)
    real_words = f"real pictures {real_protocol}"

    def section(suffix: str, protocol: Callable[[Score], str]) -> ReportSection:
        return ReportSection(
            report=report,
            group=group,
            network=network.features_name,
            weights_sha256=network.weights_sha256,
            suffix=suffix,
            protocol=protocol,
        )

    # Distances to the real pictures; of other real pictures, for comparison.
    reference = FeatureSide.of_reading(real, name="real")
    yardsticks = [] if other_real is None else [("_of_real_pictures", other_real, "other real pictures of the split")]
    for suffix, reading, what in [("", generated, UTTERANCES_PROTOCOL), *yardsticks]:
        against = f"{what}, against {count} {real_words}"
        options = MetricOptions(
            seed=seed, allow_small=True, num_subsets=50, subset_size=max(2, min(len(reading.features), count) // 2)
        )
        measure(
            section(suffix, lambda score, against=against: _distance_words(score, against)),  # type: ignore[misc]
            MetricInputs(
                generated=FeatureSide.of_reading(reading, name=what),
                real=reference,
                training=training.side() if training is not None and not suffix else None,
            ),
            options,
            without=LEFT_OUT if count < MANY else (),
        )
    add_floors(
        lambda suffix, words: section(suffix, lambda score: _distance_words(score, f"{words}, {real_protocol}")),
        reference,
        None if training is None else training.some(count),
        MetricOptions(seed=seed, allow_small=True, num_subsets=50, subset_size=max(2, count // 2)),
        without=LEFT_OUT if count < MANY else (),
    )

    # Scores of the classes that the network tells apart.
    if generated.logits.shape[1] == 0:
        note = f"{network.features_name} has no classifier, so no Inception Score is measured by it."
        report.notes += [note] if note not in report.notes else []
        return
    splits = 10 if count >= 500 else 1
    for suffix, reading, what in (("", generated, UTTERANCES_PROTOCOL), ("_of_real_pictures", real, real_words)):
        words = f"{what}; classifier: {network.classes}, so NOT the customary score; {splits} split(s), shuffled"
        measure(
            section(suffix, lambda score, words=words: words),  # type: ignore[misc]
            MetricInputs(generated=FeatureSide.logits_of_reading(reading, name=what)),
            MetricOptions(seed=seed, score=InceptionScoreRule(classifier="own", num_splits=splits)),
        )


def _distance_words(score: Score, against: str) -> str:
    """How a distance by a network of one's own was measured."""
    if score.name == "frechet_distance":
        return (
            f"{against}; pooled features of this network, so NOT the customary FID; biased upwards by the small number "
            "of pictures: compare with the row of real pictures only"
        )
    if score.name == "kernel_distance":
        return f"{against}; unbiased, cubic kernel, 50 subsets of half the pictures, pooled features of this network"
    return f"{score.protocol}; {against}; pooled features of this network"


def add_diversity(
    report: MetricReport, sets: Mapping[str, Sequence[NDArray[np.uint8]]], *, network: FeatureExtractor, seed: int
) -> None:
    """Mean pairwise distance within sets of pictures, in features and in pixels, for each kind of set."""
    # In the features of the network, and in plain pixels.
    for group, images in sets.items():
        for suffix, vectors, space, name, sha256 in (
            (
                "_features",
                [read_images(network, some).features for some in images],
                "pooled features of this network",
                network.features_name,
                network.weights_sha256,
            ),
            ("_pixels", [flat_pixels(some) for some in images], "pixels in 0..1 (root mean square)", "none", "none"),
        ):
            section = ReportSection(
                report=report,
                group=group,
                network=name,
                weights_sha256=sha256,
                suffix=suffix,
                protocol=lambda score, space=space: (  # type: ignore[misc]
                    f"{score.protocol}, in {space}; interval by resampling sets; n = pictures"
                ),
            )
            measure(section, MetricInputs(image_sets=vectors), MetricOptions(seed=seed))


def is_collapsed(
    generated: Sequence[NDArray[np.uint8]], real: Sequence[NDArray[np.uint8]], *, network: FeatureExtractor
) -> bool:
    """Whether the pictures of one utterance vary, in features, by less than ``COLLAPSED`` of what the real ones do."""
    made, drawn = (
        diversity([read_images(network, images).features for images in sets]).value for sets in (generated, real)
    )
    return made < COLLAPSED * drawn


def add_speech_retrieval(
    report: MetricReport,
    group: str,
    embeddings: NDArray[np.floating],
    classes: Sequence[int],
    items: Sequence[str],
    *,
    model: str,
    model_sha256: str,
    seed: int,
) -> None:
    """Does an utterance lie nearest to the utterances about its own class?"""
    section = ReportSection(
        report=report,
        group=group,
        network=f"{model}, speech encoder",
        weights_sha256=model_sha256,
        refusal=_NO_RETRIEVAL,
    )
    spoken = SpokenClasses(embeddings, classes, items)
    measure(section, MetricInputs(spoken_classes=spoken), MetricOptions(seed=seed))


def add_cross_retrieval(
    report: MetricReport,
    group: str,
    arrays: RetrievalArrays,
    embeddings: NDArray[np.floating],
    classes: Sequence[int],
    *,
    seed: int,
) -> None:
    """Class-centroid accuracy and AP@50 of Li et al.: real images classified by the centroids of speech."""
    speech = embeddings if arrays.speech_embeddings is None else arrays.speech_embeddings
    spoken = classes if arrays.speech_classes is None else arrays.speech_classes
    section = ReportSection(
        report=report,
        group=group,
        network=f"teacher: {arrays.teacher}",
        weights_sha256=arrays.teacher_sha256,
        images=f"image features of the teacher against the class centroids of {len(speech)} speech embeddings, dot "
        "product not normalised (Li et al. 2020); n = images",
        refusal=_NO_RETRIEVAL,
    )
    by_class = ImageClasses(arrays.image_features, arrays.image_classes, speech, spoken)
    measure(section, MetricInputs(image_classes=by_class), MetricOptions(seed=seed))
