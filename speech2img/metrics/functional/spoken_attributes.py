"""Spoken-attribute accuracy: how much of what an utterance says does the picture show?

For each utterance it is known which attributes it mentions (in words, or by the manner of speaking), and a judge has
read the attributes off the picture made from it. Three numbers make an honest scale:

- *accuracy*: share of all mentions that the utterance's own picture shows;
- *chance*: the same pictures scored against the other utterances of the group, averaged over all of them;
- *real*: the real pictures of the same utterances, read by the same judge.

*Relative accuracy* is ``(accuracy - chance) / (real - chance)``: 0 for pictures that ignore what is said, 1 for
pictures that show it as well as the real ones do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError

Readings = Sequence[Mapping[str, str]]
"""What the judge reads off each picture: attribute -> value."""
Mentions = Sequence[Mapping[str, str]]
"""What each utterance says: attribute -> value."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class AttributeScore:
    """Spoken-attribute accuracy of one group of utterances, with its scale."""

    accuracy: float
    """Share of the mentions that the picture shows, 0..1."""
    accuracy_interval: Interval
    """95 % interval of the accuracy, by resampling utterances."""
    chance: float
    """Share that the pictures show of what the other utterances mention, 0..1."""
    real: float | None
    """Share of the mentions that the real pictures show, 0..1; None without real pictures."""
    relative_accuracy: float | None
    """(accuracy - chance) / (real - chance); None without real pictures or where real is not above chance."""
    relative_accuracy_interval: Interval | None
    """95 % interval of the relative accuracy, by resampling utterances."""
    num_mentions: int
    num_utterances: int
    """Utterances that mention at least one of the attributes counted."""
    chance_interval: Interval | None = None
    """95 % interval of chance, by resampling utterances."""
    real_interval: Interval | None = None
    """95 % interval of the real pictures' share, by resampling utterances."""


