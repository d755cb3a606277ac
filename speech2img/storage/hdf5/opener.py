"""One opener for every store: mels, pictures, features, embeddings. What it gives is what was written."""

import os
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import DataError
from speech2img.storage.atomic import disk_errors
from speech2img.storage.hdf5.probe import Place, probe
from speech2img.storage.hdf5.seal import SEALED, check_of, read_seal
from speech2img.storage.reading import open_regular

_HOLES = 100  # times as many bytes as are on the disk: no store of numbers compresses so well
_SMALL_BYTES = 64 << 20


class CheckedRows:
    """Items of an array on the disk; each is compared with its checksum whenever it is read.

    Parameters
    ----------
    store : Store
        The open file.
    name : str
        Its array.
    kind : str
        What an item is called, for messages.
    ids : sequence of str
        Name of each item.
    bounds : np.ndarray [shape=(N + 1,), int64], optional
        Where items begin and end, in rows of the array; without it each row is an item.
    mode : {"r", "c"}
        As for ``np.memmap``: with ``c`` PyTorch takes the array without a warning; whoever writes into it changes
        nothing on the disk.

    Raises
    ------
    DataError
        If the numbers of items, names and checksums disagree.
    """

    def __init__(
        self,
        store: "Store",
        name: str,
        *,
        kind: str,
        ids: Sequence[str],
        bounds: NDArray[np.int64] | None = None,
        mode: Literal["r", "c"] = "r",
    ) -> None:
        place = store.arrays[name]
        if not isinstance(place, Place):
            raise store.damaged(f"its {name!r} is stored in pieces")
        items = place.shape[0] if bounds is None else len(bounds) - 1
        self._checks = store.checks if store.checked == name else None
        if len(ids) != items or (self._checks is not None and len(self._checks) != items):
            raise store.damaged("damaged: its parts do not fit together")
        self._path, self._fix, self._kind, self._ids = store.path, store.fix, kind, ids
        self._place, self._bounds, self._mode = place, bounds, mode
        self._mapped: np.memmap | None = None
        self.shape, self.dtype = place.shape, np.dtype(place.dtype)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def sealed(self) -> bool:
        """Whether the items have checksums; those of earlier versions have none."""
        return self._checks is not None

    def item(self, number: int) -> NDArray[Any]:
        """The rows of one item, 0 to N - 1, as they lie on the disk."""
        first, end = (number, number + 1) if self._bounds is None else self._bounds[number : number + 2]
        rows = self._array()[first:end]
        if self._checks is not None and check_of(rows) != self._checks[number]:
            reason = f"damaged: {self._kind} {self._ids[number]!r} (number {number}) differs from its checksum"
            raise DataError.about(self._path, reason, self._fix)
        return rows

    def checked(self, numbers: Sequence[int] | NDArray[Any]) -> NDArray[Any]:
        """The whole array, of which only the items ``numbers`` may be read."""
        for number in np.asarray(numbers).ravel().tolist():
            self.item(int(number))
        return self._array()

    def __getitem__(self, numbers: Any) -> NDArray[Any]:
        """Copy of one row or several; only where each row is an item."""
        chosen = np.arange(len(self))[numbers]
        return np.array(self.checked(chosen)[chosen])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_mapped": None}

    def _array(self) -> np.memmap:
        if self._mapped is None:
            with disk_errors(self._path), open_regular(self._path) as file:
                if os.fstat(file.fileno()).st_size < self._place.offset + self._place.nbytes:
                    raise DataError.about(self._path, "damaged: it is shorter than it was", self._fix)
                place = self._place
                self._mapped = np.memmap(file, self.dtype, self._mode, offset=place.offset, shape=place.shape)
        return self._mapped


