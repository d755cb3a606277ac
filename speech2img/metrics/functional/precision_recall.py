"""Improved precision and recall: how many pictures look real, and how much of what is real is covered."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import cut_to, mean_interval
from speech2img.metrics.functional.feature_statistics import check_pair
from speech2img.metrics.functional.neighbours import blocks, squared_distances, squared_radii
from speech2img.metrics.functional.score import Score

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
    made, true = check_pair(generated, real, "precision and recall")
    if not 1 <= k < min(len(made), len(true)):
        raise MetricError.about(
            "precision and recall",
            f"k = {k} with sets of {len(made)} and {len(true)} pictures",
            "give more than k pictures of each set, and k of at least 1",
        )
    # Of equal size where asked for: the larger one would seem better.
    if equal_sizes and len(made) != len(true):
        size = min(len(made), len(true))
        made, true = cut_to(made, ids_generated, size, seed), cut_to(true, ids_real, size, seed)
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


def _inside(
    points: NDArray[np.floating], manifold: NDArray[np.floating], centre: NDArray[np.float64], k: int
) -> NDArray[np.float64]:
    """1.0 for points within the ball of a manifold's point, up to rounding; else 0.0."""
    radii = squared_radii(manifold, centre, k)
    # Points within reach of any; what rounding may have cost is allowed for.
    parts: list[NDArray[np.bool_]] = []
    for block in blocks(points, centre):
        inside = np.zeros(len(block), dtype=bool)
        for others, reach in zip(blocks(manifold, centre), radii, strict=True):
            margin = _ROUNDING * ((others**2).sum(axis=1) + reach)
            inside |= (squared_distances(block, others) <= reach + margin).any(axis=1)
        parts.append(inside)
    return np.concatenate(parts).astype(np.float64)