def per_image(columns: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Turn a judge's answer, one list of values an attribute, into one reading a picture.

    Raises
    ------
    MetricError
        If the lists have different lengths.
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise MetricError.about("judge's answer", f"lists of {sorted(lengths)} values", "give one value a picture")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def score_mentions(
    readings: Readings,
    mentions: Mentions,
    *,
    real_readings: Readings | None = None,
    attributes: Iterable[str] | None = None,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> AttributeScore:
    """Spoken-attribute accuracy over all mentions of a group of utterances.

    Parameters
    ----------
    readings : sequence of mappings, length N
        The judge's reading of the picture made from each utterance.
    mentions : sequence of mappings, length N
        What each utterance says.
    real_readings : sequence of mappings, length N, or None
        The judge's reading of the real picture that each utterance describes.
    attributes : iterable of str or None
        Count only these attributes (``{"light"}`` for what only the manner of speaking gives); None: all.
    num_bootstrap : int
        Resamples of the utterances for the intervals.
    seed : int
        Seed of the resampling. Accuracy, chance, real and relative accuracy do not depend on it.

    Returns
    -------
    AttributeScore
        Accuracy, chance, real and relative accuracy with intervals and counts.

    Raises
    ------
    MetricError
        If the lengths disagree, fewer than two utterances mention anything that counts, or a mentioned attribute is one
        the judge does not read.

    Notes
    -----
    Chance is an exact average: every picture is scored against every other utterance of the group, by counts of the
    values read and of the values mentioned, without a random pairing.
    """
    if len(readings) != len(mentions) or (real_readings is not None and len(real_readings) != len(mentions)):
        raise MetricError.about(
            "spoken attributes",
            f"{len(readings)} readings for {len(mentions)} utterances",
            "give one reading an utterance",
        )
    # Utterances that mention what is counted.
    counted = None if attributes is None else frozenset(attributes)
    said = [
        {name: value for name, value in mention.items() if counted is None or name in counted} for mention in mentions
    ]
    keep = [row for row, mention in enumerate(said) if mention]
    if len(keep) < 2:
        raise MetricError.about(
            "spoken attributes",
            f"{len(keep)} utterances mention what is counted",
            "give at least 2: chance is taken over the other utterances",
        )
    # Hits of the generated images, and of the real ones.
    said = [said[row] for row in keep]
    shown = [readings[row] for row in keep]
    _check_read(shown, said)
    hits = _hits(shown, said)
    real_hits: NDArray[np.float64] | None = None
    if real_readings is not None:
        real_shown = [real_readings[row] for row in keep]
        _check_read(real_shown, said)
        real_hits = _hits(real_shown, said)
    shown_NV, said_NV = _one_hot(shown, said)

    # The scores, and those of resampled utterances.
    once = np.ones((1, len(keep)))
    value = _score(once, hits, real_hits, shown_NV, said_NV)
    draws = np.random.default_rng(seed).multinomial(len(keep), np.full(len(keep), 1 / len(keep)), size=num_bootstrap)
    spread = _score(draws.astype(np.float64), hits, real_hits, shown_NV, said_NV)
    # Where real images are no better than chance the relative accuracy is not defined.
    relative = float(value.relative[0]) if np.isfinite(value.relative[0]) else None
    relatives, chances = (values[np.isfinite(values)] for values in (spread.relative, spread.chance))
    return AttributeScore(
        accuracy=float(value.accuracy[0]),
        accuracy_interval=_interval(spread.accuracy),
        chance=float(value.chance[0]),
        real=None if value.real is None else float(value.real[0]),
        relative_accuracy=relative,
        relative_accuracy_interval=None if relative is None or not len(relatives) else _interval(relatives),
        num_mentions=int(said_NV.sum()),
        num_utterances=len(keep),
        chance_interval=_interval(chances) if len(chances) else None,
        real_interval=None if spread.real is None else _interval(spread.real),
    )


def score_by_attribute(
    readings: Readings,
    mentions: Mentions,
    *,
    real_readings: Readings | None = None,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, AttributeScore]:
    """``score_mentions`` for each attribute that at least two utterances mention, in order of first mention.

    Parameters and errors are those of ``score_mentions``.
    """
    counts: dict[str, int] = {}
    for mention in mentions:
        for name in mention:
            counts[name] = counts.get(name, 0) + 1
    return {
        name: score_mentions(
            readings, mentions, real_readings=real_readings, attributes=(name,), num_bootstrap=num_bootstrap, seed=seed
        )
        for name, count in counts.items()
        if count >= 2
    }


@dataclass(frozen=True)
class _Draws:
    """Scores of R resamples, each array of shape (R,)."""

    accuracy: NDArray[np.float64]
    chance: NDArray[np.float64]
    real: NDArray[np.float64] | None
    relative: NDArray[np.float64]


def _score(
    weights_RN: NDArray[np.float64],
    hits_N: NDArray[np.float64],
    real_hits_N: NDArray[np.float64] | None,
    shown_NV: NDArray[np.float64],
    said_NV: NDArray[np.float64],
) -> _Draws:
    # Accuracy: hits over mentions.
    said_N = said_NV.sum(axis=1)
    num_said = weights_RN @ said_N
    accuracy = weights_RN @ hits_N / num_said
    # a picture drawn w times meets its own utterance w * w times: those pairs are no chance and leave the average
    squares = weights_RN**2
    chance_hits = ((weights_RN @ shown_NV) * (weights_RN @ said_NV)).sum(axis=1) - squares @ hits_N
    # Chance, the real images, and where between the two the generated ones stand.
    chance_pairs = num_said * weights_RN.sum(axis=1) - squares @ said_N
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = chance_hits / chance_pairs
        if real_hits_N is None:
            return _Draws(accuracy, chance, None, np.full(len(weights_RN), np.nan))
        real = weights_RN @ real_hits_N / num_said
        relative = np.where(real > chance, (accuracy - chance) / (real - chance), np.nan)
    return _Draws(accuracy, chance, real, relative)


def _hits(shown: Readings, said: Mentions) -> NDArray[np.float64]:
    return np.array(
        [
            sum(reading[name] == value for name, value in mention.items())
            for reading, mention in zip(shown, said, strict=True)
        ],
        dtype=np.float64,
    )


def _one_hot(shown: Readings, said: Mentions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Indicator matrices (N, V) of what is shown and of what is said, over all pairs (attribute, value) said."""
    pairs = dict.fromkeys(pair for mention in said for pair in mention.items())
    columns = {pair: column for column, pair in enumerate(pairs)}
    shown_NV, said_NV = np.zeros((len(said), len(columns))), np.zeros((len(said), len(columns)))
    for row, (reading, mention) in enumerate(zip(shown, said, strict=True)):
        for pair in mention.items():
            said_NV[row, columns[pair]] = 1.0
        for pair in reading.items():
            if pair in columns:
                shown_NV[row, columns[pair]] = 1.0
    return shown_NV, said_NV


def _check_read(shown: Readings, said: Mentions) -> None:
    mentioned = {name for mention in said for name in mention}
    for row, reading in enumerate(shown):
        unread = sorted(mentioned - reading.keys())
        if unread:
            raise MetricError.about(
                f"attribute {unread[0]}",
                f"it is mentioned, but picture {row} has no reading of it",
                "use a judge that reads every attribute that the captions mention",
            )


def _interval(values: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