@dataclass(frozen=True, eq=False)
class Store:
    """An open store whose records have been compared with their checksum."""

    path: Path
    """The file."""
    fix: str
    """How it can be made again, for errors."""
    attributes: dict[str, str | int]
    """What it says of itself."""
    arrays: dict[str, Place | NDArray[Any]]
    """What it holds."""
    checked: str | None
    """Name of the array whose items have checksums; None in files of earlier versions."""
    checks: NDArray[np.uint32] | None
    """CRC-32 of each of them."""

    def damaged(self, reason: object) -> DataError:
        """The error that names the file."""
        return DataError.about(self.path, reason, self.fix)

    def text(self, name: str) -> str:
        """An attribute that must be there and a text."""
        value = self.attributes.get(name)
        if not isinstance(value, str):
            raise self.damaged(f"damaged: its attribute {name!r} is missing or no text")
        return value

    def number(self, name: str, default: int) -> int:
        """An attribute that is a whole number where it is there."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise self.damaged(f"damaged: its attribute {name!r} is no number")
        return value

    def read(self, name: str, *, kinds: str, ndim: int, ids: Sequence[str] = ()) -> NDArray[Any]:
        """Read an array.

        Parameters
        ----------
        name : str
            Which.
        kinds : str
            Kinds of ``np.dtype`` that are expected, as ``f``.
        ndim : int
            Number of dimensions that is expected.
        ids : sequence of str
            Names of the items, where they have checksums.
        """
        # Type and shape must be what the caller can use.
        place = self.arrays[name]
        dtype = np.dtype(place.dtype)
        if dtype.kind not in kinds or len(place.shape) != ndim:
            wanted = f"{ndim} dimensions of type {' or '.join(kinds)}"
            raise self.damaged(f"its {name!r} has shape {place.shape} and type {dtype}, not {wanted}")
        if not isinstance(place, Place):
            return place
        # Read the bytes by the place that the description gives, without HDF5.
        with disk_errors(self.path), open_regular(self.path) as file:
            values = np.empty(place.shape, dtype)
            file.seek(place.offset)
            view = _bytes_of(values)
            while view and (count := file.readinto(view)):
                view = view[count:]
        if view:
            raise self.damaged("damaged: it is shorter than it was")
        # Compare with the checksums.
        if name == self.checked and self.checks is not None:
            self._compare(values, ids)
        return values

    def ids(self) -> list[str]:
        """The array ``ids`` as texts."""
        try:
            return [name.decode() for name in self.read("ids", kinds="S", ndim=1).tolist()]
        except UnicodeDecodeError as error:
            raise self.damaged(f"damaged: an id is not UTF-8 ({error})") from error

    def _compare(self, values: NDArray[Any], ids: Sequence[str]) -> None:
        """Compare each row with its checksum."""
        checks: NDArray[Any] = np.array([]) if self.checks is None else self.checks
        if not len(values) == len(checks) == len(ids):
            raise self.damaged("damaged: its parts do not fit together")
        flat, step = _bytes_of(values), values.nbytes // len(values)
        sums = (zlib.crc32(flat[start : start + step]) for start in range(0, values.nbytes, step))
        for number in np.flatnonzero(np.fromiter(sums, np.uint32, len(values)) != checks)[:1].tolist():
            raise self.damaged(f"damaged: {ids[number]!r} (row {number}) differs from its checksum")


def open_store(
    path: Path,
    *,
    kind: str | None,
    arrays: Collection[str],
    attributes: Collection[str],
    fix: str,
    finished: bool = True,
) -> Store:
    """Open a store; whatever is wrong with it becomes one error before any of its values is read.

    Parameters
    ----------
    path : Path
        The HDF5 file.
    kind : str, optional
        What its attribute ``format`` must be; None for files that may have none.
    arrays, attributes : collection of str
        What it must hold, and what may be asked of it.
    fix : str
        How it can be made again, for the error.
    finished : bool
        Whether a store that says it has checksums must have them.

    Raises
    ------
    DataError
        If the file is missing, no regular one, damaged, or has other than plain local arrays that fit in it.
    """
    try:
        # A hole of any size costs nothing to make, and would fill the memory.
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
        if status.st_size > _SMALL_BYTES and status.st_size > _HOLES * 512 * status.st_blocks:
            raise ValueError("it is a sparse file, nearly all of it a hole")
        # A sealed store says by itself where its arrays lie; others are described by HDF5 in a child.
        seal = read_seal(path) if finished else None
        if seal is not None:
            missing = [name for name in arrays if name not in seal.arrays]
            store = Store(path, fix, seal.attributes, dict(seal.arrays), seal.rows, seal.checks)
        else:
            missing = []
            description = probe(path, arrays=arrays, attributes=[*attributes, "format", *SEALED])
            store = Store(path, fix, description.attributes, description.arrays, None, None)
            if finished and not SEALED.keys().isdisjoint(store.attributes):
                raise ValueError("its checksums are missing: it was cut, or changed by another program")
        if missing:
            raise ValueError(f"it has no {missing[0]!r}")
    except FileNotFoundError as error:
        raise DataError.about(path, "no such file", fix) from error
    except (OSError, ValueError) as error:
        what = f"not a readable store of format {kind}" if kind else "damaged, or no store of this package"
        why = error.strerror if isinstance(error, OSError) else error
        raise DataError.about(path, f"{what} ({why})", fix) from error
    if kind is not None and store.attributes.get("format") != kind:
        raise store.damaged(f"format {str(store.attributes.get('format'))[:80]!r}, not {kind!r}")
    return store


def _bytes_of(values: NDArray[Any]) -> memoryview:
    """The bytes of an array, to be read or written."""
    return values.reshape(-1).view(np.uint8).data
