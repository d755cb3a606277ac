"""Mean and covariance of features that arrive in batches: the Gaussians behind the Frechet distance."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError

BLOCK_ROWS = 1024
"""Pictures that are converted to float64 at once."""

_SAME_LAYER = "use the same network and layer for both sets"
_SAME_NETWORK = "use one network and one layer for all pictures"


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A Gaussian fitted to features."""

    mean: NDArray[np.float64]
    """Column mean, shape (D,)."""
    covariance: NDArray[np.float64]
    """With N - 1 in the denominator, shape (D, D)."""
    num_samples: int | None = None
    """Pictures it was fitted to; None where a statistics file does not say."""
    root: NDArray[np.float64] | None = None
    """Shape (N, D) with ``root.T @ root`` the covariance, where there are no more pictures than dimensions."""

    @property
    def dim(self) -> int:
        """Number of feature dimensions."""
        return len(self.mean)


class FeatureStatistics:
    """Mean and covariance of features that arrive in batches, kept in float64.

    Batches are merged by the pairwise update of Chan, Golub and LeVeque (1979), so a large common offset of the
    features costs no digits and the order of the batches does not matter beyond rounding. Rows wait until there are
    more of them than dimensions: few pictures keep their own, low-rank form, many are added in large blocks.
    """

    def __init__(self) -> None:
        self._merged = 0
        self._mean: NDArray[np.float64] = np.zeros(0)
        self._scatter: NDArray[np.float64] = np.zeros((0, 0))
        self._waiting: list[NDArray[np.float64]] = []

    def update(self, features: NDArray[np.floating]) -> Self:
        """Add a batch.

        Parameters
        ----------
        features : np.ndarray [shape=(B, D), finite]
            One row a picture; may be a memory map, which is read in blocks.

        Returns
        -------
        FeatureStatistics
            Itself, so that ``FeatureStatistics().update(a)`` is an expression.

        Raises
        ------
        MetricError
            If the batch is not two-dimensional, not finite, or has another D than the first.
        """
        for rows in float64_blocks(features, "features"):
            if self.dim not in (0, rows.shape[1]):
                raise MetricError.about(
                    "features", f"{rows.shape[1]} dimensions after batches of {self.dim}", _SAME_NETWORK
                )
            self._waiting.append(rows.copy())
            if sum(map(len, self._waiting)) > rows.shape[1]:
                self._merge_waiting()
        return self

    def merge(self, other: "FeatureStatistics") -> Self:
        """Add the pictures of another one, which stays as it is; MetricError if its D differs."""
        if 0 not in (self.dim, other.dim) and self.dim != other.dim:
            raise MetricError.about("features", f"{other.dim} dimensions merged with {self.dim}", _SAME_NETWORK)
        self._add_moments(other._merged, other._mean, other._scatter)
        for rows in other._waiting:
            self.update(rows)
        return self

    @property
    def num_samples(self) -> int:
        """Number of pictures seen."""
        return self._merged + sum(map(len, self._waiting))

    @property
    def dim(self) -> int:
        """Number of feature dimensions (0 before the first batch)."""
        return self._waiting[0].shape[1] if self._waiting else len(self._mean)

    def gaussian(self) -> Gaussian:
        """The Gaussian of all pictures so far; MetricError if there are fewer than two."""
        count = self.num_samples
        if count < 2:
            raise MetricError.about("covariance", f"{count} pictures", "give at least 2 pictures a set")
        if self._merged == 0:
            rows = np.concatenate(self._waiting)
            mean = rows.mean(axis=0)
            root = (rows - mean) / np.sqrt(count - 1)
            return Gaussian(mean, root.T @ root, count, root)
        self._merge_waiting()
        return Gaussian(self._mean.copy(), self._scatter / (count - 1), count)

    def _merge_waiting(self) -> None:
        if self._waiting:
            rows = np.concatenate(self._waiting)
            mean = rows.mean(axis=0)
            rows -= mean
            self._waiting = []
            self._add_moments(len(rows), mean, rows.T @ rows)

    def _add_moments(self, count: int, mean: NDArray[np.float64], scatter: NDArray[np.float64]) -> None:
        if count == 0:
            return
        if self._merged == 0:
            self._merged, self._mean, self._scatter = count, mean.copy(), scatter.copy()
            return
        total = self._merged + count
        shift = mean - self._mean
        self._scatter += scatter
        self._scatter += np.outer(shift, shift * (self._merged * count / total))
        self._mean = self._mean + shift * (count / total)
        self._merged = total


def float64_blocks(features: NDArray[np.floating], name: str) -> Iterator[NDArray[np.float64]]:
    """Features in checked blocks of at most 1,024 rows, so that float32 and memory maps are never copied as a whole.

    Raises
    ------
    MetricError
        As for ``check_features``, at the block where it is.
    """
    if np.ndim(features) != 2 or len(features) <= BLOCK_ROWS:
        yield check_features(features, name)
        return
    for start in range(0, len(features), BLOCK_ROWS):
        yield check_features(features[start : start + BLOCK_ROWS], name, first_row=start)


def check_rows(features: NDArray[np.floating], name: str) -> NDArray[np.floating]:
    """The features themselves after the checks of ``check_features``; only what is no float is converted."""
    array = np.asarray(features)
    if array.dtype.kind != "f":
        return check_features(array, name)
    for _ in float64_blocks(array, name):
        pass
    return array


def check_pair(
    generated: NDArray[np.floating], real: NDArray[np.floating], metric: str
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Features of generated and of real pictures after ``check_rows``; MetricError if they are of two spaces."""
    made, true = check_rows(generated, "generated pictures"), check_rows(real, "real pictures")
    if made.shape[1] != true.shape[1]:
        raise MetricError.about(metric, f"features of {made.shape[1]} and {true.shape[1]} dimensions", _SAME_LAYER)
    return made, true


def check_features(features: NDArray[np.floating], name: str, *, first_row: int = 0) -> NDArray[np.float64]:
    """Features as float64 (N, D).

    Parameters
    ----------
    features : np.ndarray
        What to check.
    name : str
        What it is, for the message.
    first_row : int
        Number of its first row among all, for the message.

    Raises
    ------
    MetricError
        If they are empty, not finite, no numbers or not two-dimensional.
    """
    try:
        array = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError.about(
            name, f"not an array of numbers ({error})", "give an array of shape (pictures, dimensions)"
        ) from error
    if array.ndim != 2 or 0 in array.shape:
        raise MetricError.about(name, f"shape {array.shape}", "give a non-empty array of shape (pictures, dimensions)")
    if not np.isfinite(array).all():
        bad = first_row + int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise MetricError.about(name, f"row {bad} is not finite", "look at that picture and at the network's weights")
    return array
