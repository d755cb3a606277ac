"""MIND, the Monge Inception Distance: the sliced Wasserstein distance between two sets of features."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import Interval, cut_to, recentred_interval
from speech2img.metrics.functional.feature_statistics import check_pair
from speech2img.metrics.functional.score import Score

NUM_PROJECTIONS = 1000
SCALE = 3.0
"""Factor, times the dimensions, that the published distance has."""

_INTERVAL_PROJECTIONS = 100
_PROJECTIONS_AT_ONCE = 100


def mind_score(
    generated: NDArray[np.floating],
    real: NDArray[np.floating],
    *,
    num_projections: int = NUM_PROJECTIONS,
    ids_generated: Sequence[str] | None = None,
    ids_real: Sequence[str] | None = None,
    num_bootstrap: int = 100,
    seed: int = 0,
) -> Score:
    """Mean over random directions of the squared 2-Wasserstein distance of the features along them, times 3 D.

    Parameters
    ----------
    generated, real : np.ndarray [shape=(N, D), (M, D), finite]
        Features of one network.
    num_projections : int
        Directions, drawn uniformly by the seed.
    ids_generated, ids_real : sequences of str, optional
        Names of the pictures: with them a seed cuts the larger set alike however the files were listed.
    num_bootstrap : int
        Resamples of the pictures for the interval, along the first 100 directions; 0: none.
    seed : int
        Seed of the directions, of the cut and of the resampling.

    Returns
    -------
    Score
        "mind", lower is better. It grows for fewer pictures: compare only numbers of the same N.

    Raises
    ------
    MetricError
        If a set has fewer than two pictures, the dimensions differ, or there is no direction.

    Notes
    -----
    Berthet et al. 2026 (arXiv:2605.06797). The larger set is cut to the size of the smaller one; then the distance
    along a direction is the mean squared difference of the sorted projections. A shift by ``c`` gives ``3 |c|^2`` on
    average over the directions.
    """
    # Two sets of equal size.
    made, true = check_pair(generated, real, "MIND")
    size = min(len(made), len(true))
    if size < 2 or num_projections < 1:
        raise MetricError.about(
            "MIND",
            f"{num_projections} directions and {size} pictures",
            "give at least 1 direction and 2 pictures a set",
        )
    made, true = cut_to(made, ids_generated, size, seed), cut_to(true, ids_real, size, seed)
    # The distance along every direction.
    rng = np.random.default_rng(seed)
    directions = random_directions(num_projections, made.shape[1], rng)
    values: list[NDArray[np.float64]] = []
    for start in range(0, num_projections, _PROJECTIONS_AT_ONCE):
        some = directions[start : start + _PROJECTIONS_AT_ONCE]
        values.append(_along(some @ _float64(made).T, some @ _float64(true).T))
    factor = SCALE * made.shape[1]
    value = factor * float(np.concatenate(values).mean())
    interval = None
    if num_bootstrap > 1:
        few = directions[:_INTERVAL_PROJECTIONS]
        interval = _interval(value, factor, few @ _float64(made).T, few @ _float64(true).T, num_bootstrap, rng)
    return Score(
        name="mind",
        value=value,
        num_samples=size,
        seed=seed,
        interval=interval,
        higher_is_better=False,
        protocol=f"sliced Wasserstein distance (squared, times 3 x {made.shape[1]:,}) over {num_projections:,} "
        f"directions, {size:,} pictures against {size:,} real ones; interval by {num_bootstrap} resamples of pictures",
        settings={"num_projections": num_projections, "dimensions": made.shape[1], "num_real": size},
    )


def random_directions(count: int, dimensions: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Unit vectors (count, dimensions), uniform on the sphere."""
    directions = rng.standard_normal((count, dimensions))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions


def _float64(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(rows, dtype=np.float64)


def _along(made_PN: NDArray[np.float64], true_PN: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared 2-Wasserstein distance along each direction."""
    distances: NDArray[np.float64] = ((np.sort(made_PN, axis=1) - np.sort(true_PN, axis=1)) ** 2).mean(axis=1)
    return distances


def _interval(
    value: float,
    factor: float,
    made_PN: NDArray[np.float64],
    true_PN: NDArray[np.float64],
    num_bootstrap: int,
    rng: np.random.Generator,
) -> Interval | None:
    """Interval from resamples of both sets, moved to the value: a resample is biased as few pictures are."""
    # In an order of their own, so that the order of the files does not matter.
    made_PN, true_PN = (part[:, np.argsort(part[0], kind="stable")] for part in (made_PN, true_PN))
    size = made_PN.shape[1]
    replicates = np.empty(num_bootstrap)
    for number in range(num_bootstrap):
        rows, others = rng.integers(0, size, size), rng.integers(0, size, size)
        replicates[number] = factor * _along(made_PN[:, rows], true_PN[:, others]).mean()
    return recentred_interval(value, replicates)
