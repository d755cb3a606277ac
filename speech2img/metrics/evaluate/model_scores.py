"""Numbers that only a model has: what it says of speech, and how its images of one utterance vary."""

from collections.abc import Sequence, Set
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from speech2img.metrics.evaluate.inputs import ImageClasses, SpokenAttributes, SpokenClasses
from speech2img.metrics.functional.bootstrap import mean_interval
from speech2img.metrics.functional.class_centroids import (
    class_centroid_scores,
    k_way_centroid_accuracy,
    k_way_interval,
    leave_one_out_hits,
)
from speech2img.metrics.functional.diversity import diversity
from speech2img.metrics.functional.score import Score
from speech2img.metrics.functional.spoken_attributes import AttributeScore, score_mentions
from speech2img.metrics.report.report import relative_accuracy_name

K_WAYS = 12
"""Classes in a subset of the k-way centroid accuracy: the unseen test species of the standard CUB subset used here."""
FEWEST_OF_A_LENGTH = 5
"""Utterances of so many mentions, below which a length is left out."""
UTTERANCES_PROTOCOL = "one picture an utterance, fresh noise for each"


def spoken_attribute_scores(spoken: SpokenAttributes, *, seed: int) -> list[Score]:
    """Spoken-attribute accuracy: of all mentions, in words, by the manner of speaking alone, and of whole sentences."""
    # All mentions, and those in words and by manner apart.
    mentioned = {name for mention in spoken.mentions for name in mention}
    worded, manner = mentioned - spoken.manner, mentioned & spoken.manner
    scores: list[Score] = []
    for prefix, attributes, what in (
        ("spoken_attribute", mentioned, "all mentions, in words or by the manner of speaking"),
        ("worded_attribute", worded, "mentions in words"),
        ("manner_attribute", manner, "mentions by the manner of speaking alone"),
    ):
        # Where the manner says nothing, words are all there is.
        num_mentioning = sum(any(name in attributes for name in mention) for mention in spoken.mentions)
        if num_mentioning < 2 or (prefix == "worded_attribute" and not manner):
            continue
        score = score_mentions(
            spoken.readings, spoken.mentions, real_readings=spoken.real_readings, attributes=attributes, seed=seed
        )
        protocol = (
            f"{what}; {UTTERANCES_PROTOCOL}; the judge reads it; chance = same pictures against all other "
            "utterances of the group; real = real pictures of the same utterances at the same size; relative accuracy "
            "= (accuracy - chance) / (real - chance); interval by 1,000 resamples of utterances; n = mentions"
        )
        scores += _four(prefix, score, protocol, seed)
    return [*scores, *_whole_sentences(spoken, worded or mentioned, seed), *_by_length(spoken, seed)]


def _whole_sentences(spoken: SpokenAttributes, attributes: Set[str], seed: int) -> list[Score]:
    """Share of the utterances of which all that they mention in words is right, in their images and in real ones."""
    said = [{name: value for name, value in mention.items() if name in attributes} for mention in spoken.mentions]
    rows = [row for row, mention in enumerate(said) if mention]
    if len(rows) < 2:
        return []
    scores = []
    for name, readings in (("accuracy", spoken.readings), ("real", spoken.real_readings)):
        right = np.array([said[row].items() <= readings[row].items() for row in rows], dtype=np.float64)
        scores.append(
            Score(
                name=f"whole_sentence_{name}",
                value=float(right.mean()),
                num_samples=len(rows),
                protocol=f"all mentions in words are read right; {UTTERANCES_PROTOCOL}; n = utterances; "
                "interval by 1,000 resamples of utterances",
                seed=seed,
                interval=mean_interval(right, seed=seed),
                higher_is_better=True if name == "accuracy" else None,
                is_share=True,
            )
        )
    return scores


