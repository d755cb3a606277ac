"""Kernel distance with a Gaussian kernel: it sees differences that the cubic kernel's few moments do not."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from speech2img.metrics.functional.kernel_distance import Kernel, kernel_score
from speech2img.metrics.functional.neighbours import squared_distances
from speech2img.metrics.functional.score import Score

BANDWIDTH = 10.0
"""Standard deviation of the kernel, as torch-fidelity (its ``rbf`` kernel) and CMMD have it."""
_FLAT, _NARROW = 0.99, 0.01


def rbf_kernel(bandwidth: float = BANDWIDTH) -> Kernel:
    """``exp(-|x - y|^2 / (2 bandwidth^2))``.

    Parameters
    ----------
    bandwidth : float
        In the units of the features, above 0.
    """
    return Kernel(
        score_name="rbf_kernel_distance",
        words=f"Gaussian kernel of deviation {bandwidth:g}",
        between=partial(_between, bandwidth),
        within=lambda x: np.ones(len(x)),
        settings={"bandwidth": bandwidth},
        warn=_warnings,
    )


def rbf_score(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    bandwidth: float = BANDWIDTH,
    num_subsets: int = 100,
    subset_size: int | None = None,
    ids_a: Sequence[str] | None = None,
    ids_b: Sequence[str] | None = None,
    num_bootstrap: int = 200,
    seed: int = 0,
) -> Score:
    """Mean over random subsets of the unbiased squared maximum mean discrepancy with a Gaussian kernel.

    Parameters
    ----------
    bandwidth : float
        Standard deviation of the kernel.
    a, b, num_subsets, subset_size, ids_a, ids_b, num_bootstrap, seed
        As for ``kernel_score``.

    Returns
    -------
    Score
        "rbf_kernel_distance", lower is better.

    Raises
    ------
    MetricError
        As ``kernel_score``.

    Notes
    -----
    Gretton et al. 2012, lemma 6. With Inception's features of 2,048 dimensions and a deviation of 10 the kernel of two
    pictures is usually 0.2 to 0.6; features of another scale can make it useless, which is warned about.
    """
    return kernel_score(
        a,
        b,
        num_subsets=num_subsets,
        subset_size=subset_size,
        ids_a=ids_a,
        ids_b=ids_b,
        num_bootstrap=num_bootstrap,
        seed=seed,
        kernel=rbf_kernel(bandwidth),
    )


def _between(bandwidth: float, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = squared_distances(x, y)
    squares /= -2.0 * bandwidth**2
    return np.exp(squares, out=squares)


def _warnings(mean_kernel: float) -> tuple[str, ...]:
    """What must be said where the kernel of two real pictures is nearly always 1, or 0."""
    if _NARROW <= mean_kernel <= _FLAT:
        return ()
    side = "wide" if mean_kernel > _FLAT else "narrow"
    return (f"the kernel of two real pictures is {mean_kernel:.3g} on average: too {side} for these features",)
