"""Frechet distance between the Gaussians of two sets of features (FID when the features are Inception's)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import Interval
from speech2img.metrics.functional.feature_statistics import FeatureStatistics, Gaussian, float64_blocks
from speech2img.metrics.functional.score import Score

LEGACY_EPS = 1e-6
"""What pytorch-fid adds to the diagonals where the root of a singular product fails."""
FEW = 10_000
"""Pictures below which the upward bias of the distance shows in its usual digits."""

_NEGATIVE = 1e-5


def frechet_distance(a: Gaussian, b: Gaussian, *, legacy_eps: float | None = None) -> float:
    """Squared Frechet distance between two Gaussians.

    Parameters
    ----------
    a, b : Gaussian
        Of the same network and layer.
    legacy_eps : float or None
        Added to both diagonals, in the root alone, where a covariance is singular: what pytorch-fid does (with 1e-6)
        where scipy's root of the product is not finite. None: the exact distance.

    Returns
    -------
    float
        ``|mu_a - mu_b|^2 + tr S_a + tr S_b - 2 tr sqrt(S_a S_b)``, never below 0.

    Raises
    ------
    MetricError
        If the dimensions differ or a covariance is none.

    Notes
    -----
    Heusel et al. 2017 (arXiv:1706.08500). With ``S = F^T F`` the trace of the root is the sum of the singular values of
    ``F_a F_b^T``: no imaginary part, and no loss of digits where the covariances are singular. ``F`` is the Cholesky
    factor, or the centred features themselves where there are no more pictures than dimensions (then the matrix is
    as small as the number of pictures). The value is biased upwards for small N: compare only numbers of the same N.
    """
    _check_same_space(a, b)
    root_a, root_b = _root(a), _root(b)
    if legacy_eps is not None and min(len(root_a), len(root_b)) < a.dim:
        ridge = legacy_eps * np.eye(a.dim)
        root_a, root_b = (_root(Gaussian(part.mean, part.covariance + ridge)) for part in (a, b))
    trace_of_root = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    gap = a.mean - b.mean
    distance = gap @ gap + np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * trace_of_root
    return max(0.0, float(distance))


def frechet_score(
    a: Gaussian,
    b: Gaussian,
    *,
    features_a: NDArray[np.floating] | None = None,
    features_b: NDArray[np.floating] | None = None,
    allow_small: bool = False,
    legacy_eps: float | None = None,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> Score:
    """Frechet distance with its interval, refused or warned about where there are too few pictures.

    Parameters
    ----------
    a, b : Gaussian
        Statistics of the generated and of the real pictures.
    features_a, features_b : np.ndarray [shape=(N, D)], optional
        The features themselves, for the interval; without those of one set the interval holds for the other alone,
        without both there is none.
    allow_small : bool
        Whether to compute, with a warning, what is otherwise refused: a set with no more pictures than dimensions.
    legacy_eps : float or None
        As for ``frechet_distance``.
    num_bootstrap : int
        Resamples; 0: no interval.
    seed : int
        Seed of the resampling.

    Returns
    -------
    Score
        "frechet_distance", lower is better.

    Raises
    ------
    MetricError
        If the sets do not belong together, or are too small.
    """
    # The distance.
    warnings = [*_size_warnings(a, "generated pictures", allow_small), *_size_warnings(b, "real pictures", allow_small)]
    value = frechet_distance(a, b, legacy_eps=legacy_eps)
    # An interval where the features are there.
    interval, scope = None, "no interval: it needs the features, not their statistics alone"
    if num_bootstrap > 0 and not (features_a is None and features_b is None):
        interval = _interval(value, a, b, features_a, features_b, num_bootstrap, seed)
        of = (
            "both sets"
            if features_a is not None and features_b is not None
            else ("the generated set alone" if features_b is None else "the real set alone")
        )
        scope = f"interval by {num_bootstrap:,} linearised resamples of {of}"
    # What it was measured on.
    settings: dict[str, Any] = {
        "dimensions": a.dim,
        "num_generated": a.num_samples,
        "num_real": b.num_samples,
        "legacy_eps": legacy_eps,
    }
    against = "an unknown number of" if b.num_samples is None else f"{b.num_samples:,}"
    return Score(
        name="frechet_distance",
        value=value,
        num_samples=a.num_samples or 0,
        seed=seed,
        interval=interval,
        protocol=f"Frechet distance in {a.dim:,} dimensions, against {against} real pictures; {scope}",
        higher_is_better=False,
        settings=settings,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def fit_gaussian(features: NDArray[np.floating]) -> Gaussian:
    """The Gaussian of features (N, D) that are all there already."""
    return FeatureStatistics().update(features).gaussian()


def influences(
    a: Gaussian, b: Gaussian, features_a: NDArray[np.floating] | None, features_b: NDArray[np.floating] | None
) -> list[NDArray[np.float64] | None]:
    """First-order change of the distance by the weight of each picture: the way to its interval at 2,048 dimensions.

    Parameters
    ----------
    a, b : Gaussian
        The two sets.
    features_a, features_b : np.ndarray [shape=(N, D)] or None
        Their features.

    Returns
    -------
    list of two arrays of shape (N,), each with mean 0, or None where the features are not given

    Notes
    -----
    Efron's infinitesimal jackknife. The derivative of ``2 tr sqrt(S_a S_b)`` by ``S_a`` is the optimal-transport map
    ``T`` of ``a`` onto ``b``; with ``x = F_a^T z`` and ``M = F_a F_b^T``, ``x^T T x = z^T (M M^T)^(1/2) z``. One
    symmetric eigenvalue problem serves all pictures, where a plain bootstrap needs one distance a resample.
    """
    # Square roots of the covariances, and the eigenvectors of their product.
    _check_same_space(a, b)
    root_a, root_b = _root(a), _root(b)
    mixed = root_a @ root_b.T
    squares, vectors = np.linalg.eigh(mixed @ mixed.T)
    sizes = np.sqrt(squares.clip(min=0.0))
    kept = sizes > sizes.max(initial=0.0) * 1e-7
    left = vectors[:, kept] * np.sqrt(sizes[kept])
    right = mixed.T @ (vectors[:, kept] / np.sqrt(sizes[kept]))
    # What each image adds to the distance, to first order.
    gap = a.mean - b.mean
    changes: list[NDArray[np.float64] | None] = []
    sides = ((a, root_a, left, features_a, 2.0), (b, root_b, right, features_b, -2.0))
    for own, root, map_root, features, sign in sides:
        if features is None:
            changes.append(None)
            continue
        if np.ndim(features) != 2 or features.shape[1] != own.dim or own.num_samples not in (None, len(features)):
            raise MetricError.about(
                "features",
                f"shape {np.shape(features)}, but statistics of {own.num_samples} pictures in {own.dim} dimensions",
                "give the features they were made of",
            )
        whiten = (
            map_root.T @ np.linalg.pinv(root.T)
            if own.root is not None or len(root) < own.dim
            else solve_triangular(root, map_root, lower=False).T
        )
        blocks = []
        for rows in float64_blocks(features, "features"):
            rows = rows - own.mean
            blocks.append(sign * (rows @ gap) + (rows**2).sum(axis=1) - ((rows @ whiten.T) ** 2).sum(axis=1))
        change = np.concatenate(blocks)
        changes.append(change - change.mean())
    return changes


def _interval(
    value: float,
    a: Gaussian,
    b: Gaussian,
    features_a: NDArray[np.floating] | None,
    features_b: NDArray[np.floating] | None,
    num_bootstrap: int,
    seed: int,
) -> Interval:
    rng = np.random.default_rng(seed)
    replicates = np.full(num_bootstrap, value)
    for change in influences(a, b, features_a, features_b):
        if change is not None:
            change = np.sort(change)
            replicates += [change[rng.integers(0, len(change), len(change))].mean() for _ in range(num_bootstrap)]
    low, high = np.percentile(replicates, (2.5, 97.5))
    return max(0.0, float(low)), float(high)


def _size_warnings(part: Gaussian, what: str, allow_small: bool) -> list[str]:
    # Too few, or few enough to bias it.
    if part.num_samples is None:
        return [f"the statistics of the {what} do not say of how many they were made"]
    if part.num_samples <= part.dim:
        reason = (
            f"{part.num_samples:,} pictures in {part.dim:,} dimensions: their covariance is singular, and the "
            "distance depends mostly on the number of pictures"
        )
        if not allow_small:
            raise MetricError.about(
                f"Frechet distance, {what}",
                reason,
                f"use more than {part.dim:,} pictures, a smaller layer (64, 192, 768) or the "
                "kernel distance, or allow small sets",
            )
        return [f"{what}: {reason}; trust the kernel distance instead"]
    if part.num_samples < FEW:
        return [
            f"{what}: {part.num_samples:,} pictures bias the Frechet distance upwards; compare only with numbers "
            "of as many pictures, and read the kernel distance beside it"
        ]
    return []


def _check_same_space(a: Gaussian, b: Gaussian) -> None:
    if a.dim != b.dim:
        raise MetricError.about(
            "Frechet distance",
            f"features of {a.dim} and {b.dim} dimensions",
            "use the same network and layer for both sets",
        )


def _root(gaussian: Gaussian) -> NDArray[np.float64]:
    """``F`` (K, D) with ``F^T F`` the covariance; upper triangular where the covariance has full rank."""
    if gaussian.root is not None:
        return gaussian.root
    try:
        return np.asarray(np.linalg.cholesky(gaussian.covariance).T, dtype=np.float64)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(gaussian.covariance)
    if values[0] < -_NEGATIVE * max(values[-1], 0.0) or values[-1] < 0.0:
        raise MetricError.about(
            "covariance", f"its smallest eigenvalue is {values[0]:.3g}, so it is none", "make the statistics again"
        )
    kept = values > values[-1] * gaussian.dim * np.finfo(np.float64).eps
    root: NDArray[np.float64] = (vectors[:, kept] * np.sqrt(values[kept])).T
    return root
