"""Kernel distance between two sets of features (KID when the features are Inception's): unbiased for any N."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import Interval, canonical_order, recentred_interval, resampling_counts
from speech2img.metrics.functional.feature_statistics import check_rows
from speech2img.metrics.functional.score import Score

USUAL_SUBSET = 1000
"""Pictures in a subset, as published kernel distances have it, where the sets are large enough."""

_INTERVAL_IMAGES = 5000
_BLOCK = 1 << 22

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Kernel:
    """What the likeness of two pictures is computed by."""

    score_name: str
    words: str
    """For the protocol."""
    between: Callable[[Rows, Rows], Rows]
    """Kernel (X, Y) of all pairs of two blocks of rows."""
    within: Callable[[Rows], Rows]
    """Kernel (X,) of each row with itself."""
    settings: Mapping[str, float] = field(default_factory=dict)
    """What a report writes beside the number."""
    warn: Callable[[float], tuple[str, ...]] = lambda mean_kernel: ()
    """What must be said, by the mean kernel of two real pictures."""


def _cubic_between(x: Rows, y: Rows) -> Rows:
    base = x @ y.T
    base /= x.shape[1]
    base += 1.0
    cube = base * base
    cube *= base
    return cube


def _cubic_within(x: Rows) -> Rows:
    kernel: Rows = ((x**2).sum(axis=1) / x.shape[1] + 1.0) ** 3
    return kernel


CUBIC = Kernel("kernel_distance", "cubic kernel", _cubic_between, _cubic_within)
"""``(x.y / D + 1)^3``, that of published kernel distances."""


def kernel_score(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    num_subsets: int = 100,
    subset_size: int | None = None,
    ids_a: Sequence[str] | None = None,
    ids_b: Sequence[str] | None = None,
    num_bootstrap: int = 200,
    seed: int = 0,
    kernel: Kernel = CUBIC,
) -> Score:
    """Mean over random subsets of the unbiased squared maximum mean discrepancy, with the cubic kernel or another.

    Parameters
    ----------
    a, b : np.ndarray [shape=(N, D), (M, D), finite]
        Features of the generated and of the real pictures.
    num_subsets : int
        Number of subset pairs, >= 1.
    subset_size : int or None
        Pictures drawn from each set without replacement; None: 1,000, or as many as the smaller set has.
    ids_a, ids_b : sequences of str, optional
        Names of the pictures: with them a seed draws the same subsets however the files were listed.
    num_bootstrap : int
        Resamples of the pictures for the interval; 0: no interval.
    seed : int
        Seed of the draws and of the resampling.
    kernel : Kernel
        The likeness of two pictures.

    Returns
    -------
    Score
        Named by the kernel ("kernel_distance"), lower is better; its spread is over the subsets. The expectation is 0
        for equal distributions, whatever N; single values may be negative.

    Raises
    ------
    MetricError
        If a set is smaller than ``subset_size``, or the dimensions differ.

    Notes
    -----
    Binkowski et al. 2018 (arXiv:1801.01401): ``k(x, y) = (x.y / D + 1)^3``. The interval is of the distance over all
    pairs of pictures, of at most 5,000 of each set, so it is too wide, not too narrow, for larger sets.
    """
    # Sets that can be compared, and subsets that they can give.
    x, y = check_rows(a, "first set"), check_rows(b, "second set")
    if x.shape[1] != y.shape[1]:
        raise MetricError.about(
            "kernel distance",
            f"features of {x.shape[1]} and {y.shape[1]} dimensions",
            "use the same network and layer for both sets",
        )
    smaller = min(len(x), len(y))
    size = min(smaller, USUAL_SUBSET) if subset_size is None else subset_size
    if not 2 <= size <= smaller or num_subsets < 1:
        raise MetricError.about(
            "kernel distance",
            f"{num_subsets} subsets of {size} from sets of {len(x)} and {len(y)}",
            "take at least 1 subset, of 2 pictures up to the size of the smaller set",
        )
    # In an order of their own, so that the order of the files does not matter.
    order_x, order_y = canonical_order(x, ids_a), canonical_order(y, ids_b)
    rng = np.random.default_rng(seed)
    subsets = 1 if size == len(x) == len(y) else num_subsets
    values = [
        unbiased_mmd(
            x[order_x[rng.choice(len(x), size, replace=False)]].astype(np.float64),
            y[order_y[rng.choice(len(y), size, replace=False)]].astype(np.float64),
            kernel,
        )
        for _ in range(subsets)
    ]
    # An interval on some of the images: every resample costs a kernel matrix.
    value = float(np.mean(values))
    interval = None
    if num_bootstrap > 1:
        few_x, few_y = (order[rng.permutation(len(order))[:_INTERVAL_IMAGES]] for order in (order_x, order_y))
        interval = _interval(
            value, x[few_x].astype(np.float64), y[few_y].astype(np.float64), num_bootstrap, rng, kernel
        )
    some = y[order_y[:USUAL_SUBSET]].astype(np.float64)
    return Score(
        name=kernel.score_name,
        value=value,
        num_samples=len(x),
        seed=seed,
        interval=interval,
        spread=float(np.std(values)) if subsets > 1 else None,
        higher_is_better=False,
        protocol=f"unbiased squared MMD, {kernel.words}, {subsets} subset(s) of {size:,}, against {len(y):,} real "
        f"pictures; interval by {num_bootstrap} resamples of pictures",
        settings={
            "dimensions": x.shape[1],
            "num_subsets": subsets,
            "subset_size": size,
            "num_real": len(y),
            **kernel.settings,
        },
        warnings=kernel.warn(float(kernel.between(some, some).mean())),
    )


def unbiased_mmd(x: NDArray[np.float64], y: NDArray[np.float64], kernel: Kernel = CUBIC) -> float:
    """Unbiased squared MMD of all pairs of two sets of equal size, (m, D) each, in blocks."""
    size = len(x)
    ones = np.ones((size, 1))
    within = (
        _pair_sums(x, x, ones, ones, kernel)[0]
        - kernel.within(x).sum()
        + _pair_sums(y, y, ones, ones, kernel)[0]
        - kernel.within(y).sum()
    )
    return float(within / (size * (size - 1)) - 2.0 * _pair_sums(x, y, ones, ones, kernel)[0] / size**2)


def _interval(
    value: float, x: Rows, y: Rows, num_bootstrap: int, rng: np.random.Generator, kernel: Kernel
) -> Interval | None:
    """Interval from resamples in which no picture is paired with itself."""
    counts_x, counts_y = (resampling_counts(len(rows), num_bootstrap, rng).T for rows in (x, y))
    replicates = -2.0 * _pair_sums(x, y, counts_x, counts_y, kernel) / (len(x) * len(y))
    usable = np.ones(num_bootstrap, dtype=bool)
    for rows, counts in ((x, counts_x), (y, counts_y)):
        squares = counts**2
        pairs = len(rows) ** 2 - squares.sum(axis=0)
        usable &= pairs > 0
        own = kernel.within(rows) @ squares
        replicates += (_pair_sums(rows, rows, counts, counts, kernel) - own) / np.maximum(pairs, 1.0)
    return recentred_interval(value, replicates[usable])


def _pair_sums(x: Rows, y: Rows, weights_x: Rows, weights_y: Rows, kernel: Kernel) -> Rows:
    """``sum_ij w_ib v_jb k(x_i, y_j)`` for each column b of the weights."""
    total = np.zeros(weights_x.shape[1])
    for rows, block in _kernel_blocks(x, y, kernel):
        total += (weights_x[rows] * (block @ weights_y)).sum(axis=0)
    return total


def _kernel_blocks(x: Rows, y: Rows, kernel: Kernel) -> Iterator[tuple[slice, Rows]]:
    step = max(1, _BLOCK // len(y))
    for start in range(0, len(x), step):
        yield slice(start, start + step), kernel.between(x[start : start + step], y)
