"""FD-infinity: the Frechet distance that infinitely many pictures would have, by extrapolation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import canonical_order
from speech2img.metrics.functional.feature_statistics import check_pair
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance, influences
from speech2img.metrics.functional.score import Score

NUM_SIZES = 8
"""Sizes of the subsets that the line is drawn through."""
_SMALLEST = 0.4
_TIMES_DIMENSIONS = 5
_QUANTILE = 1.96


def frechet_infinity_score(
    generated: NDArray[np.floating],
    real: NDArray[np.floating],
    *,
    num_sizes: int = NUM_SIZES,
    allow_small: bool = False,
    ids_generated: Sequence[str] | None = None,
    ids_real: Sequence[str] | None = None,
    seed: int = 0,
) -> Score:
    """Value at 1/N = 0 of a line through the Frechet distances of subsets of N pictures of each set.

    Parameters
    ----------
    generated, real : np.ndarray [shape=(N, D), (M, D), finite]
        Features of one network.
    num_sizes : int
        Sizes of subsets, evenly spaced in 1/N between two fifths of the smaller set and all of it; at least 3.
    allow_small : bool
        Whether to extrapolate from no more pictures than dimensions, with a warning.
    ids_generated, ids_real : sequences of str, optional
        Names of the pictures: with them a seed draws the same subsets however the files were listed.
    seed : int
        Seed of the draws.

    Returns
    -------
    Score
        "frechet_infinity", lower is better; about 0, and sometimes below, for two samples of one distribution.

    Raises
    ------
    MetricError
        If the sets are too small or the dimensions differ.

    Notes
    -----
    Chong and Forsyth 2020 (arXiv:1911.07023): the bias of the distance is linear in 1/N to first order. They draw from
    the generated pictures alone, against 50,000 real ones; here both sets are drawn from, which removes the bias of few
    real pictures too. The interval joins the error of the line's value at 0 with that of the pictures (the linearised
    one of ``frechet_distance`` on all of them).
    """
    # Sets that are large enough to be made smaller.
    made, true = check_pair(generated, real, "FD-infinity")
    size, dimensions = min(len(made), len(true)), made.shape[1]
    smallest = int(np.ceil(_SMALLEST * size))
    if num_sizes < 3 or smallest < 4:
        raise MetricError.about(
            "FD-infinity",
            f"{num_sizes} sizes of sets of {size}",
            "take 3 sizes or more, of sets of 10 or more pictures",
        )
    if size <= dimensions and not allow_small:
        raise MetricError.about(
            "FD-infinity",
            f"{size:,} pictures in {dimensions:,} dimensions",
            f"use more than {dimensions:,} pictures, or allow small sets",
        )
    # Distances of subsets, drawn in an order that does not depend on the files.
    rng = np.random.default_rng(seed)
    order_made, order_true = canonical_order(made, ids_generated), canonical_order(true, ids_real)
    sizes = np.unique(np.round(1.0 / np.linspace(1.0 / size, 1.0 / smallest, num_sizes)).astype(int))
    distances = np.array(
        [
            frechet_distance(
                *(
                    fit_gaussian(rows[order[rng.permutation(len(rows))[:count]]])
                    for rows, order in ((made, order_made), (true, order_true))
                )
            )
            for count in sizes
        ]
    )
    value, line_error = intercept(1.0 / sizes, distances)
    # What another sample of pictures would change.
    gaussians = fit_gaussian(made), fit_gaussian(true)
    changes = [change for change in influences(*gaussians, made, true) if change is not None]
    variance = line_error**2 + sum(float(change.var()) / len(change) for change in changes)
    half = _QUANTILE * float(np.sqrt(variance))
    few = size < _TIMES_DIMENSIONS * dimensions
    warning = (
        f"extrapolated from {size:,} pictures in {dimensions:,} dimensions: the bias of so few is no straight line"
    )
    return Score(
        name="frechet_infinity",
        value=value,
        num_samples=len(made),
        seed=seed,
        interval=(value - half, value + half),
        higher_is_better=False,
        protocol=f"Frechet distance extrapolated to infinitely many pictures: line in 1/N through {len(sizes)} sizes "
        f"from {sizes[0]:,} to {sizes[-1]:,} of both sets, against {len(true):,} real pictures; interval by the error "
        "of the line and of the pictures",
        settings={"dimensions": dimensions, "sizes": sizes.tolist(), "num_real": len(true)},
        warnings=(warning,) if few else (),
    )


def intercept(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Value at x = 0 of the least-squares line, and its standard error."""
    centre = x.mean()
    spread = float(((x - centre) ** 2).sum())
    slope = float(((x - centre) * (y - y.mean())).sum()) / spread
    value = float(y.mean()) - slope * float(centre)
    residuals = y - value - slope * x
    noise = float((residuals**2).sum()) / max(1, len(x) - 2)
    return value, float(np.sqrt(noise * (1.0 / len(x) + centre**2 / spread)))
