"""Variety: how far apart the pictures of one utterance are, so that a generator that ignores its noise shows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from speech2img.errors import MetricError
from speech2img.metrics.functional.feature_statistics import check_features


@dataclass(frozen=True)
class Diversity:
    """Mean distance between two pictures of the same set, averaged over sets."""

    value: float
    """Mean over the sets of the mean pairwise distance."""
    interval: tuple[float, float]
    """95 % percentile interval of the mean, by resampling the sets."""
    num_sets: int
    """Number of sets (utterances)."""
    num_images: int
    """Number of pictures in all sets together."""


def mean_pairwise_distance(rows: NDArray[np.floating]) -> float:
    """Mean Euclidean distance over all pairs of rows, divided by the root of the number of columns.

    Parameters
    ----------
    rows : np.ndarray [shape=(N, D), finite, N >= 2]
        Features, or pixels scaled to 0..1 and flattened; the division makes the latter a root-mean-square difference.

    Returns
    -------
    float
        0 where all rows are equal.

    Raises
    ------
    MetricError
        If there is one row only or a value is not finite.
    """
    points = check_features(rows, "pictures of one utterance")
    if len(points) < 2:
        raise MetricError.about("diversity", "a set of one picture", "make at least 2 pictures an utterance")
    return float(pdist(points).mean() / np.sqrt(points.shape[1]))


def diversity(sets: Sequence[NDArray[np.floating]], *, num_bootstrap: int = 1000, seed: int = 0) -> Diversity:
    """Diversity of several sets of pictures, each set made for one utterance.

    Parameters
    ----------
    sets : sequence of np.ndarray [shape=(N_i, D), N_i >= 2]
        One array an utterance: features or flattened pixels of its pictures.
    num_bootstrap : int
        Resamples of the sets for the interval.
    seed : int
        Seed of the resampling.

    Returns
    -------
    Diversity
        Mean, interval and counts.

    Raises
    ------
    MetricError
        If there is no set, or a set has one picture only.
    """
    if not sets:
        raise MetricError.about("diversity", "no sets of pictures", "give at least one utterance with 2 pictures")
    distances = np.array([mean_pairwise_distance(rows) for rows in sets])
    draws = np.random.default_rng(seed).integers(0, len(distances), size=(num_bootstrap, len(distances)))
    low, high = np.percentile(distances[draws].mean(axis=1), (2.5, 97.5))
    return Diversity(float(distances.mean()), (float(low), float(high)), len(sets), sum(len(rows) for rows in sets))


def flat_pixels(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Pictures (N, H, W, 3) uint8 as rows (N, H*W*3) of float64 in 0..1."""
    return images.reshape(len(images), -1).astype(np.float64) / 255.0
