"""Seeded 95 % intervals by resampling, and an order of pictures that does not depend on how files were listed."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError

Interval = tuple[float, float]

_PERCENTILES = (2.5, 97.5)
_DRAWS_AT_ONCE = 1 << 22


def mean_interval(
    values: NDArray[np.floating], *, groups: Sequence[object] | None = None, num_bootstrap: int = 1000, seed: int = 0
) -> Interval | None:
    """95 % percentile interval of a mean, the same for any order of the values.

    Parameters
    ----------
    values : np.ndarray [shape=(N,)]
        One value a picture, query or set.
    groups : sequence of length N, optional
        What is resampled as a whole: pictures of one caption or of one item are no independent samples.
    num_bootstrap : int
        Resamples; 0: no interval.
    seed : int
        Seed of the resampling.

    Returns
    -------
    (low, high), or None where there is nothing to resample.
    """
    # Values of a group stand or fall together.
    sums = np.asarray(values, dtype=np.float64)
    sizes = np.ones(len(sums))
    if groups is not None:
        codes = codes_of(groups)
        sums = np.bincount(codes, weights=sums).astype(np.float64)
        sizes = np.bincount(codes).astype(np.float64)
    if num_bootstrap < 1 or len(sums) < 2:
        return None
    # Sorted, so that the interval does not depend on the order of the files.
    order = np.lexsort((sizes, sums))
    sums, sizes = sums[order], sizes[order]
    # Resample in blocks that fit the memory.
    rng = np.random.default_rng(seed)
    means: list[NDArray[np.float64]] = []
    at_once = max(1, _DRAWS_AT_ONCE // len(sums))
    for start in range(0, num_bootstrap, at_once):
        draws = rng.integers(0, len(sums), size=(min(at_once, num_bootstrap - start), len(sums)))
        means.append(sums[draws].sum(axis=1) / sizes[draws].sum(axis=1))
    low, high = np.percentile(np.concatenate(means), _PERCENTILES)
    return float(low), float(high)


def median_interval(
    values: NDArray[np.floating] | NDArray[np.integer],
    *,
    groups: Sequence[object] | None = None,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> Interval | None:
    """95 % percentile interval of a median, the same for any order of the values.

    Parameters
    ----------
    values, groups, num_bootstrap, seed
        As for ``mean_interval``.

    Returns
    -------
    (low, high), or None where there is nothing to resample.

    Notes
    -----
    Resamples are weights on the sorted values, so that each costs one pass; of two middle values it is the lower one.
    """
    # Values by group, sorted so that the order of the files does not matter.
    of_group: dict[object, list[float]] = {}
    for value, label in zip(values, range(len(values)) if groups is None else groups, strict=True):
        of_group.setdefault(label, []).append(float(value))
    num_groups = len(of_group)
    if num_bootstrap < 1 or num_groups < 2:
        return None
    pairs = sorted(
        (value, number) for number, own in enumerate(sorted(map(sorted, of_group.values()))) for value in own
    )
    ranked, members = np.array([value for value, _ in pairs]), np.array([number for _, number in pairs])
    # The median of a resample by counting, without sorting it again.
    rng = np.random.default_rng(seed)
    medians = np.empty(num_bootstrap)
    for number in range(num_bootstrap):
        counts = np.bincount(rng.integers(0, num_groups, num_groups), minlength=num_groups)
        passed = np.cumsum(counts[members])
        medians[number] = ranked[np.searchsorted(passed, passed[-1] / 2)]
    low, high = np.percentile(medians, _PERCENTILES)
    return float(low), float(high)


def recentred_interval(value: float, replicates: NDArray[np.float64]) -> Interval | None:
    """95 % interval of the replicates, moved so that their mean is ``value``.

    Scores that are biased by the number of pictures are biased twice in a resample, where pictures repeat. Moved back,
    the interval shows what another sample of the same size would change; it does not remove the bias itself.
    """
    if len(replicates) < 2:
        return None
    low, high = np.percentile(replicates - replicates.mean(), _PERCENTILES)
    return float(value + low), float(value + high)


def resampling_counts(size: int, num_bootstrap: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each of ``size`` pictures occurs in each resample, shape (num_bootstrap, size)."""
    return rng.multinomial(size, np.full(size, 1.0 / size), size=num_bootstrap).astype(np.float64)


def canonical_order(
    rows: NDArray[np.floating] | NDArray[np.integer], ids: Sequence[str] | None = None
) -> NDArray[np.int64]:
    """Order of pictures that stays the same however they were listed, so that a seed means the same draws.

    Parameters
    ----------
    rows : np.ndarray [shape=(N, D)]
        Features, whose bytes give the order where there are no ids.
    ids : sequence of str, length N, optional
        Names of the pictures, unique: the better order, since features of another batch size differ in the last bit.

    Returns
    -------
    np.ndarray [shape=(N,)]
        Row numbers.

    Raises
    ------
    MetricError
        If there is not one id a row, or an id occurs twice.
    """
    if ids is None:
        keys = [hashlib.blake2b((np.asarray(row, dtype=np.float64) + 0.0).tobytes()).digest() for row in rows]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
    if len(ids) != len(rows):
        raise MetricError.about("pictures", f"{len(rows)} rows but {len(ids)} ids", "give one id a row")
    order = sorted(range(len(ids)), key=ids.__getitem__)
    twice = [ids[row] for row, following in pairwise(order) if ids[row] == ids[following]]
    if twice:
        raise MetricError.about(f"picture {twice[0]}", "its id occurs twice", "name every picture once")
    return np.array(order, dtype=np.int64)


def cut_to(rows: NDArray[np.floating], ids: Sequence[str] | None, size: int, seed: int) -> NDArray[np.floating]:
    """A choice of ``size`` rows by the seed, the same however they were listed; all of them as they are if no more."""
    if len(rows) <= size:
        return rows
    return rows[canonical_order(rows, ids)[np.random.default_rng(seed).permutation(len(rows))[:size]]]


def codes_of(labels: Sequence[object]) -> NDArray[np.int64]:
    """Labels as whole numbers 0, 1, ... in the order of their first occurrence."""
    codes = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    return np.array([codes[label] for label in labels], dtype=np.int64)
