"""From pictures and readings to rows of the report: one function a family of metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speech2img.features.attributes import AttributeClassifier
from speech2img.features.base import FeatureExtractor, FeatureReading, read_images
from speech2img.metrics.functional.bootstrap import mean_interval
from speech2img.metrics.functional.class_centroids import (
    class_centroid_scores,
    k_way_centroid_accuracy,
    k_way_interval,
    leave_one_out_hits,
)
from speech2img.metrics.functional.diversity import Diversity, diversity, flat_pixels
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_score
from speech2img.metrics.functional.inception_score import inception_score
from speech2img.metrics.functional.kernel_distance import kernel_score
from speech2img.metrics.functional.score import Score
from speech2img.metrics.functional.spoken_attributes import (
    AttributeScore,
    Mentions,
    Readings,
    score_by_attribute,
    score_mentions,
)
from speech2img.metrics.report.report import MetricReport, MetricRow

COLLAPSED = 0.2
"""A generator whose pictures of one utterance vary less than this part of the real ones is called collapsed."""
K_WAYS = 12
"""Classes in a subset of the k-way centroid accuracy: the unseen test species of the standard CUB subset used here."""
UTTERANCES_PROTOCOL = "one picture an utterance, fresh noise for each"


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
    said = {name for mention in mentions for name in mention}
    worded, manner = said - manner, said & manner
    for prefix, attributes, what in (
        ("spoken_attribute", said, "all mentions, in words or by the manner of speaking"),
        ("worded_attribute", worded, "mentions in words"),
        ("manner_attribute", manner, "mentions by the manner of speaking alone"),
    ):
        if sum(any(name in attributes for name in mention) for mention in mentions) < 2 or (
            prefix == "worded_attribute" and not manner
        ):
            continue
        score = score_mentions(readings, mentions, real_readings=real_readings, attributes=attributes, seed=seed)
        protocol = (
            f"{what}; {UTTERANCES_PROTOCOL}; the judge reads it; chance = same pictures against all other "
            "utterances of the group; real = real pictures of the same utterances at the same size; way = "
            "(accuracy - chance) / (real - chance); interval by 1,000 resamples of utterances; n = mentions"
        )
        _add_score(report, prefix, group, score, protocol, judge=judge, seed=seed)
    report.attributes[group] = score_by_attribute(readings, mentions, real_readings=real_readings, seed=seed)


def _add_score(
    report: MetricReport,
    prefix: str,
    group: str,
    score: AttributeScore,
    protocol: str,
    *,
    judge: AttributeClassifier,
    seed: int,
) -> None:
    values: tuple[tuple[str, float | None, tuple[float, float] | None, bool | None], ...] = (
        ("accuracy", score.accuracy, score.accuracy_interval, True),
        ("chance", score.chance, score.chance_interval, None),
        ("real", score.real, score.real_interval, None),
        ("way", score.way, score.way_interval, True),
    )
    for suffix, value, interval, better in values:
        if value is not None:
            report.add(
                MetricRow(
                    name=f"{prefix}_{suffix}",
                    group=group,
                    value=value,
                    num_samples=score.num_mentions,
                    protocol=protocol,
                    seed=seed,
                    network=judge.name,
                    weights_sha256=judge.weights_sha256,
                    interval=interval,
                    higher_is_better=better,
                    is_share=True,
                )
            )


def add_likeness(
    report: MetricReport,
    group: str,
    generated: FeatureReading,
    real: FeatureReading,
    other_real: FeatureReading | None,
    *,
    network: FeatureExtractor,
    real_protocol: str,
    seed: int,
) -> None:
    """Frechet and kernel distance to the real pictures, Inception Score; the same for real pictures as a yardstick."""
    count = len(generated.features)
    sets = [("", generated)] if other_real is None else [("", generated), ("_of_real_pictures", other_real)]

    def add(name: str, score: Score, protocol: str) -> None:
        report.add(
            MetricRow(
                name=name,
                group=group,
                value=score.value,
                num_samples=score.num_samples,
                protocol=protocol,
                seed=seed,
                network=network.features_name,
                weights_sha256=network.weights_sha256,
                interval=score.interval,
                spread=score.spread,
                higher_is_better=score.higher_is_better,
                details=score.settings,
                warnings=score.warnings,
            )
        )

    reference = fit_gaussian(real.features)
    for suffix, reading in sets:
        what = "other real pictures of the split" if suffix else f"{UTTERANCES_PROTOCOL}"
        size = len(reading.features)
        add(
            f"frechet_distance{suffix}",
            frechet_score(
                fit_gaussian(reading.features),
                reference,
                features_a=reading.features,
                features_b=real.features,
                allow_small=True,
                seed=seed,
            ),
            f"{what}, against {count} real pictures {real_protocol}; pooled features of this network, so NOT the "
            "customary FID; biased upwards by the small number of pictures: compare with the row of real pictures only",
        )
        add(
            f"kernel_distance{suffix}",
            kernel_score(
                reading.features, real.features, num_subsets=50, subset_size=max(2, min(size, count) // 2), seed=seed
            ),
            f"{what}, against {count} real pictures {real_protocol}; unbiased, cubic kernel, 50 subsets of half the "
            "pictures, pooled features of this network",
        )
    if generated.logits.shape[1] == 0:
        note = f"{network.features_name} has no classifier, so no Inception Score is measured by it."
        report.notes += [note] if note not in report.notes else []
        return
    for suffix, reading in [("", generated), ("_of_real_pictures", real)]:
        splits = 10 if count >= 500 else 1
        add(
            f"inception_score{suffix}",
            inception_score(reading.logits, num_splits=splits, seed=seed),
            f"{f'real pictures {real_protocol}' if suffix else UTTERANCES_PROTOCOL}; classifier: {network.classes}, so "
            f"NOT the customary score; {splits} split(s), shuffled",
        )


def add_diversity(
    report: MetricReport, sets: Mapping[str, Sequence[NDArray[np.uint8]]], *, network: FeatureExtractor, seed: int
) -> None:
    """Mean pairwise distance within sets of pictures, in features and in pixels, for each kind of set."""
    for group, pictures in sets.items():
        kinds: tuple[tuple[str, Diversity, str, str, str], ...] = (
            (
                "diversity_features",
                diversity([read_images(network, images).features for images in pictures], seed=seed),
                "pooled features of this network",
                network.features_name,
                network.weights_sha256,
            ),
            (
                "diversity_pixels",
                diversity([flat_pixels(images) for images in pictures], seed=seed),
                "pixels in 0..1 (root mean square)",
                "none",
                "none",
            ),
        )
        for name, score, space, network_name, sha256 in kinds:
            report.add(
                MetricRow(
                    name=name,
                    group=group,
                    value=score.value,
                    num_samples=score.num_pictures,
                    protocol=f"mean pairwise distance within {score.num_sets} set(s), in {space}; interval by "
                    "resampling "
                    "sets; n = pictures",
                    seed=seed,
                    network=network_name,
                    weights_sha256=sha256,
                    interval=score.interval,
                    higher_is_better=None,
                )
            )


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
    right, about = leave_one_out_hits(embeddings, classes, items)
    report.add(
        MetricRow(
            name="speech_centroid_accuracy",
            group=group,
            value=float(right.mean()),
            num_samples=len(embeddings),
            protocol=f"nearest of {len(set(classes))} class centroids of speech embeddings (cosine), each made "
            "without the "
            "utterances about the same picture; n = utterances; interval by 1,000 resamples of pictures",
            seed=seed,
            network=f"{model}, speech encoder",
            weights_sha256=model_sha256,
            is_share=True,
            interval=mean_interval(right, groups=about, seed=seed),
        )
    )


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
    scores = class_centroid_scores(arrays.image_features, arrays.image_classes, speech, spoken)
    base = (
        f"image features of the teacher against the class centroids of {len(speech)} speech embeddings, dot "
        "product not normalised (Li et al. 2020); n = images"
    )

    found = scores.scores(seed=seed)
    if scores.num_classes > K_WAYS:
        mean, spread = k_way_centroid_accuracy(
            arrays.image_features, arrays.image_classes, speech, spoken, ways=K_WAYS, seed=seed
        )
        interval = k_way_interval(arrays.image_features, arrays.image_classes, speech, spoken, ways=K_WAYS, seed=seed)
        found.append(
            Score(
                name=f"class_centroid_accuracy_{K_WAYS}_way",
                value=mean,
                num_samples=scores.num_images,
                seed=seed,
                protocol=f"best of {K_WAYS} classes, mean over 100 random subsets of the {scores.num_classes}; "
                "interval by "
                "1,000 resamples of images, the subsets held fixed",
                spread=spread,
                interval=interval,
                is_share=True,
            )
        )
    for score in found:
        report.add(
            MetricRow.of(
                score,
                group=group,
                network=f"teacher: {arrays.teacher}",
                weights_sha256=arrays.teacher_sha256,
                pictures=base,
            )
        )
