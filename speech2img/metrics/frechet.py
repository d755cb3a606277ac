"""Frechet distance and kernel distance between two sets of features (FID and KID when the features are Inception's)."""

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError


class FeatureStatistics:
    """Mean and covariance of features that arrive in batches, kept in float64.

    Batches are merged by the pairwise update of Chan, Golub and LeVeque (1979), so a large common offset of the
    features costs no digits and the order of the batches does not matter beyond rounding.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean: NDArray[np.float64] = np.zeros(0)
        self._scatter: NDArray[np.float64] = np.zeros((0, 0))

    def update(self, features: NDArray[np.floating]) -> "FeatureStatistics":
        """Add a batch.

        Parameters
        ----------
        features : np.ndarray [shape=(B, D), finite]
            One row a picture.

        Returns
        -------
        FeatureStatistics
            Itself, so that ``FeatureStatistics().update(a)`` is an expression.

        Raises
        ------
        MetricError
            If the batch is not two-dimensional, not finite, or has another D than the first.
        """
        batch = check_features(features, "features")
        if self._count == 0:
            self._mean = np.zeros(batch.shape[1])
            self._scatter = np.zeros((batch.shape[1], batch.shape[1]))
        if batch.shape[1] != self.dim:
            raise MetricError.about("features", f"{batch.shape[1]} dimensions after batches of {self.dim}",
                                    "use one network and one layer for all pictures of a set")
        added = len(batch)
        total = self._count + added
        mean = batch.mean(axis=0)
        centred = batch - mean
        shift = mean - self._mean
        self._scatter += centred.T @ centred + np.outer(shift, shift) * (self._count * added / total)
        self._mean = self._mean + shift * (added / total)
        self._count = total
        return self

    @property
    def num_samples(self) -> int:
        """Number of pictures seen."""
        return self._count

    @property
    def dim(self) -> int:
        """Number of feature dimensions (0 before the first batch)."""
        return len(self._mean)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Column mean, shape (D,)."""
        return self._mean.copy()

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariance with N - 1 in the denominator, shape (D, D); needs two pictures."""
        if self._count < 2:
            raise MetricError.about("covariance", f"{self._count} pictures", "give at least 2 pictures a set")
        return self._scatter / (self._count - 1)


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Squared Frechet distance between the Gaussians fitted to two sets of features.

    Parameters
    ----------
    a, b : FeatureStatistics
        Statistics of the two sets, of the same network and layer.

    Returns
    -------
    float
        ``|mu_a - mu_b|^2 + tr S_a + tr S_b - 2 tr sqrt(S_a S_b)``, never below 0.

    Raises
    ------
    MetricError
        If the dimensions differ or a set has fewer than two pictures.

    Notes
    -----
    Heusel et al. 2017 (arXiv:1706.08500). The trace of the root goes over two symmetric eigenvalue problems
    (``S_a^(1/2) S_b S_a^(1/2)``), which has no imaginary part and stays finite where N < D and both are singular. The
    value is biased upwards for small N: compare only numbers with the same N.
    """
    if a.dim != b.dim:
        raise MetricError.about("Frechet distance", f"features of {a.dim} and {b.dim} dimensions",
                                "use the same network and layer for both sets")
    return gaussian_frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


def gaussian_frechet_distance(mean_a: NDArray[np.float64], covariance_a: NDArray[np.float64],
                              mean_b: NDArray[np.float64], covariance_b: NDArray[np.float64]) -> float:
    """``frechet_distance`` of two Gaussians given by mean (D,) and covariance (D, D), all float64."""
    values, vectors = np.linalg.eigh(covariance_a)
    root_a = (vectors * np.sqrt(values.clip(min=0.0))) @ vectors.T
    product = root_a @ covariance_b @ root_a
    trace_of_root = np.sqrt(np.linalg.eigvalsh((product + product.T) / 2).clip(min=0.0)).sum()
    offset = mean_a - mean_b
    distance = offset @ offset + np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * trace_of_root
    return max(0.0, float(distance))


def kernel_distance(a: NDArray[np.floating], b: NDArray[np.floating], *, num_subsets: int = 100,
                    subset_size: int | None = None, seed: int = 0) -> tuple[float, float]:
    """Unbiased squared maximum mean discrepancy with the cubic kernel, over random subsets (KID).

    Parameters
    ----------
    a, b : np.ndarray [shape=(N, D), (M, D), finite]
        Features of the two sets.
    num_subsets : int
        Number of subset pairs, >= 1.
    subset_size : int or None
        Pictures drawn from each set without replacement; None: as many as the smaller set has, at most 1,000.
    seed : int
        Seed of the draws.

    Returns
    -------
    mean, std : float
        Over the subsets. The expectation is 0 for equal distributions, whatever N; single values may be negative.

    Raises
    ------
    MetricError
        If a set is smaller than ``subset_size``, or the dimensions differ.

    Notes
    -----
    Binkowski et al. 2018 (arXiv:1801.01401): ``k(x, y) = (x.y / D + 1)^3``.
    """
    x, y = check_features(a, "first set"), check_features(b, "second set")
    if x.shape[1] != y.shape[1]:
        raise MetricError.about("kernel distance", f"features of {x.shape[1]} and {y.shape[1]} dimensions",
                                "use the same network and layer for both sets")
    smaller = min(len(x), len(y))
    size = min(smaller, 1000) if subset_size is None else subset_size
    if not 2 <= size <= smaller or num_subsets < 1:
        raise MetricError.about("kernel distance",
                                f"{num_subsets} subsets of {size} from sets of {len(x)} and {len(y)}",
                                "take at least 1 subset, of 2 pictures up to the size of the smaller set")
    rng = np.random.default_rng(seed)
    values = [_unbiased_mmd(x[rng.choice(len(x), size, replace=False)], y[rng.choice(len(y), size, replace=False)])
              for _ in range(num_subsets)]
    return float(np.mean(values)), float(np.std(values))


def check_features(features: NDArray[np.floating], name: str) -> NDArray[np.float64]:
    """Features as float64 (N, D); MetricError naming ``name`` if they are empty, not finite or of another shape."""
    array = np.asarray(features, dtype=np.float64)
    if array.ndim != 2 or 0 in array.shape:
        raise MetricError.about(name, f"shape {array.shape}", "give a non-empty array of shape (pictures, dimensions)")
    if not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise MetricError.about(name, f"row {bad} is not finite", "look at that picture and at the network's weights")
    return array


def _unbiased_mmd(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    size, dim = x.shape
    within_x = (x @ x.T / dim + 1.0) ** 3
    within_y = (y @ y.T / dim + 1.0) ** 3
    across = (x @ y.T / dim + 1.0) ** 3
    within = within_x.sum() - np.trace(within_x) + within_y.sum() - np.trace(within_y)
    return float(within / (size * (size - 1)) - 2.0 * across.mean())
