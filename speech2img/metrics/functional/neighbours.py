"""Nearest neighbours in feature space, exact and in blocks: distances to the k-th, balls, and the nearest of all."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 2048
"""Rows whose distances are computed at once."""


def blocks(rows: NDArray[np.floating], centre: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Rows in blocks of float64, less a centre: distances between small numbers lose fewer digits."""
    for start in range(0, len(rows), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS].astype(np.float64) - centre


def squared_distances(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances (X, Y); a point's own stands among them at about 0."""
    squares = x @ y.T
    squares *= -2.0
    squares += (x**2).sum(axis=1)[:, None]
    squares += (y**2).sum(axis=1)
    return squares.clip(min=0.0, out=squares)


def squared_radii(rows: NDArray[np.floating], centre: NDArray[np.float64], k: int) -> list[NDArray[np.float64]]:
    """Squared distance of each row to its k-th nearest other row, one array a block of ``blocks``.

    Parameters
    ----------
    rows : np.ndarray [shape=(N, D)]
        More than ``k`` of them.
    centre : np.ndarray [shape=(D,)]
        Taken from every row.
    k : int
        At least 1.
    """
    radii: list[NDArray[np.float64]] = []
    for block in blocks(rows, centre):
        nearest = np.full((len(block), 0), np.inf)
        for others in blocks(rows, centre):
            nearest = np.concatenate([nearest, squared_distances(block, others)], axis=1)
            nearest = np.partition(nearest, min(k, nearest.shape[1] - 1), axis=1)[:, : k + 1]
        radii.append(nearest.max(axis=1))
    return radii


def nearest(
    points: NDArray[np.floating], gallery: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Row of the nearest gallery point of each point, the first of equal ones, and the distance to it.

    Parameters
    ----------
    points, gallery : np.ndarray [shape=(N, D), (M, D)]
        Of the same space.

    Returns
    -------
    rows : np.ndarray [shape=(N,)]
    distances : np.ndarray [shape=(N,), >= 0]
    """
    centre = gallery.mean(axis=0, dtype=np.float64)
    rows: list[NDArray[np.int64]] = []
    for block in blocks(points, centre):
        best, best_row, start = np.full(len(block), np.inf), np.zeros(len(block), dtype=np.int64), 0
        for others in blocks(gallery, centre):
            squares = squared_distances(block, others)
            row = squares.argmin(axis=1)
            value = np.take_along_axis(squares, row[:, None], axis=1)[:, 0]
            closer = value < best
            best[closer], best_row[closer] = value[closer], row[closer] + start
            start += len(others)
        rows.append(best_row)
    # The distance itself from the difference: it is exact where a point lies in the gallery.
    found = np.concatenate(rows)
    gaps = [
        np.linalg.norm(points[first : first + BLOCK_ROWS].astype(np.float64) - gallery[part].astype(np.float64), axis=1)
        for first in range(0, len(points), BLOCK_ROWS)
        for part in [found[first : first + BLOCK_ROWS]]
    ]
    return found, np.concatenate(gaps)
