"""Statistics of a set of pictures in a file: pytorch-fid's ``mu`` and ``sigma``, and what network they are of."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import DataError, MetricError
from speech2img.metrics.functional.feature_statistics import Gaussian
from speech2img.metrics.images.features import FeatureProtocol
from speech2img.storage.atomic import atomic_path
from speech2img.storage.bounded import open_bounded
from speech2img.storage.foreign.npz import load_arrays
from speech2img.storage.reading import parse_json

MAX_DIM = 4096
"""Dimensions that a statistics file may have."""

_MAX_BYTES = 3 * 8 * MAX_DIM**2
_ROWS = 256
_FIX = "give a .npz that 'evaluate --save-stats' or pytorch-fid wrote"
_MAX_SOURCE = 1 << 16
_NAME = re.compile(r"(pool\d+\.)?(mu|sigma|root)|num_samples|source")


@dataclass(frozen=True, kw_only=True)
class StatisticsSource:
    """What statistics were made of, so that only like is compared with like."""

    tap: str
    """Output of the network that ``mu`` and ``sigma`` are of, of ``features.layers.POOLS``."""
    protocol: FeatureProtocol
    """Network, resize filter, crop, and the hash of the pictures."""


def save_statistics(
    path: str | Path, gaussian: Gaussian, source: StatisticsSource, *, others: Mapping[str, Gaussian] | None = None
) -> None:
    """Write statistics so that pytorch-fid can read them too.

    Parameters
    ----------
    path : path
        The ``.npz``, written as a whole or not at all.
    gaussian : Gaussian
        The statistics.
    source : StatisticsSource
        What they were made of.
    others : Mapping of str to Gaussian, optional
        The same pictures at other outputs of the network, which pytorch-fid does not see.

    Raises
    ------
    DiskFullError, DataError
        If the file cannot be written.
    """
    arrays: dict[str, Any] = {"source": np.array(json.dumps(asdict(source)))}
    if gaussian.num_samples is not None:
        arrays["num_samples"] = np.array(gaussian.num_samples)
    for prefix, part in (("", gaussian), *((f"{tap}.", other) for tap, other in (others or {}).items())):
        arrays |= {f"{prefix}mu": part.mean, f"{prefix}sigma": part.covariance}
        if part.root is not None:
            arrays[f"{prefix}root"] = part.root
    size = sum(np.asarray(array).nbytes for array in arrays.values())
    with atomic_path(path, bytes_needed=size) as temp, open(temp, "wb") as file:
        np.savez(file, **arrays)


def load_statistics(path: str | Path) -> tuple[Gaussian, StatisticsSource | None]:
    """Read statistics that ``save_statistics`` or pytorch-fid wrote.

    Returns
    -------
    gaussian : Gaussian
        At the output that ``source`` names; ``num_samples`` is None if the file does not say.
    source : StatisticsSource or None
        None if the file does not say.

    Raises
    ------
    DataError
        If the file is missing, damaged, hostile or holds no mean and covariance.
    """
    gaussians, source = load_all_statistics(path)
    return gaussians["" if source is None else source.tap], source


def load_all_statistics(path: str | Path) -> tuple[dict[str, Gaussian], StatisticsSource | None]:
    """Read the statistics at every output that a file has.

    Returns
    -------
    gaussians : dict of str to Gaussian
        By the name of the output; "" where the file does not say.
    source : StatisticsSource or None
        None if the file does not say.

    Raises
    ------
    DataError
        As ``load_statistics``.
    """
    try:
        # Only arrays of known names.
        with open_bounded(path, max_bytes=_MAX_BYTES) as file:
            every = load_arrays(file, max_bytes=_MAX_BYTES)
        arrays = {name: array for name, array in every.items() if _NAME.fullmatch(name)}
        # With a source: statistics at several outputs, each under its name.
        source = _source(arrays["source"]) if "source" in arrays else None
        gaussians = {"" if source is None else source.tap: _gaussian(arrays)}
        for name in sorted(arrays) if source is not None else ():
            tap, _, part = name.rpartition(".")
            if tap and part == "mu" and tap not in gaussians:
                gaussians[tap] = _gaussian(arrays, f"{tap}.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise DataError.about(path, f"no statistics of features ({reason})", _FIX) from error
    return gaussians, source


def check_same_source(a: StatisticsSource | None, b: StatisticsSource | None) -> tuple[str, ...]:
    """Whether two sets of statistics may be compared.

    Parameters
    ----------
    a, b : StatisticsSource or None
        None where a file does not say.

    Returns
    -------
    tuple of str
        Warnings for the report: what the files do not say.

    Raises
    ------
    MetricError
        If they are of different networks, outputs, precisions or resize filters.
    """
    if a is None or b is None:
        return (
            "the statistics do not say of which network and resize filter they are: trust the number only if you "
            "know that both are those of this report",
        )
    a.protocol.check_comparable(b.protocol)
    if a.tap != b.tap:
        raise MetricError.about(
            "statistics", f"of {a.tap} in one set, {b.tap} in the other", "take the same output of the network"
        )
    return ()


def _gaussian(arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> Gaussian:
    # A mean and a covariance that go together.
    mean, covariance = (_floats(arrays, f"{prefix}{name}") for name in ("mu", "sigma"))
    if mean.ndim != 1 or not 1 <= len(mean) <= MAX_DIM or covariance.shape != (len(mean), len(mean)):
        raise ValueError(f"mu of shape {mean.shape} and sigma of shape {covariance.shape}")
    scale = float(max(-covariance.min(), covariance.max()))
    if not _is_symmetric(covariance, 1e-5 * scale) or (np.diag(covariance) < 0).any():
        raise ValueError("sigma is no covariance: it is not symmetric, or has a negative variance")
    # How many images they are of.
    count = None
    if "num_samples" in arrays:
        number = arrays["num_samples"]
        if number.shape != () or number.dtype.kind not in "iu" or not 2 <= number < 2**62:
            raise ValueError(f"num_samples is {number!r}")
        count = int(number)
    # A root of the covariance spares a decomposition, if it is one.
    root = _floats(arrays, f"{prefix}root") if f"{prefix}root" in arrays else None
    if root is not None and (
        root.ndim != 2
        or root.shape[1] != len(mean)
        or len(root) > len(mean)
        or not np.allclose(root.T @ root, covariance, rtol=0.0, atol=1e-8 * max(scale, 1e-300))
    ):
        raise ValueError("root is not that of sigma")
    return Gaussian(mean, covariance, count, root)


def _is_symmetric(matrix: NDArray[np.float64], tolerance: float) -> bool:
    """Whether a square matrix equals its mirror image, a few rows at a time."""
    rows = (slice(start, start + _ROWS) for start in range(0, len(matrix), _ROWS))
    return all(bool((np.abs(matrix[some] - matrix[:, some].T) <= tolerance).all()) for some in rows)


def _floats(arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float64]:
    array = arrays[name]
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} holds {array.dtype}")
    numbers = array.astype(np.float64, copy=False)
    if not (-1e100 <= numbers.min(initial=0.0) and numbers.max(initial=0.0) <= 1e100):  # so does NaN
        raise ValueError(f"{name} is not finite")
    return numbers


def _source(array: NDArray[Any]) -> StatisticsSource:
    # Text within bounds, then a protocol whose every field is of its type.
    if array.shape != () or array.dtype.kind != "U" or array.nbytes > _MAX_SOURCE:
        raise ValueError("source is no text")
    values = parse_json(str(array))
    protocol_values = values["protocol"] if isinstance(values, dict) else None
    texts = [field.name for field in fields(FeatureProtocol) if field.name not in ("n", "taps")]
    if (
        not isinstance(protocol_values, dict)
        or not isinstance(values["tap"], str)
        or type(protocol_values["n"]) is not int
        or not isinstance(protocol_values["taps"], list)
        or not all(isinstance(protocol_values[name], str) for name in texts)
    ):
        raise ValueError("source is no record of a protocol")
    protocol = FeatureProtocol(
        n=protocol_values["n"],
        taps=tuple(map(str, protocol_values["taps"])),
        **{name: protocol_values[name] for name in texts},
    )
    return StatisticsSource(tap=values["tap"], protocol=protocol)