def _by_length(spoken: SpokenAttributes, seed: int) -> list[Score]:
    """The same of utterances that mention one attribute, two, three, ..., each apart."""
    rows_of: dict[int, list[int]] = {}
    for row, mention in enumerate(spoken.mentions):
        rows_of.setdefault(len(mention), []).append(row)
    scores: list[Score] = []
    lengths = sorted(count for count, rows in rows_of.items() if count and len(rows) >= FEWEST_OF_A_LENGTH)
    # One length alone is what the numbers over all say already.
    for count in lengths if len(lengths) > 1 else ():
        readings, mentions, real = (
            [values[row] for row in rows_of[count]]
            for values in (spoken.readings, spoken.mentions, spoken.real_readings)
        )
        score = score_mentions(readings, mentions, real_readings=real, seed=seed)
        protocol = (
            f"utterances that mention {count} attribute(s), in words or by the manner of speaking; "
            f"{UTTERANCES_PROTOCOL}; chance = same pictures against the others of these; interval by 1,000 resamples "
            "of utterances; n = mentions"
        )
        # All of them right at once, too: it falls with their number.
        alike = SpokenAttributes(readings, mentions, real)
        said = {name for mention in alike.mentions for name in mention}
        found = [*_four("spoken_attribute", score, protocol, seed), *_whole_sentences(alike, said, seed)]
        scores += [replace(one, name=f"{one.name}_of_{count}_mentioned") for one in found]
    return scores


def _four(prefix: str, score: AttributeScore, protocol: str, seed: int) -> list[Score]:
    """Accuracy, chance, what real images reach, and where between the two the accuracy lies."""
    # Relative accuracy stands beside the three numbers it is made of.
    values: tuple[tuple[str, float | None, tuple[float, float] | None, bool | None], ...] = (
        (f"{prefix}_accuracy", score.accuracy, score.accuracy_interval, True),
        (f"{prefix}_chance", score.chance, score.chance_interval, None),
        (f"{prefix}_real", score.real, score.real_interval, None),
        (relative_accuracy_name(prefix), score.relative_accuracy, score.relative_accuracy_interval, True),
    )
    return [
        Score(
            name=name,
            value=value,
            num_samples=score.num_mentions,
            protocol=protocol,
            seed=seed,
            interval=interval,
            higher_is_better=better,
            is_share=True,
        )
        for name, value, interval, better in values
        if value is not None
    ]


def speech_centroid_scores(speech: SpokenClasses, *, seed: int) -> list[Score]:
    """Does an utterance lie nearest to the utterances about its own class?"""
    right, about = leave_one_out_hits(speech.embeddings, speech.classes, speech.items)
    return [
        Score(
            name="speech_centroid_accuracy",
            value=float(right.mean()),
            num_samples=len(speech.embeddings),
            protocol=f"nearest of {len(set(speech.classes))} class centroids of speech embeddings (cosine), each made "
            "without the utterances about the same picture; n = utterances; interval by 1,000 resamples of pictures",
            seed=seed,
            interval=mean_interval(right, groups=about, seed=seed),
            is_share=True,
        )
    ]


def image_centroid_scores(arrays: ImageClasses, *, seed: int) -> list[Score]:
    """Class-centroid accuracy and AP@50 of Li et al.: real images classified by the centroids of speech."""
    # Over all classes.
    sides = (arrays.image_features, arrays.image_classes, arrays.embeddings, arrays.classes)
    centroids = class_centroid_scores(*sides)
    scores = centroids.scores(seed=seed)
    # And over a few, for comparison with tables that have a few.
    if centroids.num_classes > K_WAYS:
        mean, spread = k_way_centroid_accuracy(*sides, ways=K_WAYS, seed=seed)
        scores.append(
            Score(
                name=f"class_centroid_accuracy_{K_WAYS}_way",
                value=mean,
                num_samples=centroids.num_images,
                seed=seed,
                protocol=f"best of {K_WAYS} classes, mean over 100 random subsets of the {centroids.num_classes}; "
                "interval by 1,000 resamples of images, the subsets held fixed",
                spread=spread,
                interval=k_way_interval(*sides, ways=K_WAYS, seed=seed),
                is_share=True,
            )
        )
    return scores


def diversity_scores(sets: Sequence[NDArray[np.floating]], *, seed: int) -> list[Score]:
    """Mean pairwise distance within sets of vectors (N, D)."""
    varied = diversity(sets, seed=seed)
    return [
        Score(
            name="diversity",
            value=varied.value,
            num_samples=varied.num_images,
            protocol=f"mean pairwise distance within {varied.num_sets} set(s)",
            seed=seed,
            interval=varied.interval,
            higher_is_better=None,
        )
    ]
