"""Improved precision and recall: how many pictures look real, and how much of what is real is covered."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import canonical_order, mean_interval
from speech2img.metrics.functional.feature_statistics import check_rows
from speech2img.metrics.functional.score import Score

_BLOCK_ROWS = 2048
_ROUNDING = 1e-12


def precision_recall(
    generated: NDArray[np.floating],
    real: NDArray[np.floating],
    *,
    k: int = 3,
    equal_sizes: bool = True,
    ids_generated: Sequence[str] | None = None,
    ids_real: Sequence[str] | None = None,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> tuple[Score, Score]:
    """Share of generated pictures within the manifold of the real ones, and the other way round.

    Parameters
    ----------
    generated, real : np.ndarray [shape=(N, D), (M, D), finite]
        Features of one network.
    k : int
        A picture's ball reaches to its k-th nearest other picture of its own set.
    equal_sizes : bool
        Whether the larger set is cut, by the seed, to the size of the smaller one, as the papers have it: the larger
        set's manifold would cover more just for its size. The time grows with the square of the sizes.
    ids_generated, ids_real : sequences of str, optional
        Names of the pictures: with them a seed cuts alike however the files were listed.
    num_bootstrap : int
        Resamples for the intervals; 0: none.
    seed : int
        Seed of the cut and of the resampling.

    Returns
    -------
    precision, recall : Score
        Each 0..1.

    Raises
    ------
    MetricError
        If a set has no more than ``k`` pictures, or the dimensions differ.

    Notes
    -----
    Kynkaanniemi et al. 2019 (arXiv:1904.06991), equations 1 and 2. The union of balls is held fixed in the resamples.
    """
    # Sets that can be compared.
    made, true = check_rows(generated, "generated pictures"), check_rows(real, "real pictures")
    if made.shape[1] != true.shape[1]:
        raise MetricError.about(
            "precision and recall",
            f"features of {made.shape[1]} and {true.shape[1]} dimensions",
            "use the same network and layer for both sets",
        )
    if not 1 <= k < min(len(made), len(true)):
        raise MetricError.about(
            "precision and recall",
            f"k = {k} with sets of {len(made)} and {len(true)} pictures",
            "give more than k pictures of each set, and k of at least 1",
        )
    # Of equal size where asked for: the larger one would seem better.
    if equal_sizes and len(made) != len(true):
        size = min(len(made), len(true))
        made, true = _cut(made, ids_generated, size, seed), _cut(true, ids_real, size, seed)
    centre = true.mean(axis=0, dtype=np.float64)
    kinds = (
        ("precision", made, true, "generated pictures within the manifold of the real ones"),
        ("recall", true, made, "real pictures within the manifold of the generated ones"),
    )
    warnings = (
        ()
        if len(made) == len(true)
        else (f"{len(made):,} generated and {len(true):,} real pictures: sets of unequal size favour the larger one",)
    )
    # The share of each set that lies within the other's manifold.
    scores = []
    for name, points, manifold, what in kinds:
        inside = _inside(points, manifold, centre, k)
        scores.append(
            Score(
                name=name,
                value=float(inside.mean()),
                num_samples=len(points),
                seed=seed,
                is_share=True,
                interval=mean_interval(inside, num_bootstrap=num_bootstrap, seed=seed),
                warnings=warnings,
                protocol=f"share of the {what}, k = {k}; n = {what.split(' within')[0]}; interval by {num_bootstrap:,} "
                "resamples with the manifold held fixed",
                settings={"k": k, "num_generated": len(made), "num_real": len(true), "dimensions": made.shape[1]},
            )
        )
    return scores[0], scores[1]


def _cut(rows: NDArray[np.floating], ids: Sequence[str] | None, size: int, seed: int) -> NDArray[np.floating]:
    if len(rows) == size:
        return rows
    return rows[canonical_order(rows, ids)[np.random.default_rng(seed).permutation(len(rows))[:size]]]


def _inside(
    points: NDArray[np.floating], manifold: NDArray[np.floating], centre: NDArray[np.float64], k: int
) -> NDArray[np.float64]:
    """1.0 for points within the ball of a manifold's point, up to rounding; else 0.0."""
    # Distance of each point of the manifold to its k-th neighbour, in blocks that fit the memory.
    radii: list[NDArray[np.float64]] = []
    for block in _blocks(manifold, centre):
        nearest = np.full((len(block), 0), np.inf)
        for others in _blocks(manifold, centre):
            nearest = np.concatenate([nearest, _squares(block, others)], axis=1)
            nearest = np.partition(nearest, min(k, nearest.shape[1] - 1), axis=1)[:, : k + 1]
        radii.append(nearest.max(axis=1))
    # Points within reach of any; what rounding may have cost is allowed for.
    parts: list[NDArray[np.bool_]] = []
    for block in _blocks(points, centre):
        inside = np.zeros(len(block), dtype=bool)
        for others, reach in zip(_blocks(manifold, centre), radii, strict=True):
            margin = _ROUNDING * ((others**2).sum(axis=1) + reach)
            inside |= (_squares(block, others) <= reach + margin).any(axis=1)
        parts.append(inside)
    return np.concatenate(parts).astype(np.float64)


def _blocks(rows: NDArray[np.floating], centre: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(rows), _BLOCK_ROWS):
        yield rows[start : start + _BLOCK_ROWS].astype(np.float64) - centre


def _squares(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances (X, Y); a point's own stands among them at about 0."""
    squares = x @ y.T
    squares *= -2.0
    squares += (x**2).sum(axis=1)[:, None]
    squares += (y**2).sum(axis=1)
    return squares.clip(min=0.0, out=squares)
