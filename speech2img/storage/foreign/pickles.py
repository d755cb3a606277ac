"""Pickles as plain data: a reader that runs nothing, and a writer that old and new numpy understand.

The published embedding and file-name pickles hold lists, dicts, strings, numbers and numeric arrays: exactly these are
read and written, by a machine of our own (`speech2img.storage.foreign.restricted_unpickler`).
"""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from speech2img.errors import DataError, UnsafeFileError
from speech2img.storage.atomic import atomic_path, disk_errors
from speech2img.storage.bounded import open_bounded
from speech2img.storage.foreign.pickle_names import KINDS, NAMES, RefusedError
from speech2img.storage.foreign.restricted_unpickler import DAMAGE, run_pickle
from speech2img.storage.reading import open_regular

_OWN_NAME = b"cnumpy.core.multiarray\n_reconstruct\n"
_HEAD_BYTES = 1 << 12


def load_pickle(path: str | Path, *, max_bytes: int = 4 << 30) -> Any:
    """Read a pickle of plain data, of any protocol, from Python 2 or 3.

    Parameters
    ----------
    path : path
        The file.
    max_bytes : int
        Largest file to accept.

    Returns
    -------
    value : list, tuple, dict (keys text or int), str, bytes, number, bool, None or np.ndarray of numbers or text
        Python 2 strings are read as Latin-1; numpy numbers become Python ones.

    Raises
    ------
    UnsafeFileError
        If the file names anything but numeric arrays, or would, written out, be far larger than it is.
    DataError
        If it is missing, too large or damaged.
    """
    try:
        with open_bounded(path, max_bytes=max_bytes) as file, disk_errors(path):
            return run_pickle(file, os.fstat(file.fileno()).st_size)
    except RefusedError as error:
        raise UnsafeFileError.about(path, f"is refused: it {error}", "use only plain lists and arrays") from error
    except DAMAGE as error:
        reason = f"is no intact pickle ({type(error).__name__}: {error})"
        raise DataError.about(path, reason, "fetch it again or make it again") from error


def save_pickle(path: str | Path, value: Any) -> None:
    """Write plain data as a pickle that `load_pickle` and any Python >= 3.4 with any numpy can read.

    Raises
    ------
    DataError
        If `value` holds anything but plain data.
    DiskFullError
        If the disk has no room.
    """
    try:
        with atomic_path(path) as temp, temp.open("wb") as file:
            _Pickler(file, protocol=4).dump(value)
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
        raise DataError.about(path, error, "keep to lists, dicts, text, numbers and numeric arrays") from error


def demand_pickle_or_nothing(path: Path) -> None:
    """Raise DataError where a file that `save_pickle` did not write has the name of arrays that it will write.

    Python itself names numpy's functions in another way in this protocol, so that the pickles of other programs, those
    of the published systems too, are told from ours.
    """
    if not os.path.lexists(path):
        return
    with disk_errors(path), open_regular(path) as file:
        head = file.read(_HEAD_BYTES)
    if head and not (head.startswith(b"\x80\x04") and _OWN_NAME in head):
        reason = "is there already, and no file of this package"
        raise DataError.about(path, reason, "move it away, or choose another --name")


class _Pickler(pickle._Pickler):
    """Writes numpy's functions under their old names, which numpy 1 and 2 both know."""

    write: Callable[[bytes], object]
    memoize: Callable[[Any], None]

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, (set, frozenset)) or (isinstance(obj, np.dtype) and obj.kind not in KINDS):
            raise pickle.PicklingError(f"{obj!r:.40} is no plain data")
        super().save(obj, save_persistent_id)  # type: ignore[misc]

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module, name = str(obj.__module__), name or obj.__qualname__
        if (module, name) not in NAMES:
            raise pickle.PicklingError(f"a {module}.{name} is no plain data")
        self.write(pickle.GLOBAL + f"{module.replace('numpy._core', 'numpy.core')}\n{name}\n".encode())
        self.memoize(obj)
