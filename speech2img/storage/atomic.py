"""Files that are whole or absent: temp file, fsync, rename; and one error for every way the disk can refuse."""

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from speech2img.errors import DataError, DiskFullError
from speech2img.storage.checksums import MANIFEST, manifest_text
from speech2img.storage.reading import file_sha256, refused

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a disk, or a quota, that is used up."""
_LIMITS = {errno.EFBIG: "the limit on the size of files ('ulimit -f')", errno.EDQUOT: "the quota"}
UNSYNCED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES)
"""Error numbers of folders that cannot be synced, as file systems in use and permissions give them."""
MAX_STEM_BYTES = 160
"""Longest part of a name that a temporary name repeats; file systems take 255 bytes in all."""

_TEMP_NAME = re.compile(r"\..*\.tmp-[0-9a-f]{4,8}(\.[^.]*)?", re.DOTALL)


@contextlib.contextmanager
def atomic_path(path: str | Path, *, bytes_needed: int | None = None) -> Iterator[Path]:
    """Give a temp path in the same folder that becomes `path` when the block ends well and vanishes otherwise.

    Parameters
    ----------
    path : path
        The file to write; its folder is made if absent. An older file stays intact until the new one is complete.
    bytes_needed : int, optional
        Size of the file where known, for the message of a full disk.

    Yields
    ------
    temp : Path
        Where the block writes; it has the same suffix as `path`.

    Raises
    ------
    DiskFullError
        If the disk has no room.
    DataError
        If the folder or file cannot be written for another reason.
    """
    path = Path(path)
    temp = temp_name(path)
    with disk_errors(path, bytes_needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temp
            fsync(temp)
            os.replace(temp, path)
            fsync(path.parent)
        finally:
            temp.unlink(missing_ok=True)


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file as a whole or not at all; errors as `atomic_path`."""
    with atomic_path(path, bytes_needed=len(data)) as temp:
        temp.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    r"""Write UTF-8 text as a whole or not at all; errors as `atomic_path`.

    Lone surrogates, as which Python reads names that are no UTF-8, become ``\udce9``, which is what JSON has for them.
    """
    atomic_write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON as a whole or not at all; numpy numbers and arrays become plain ones.

    Raises
    ------
    DataError
        If the value is not JSON or holds a number that is not finite; otherwise as `atomic_path`.
    """
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=plain_json)
    except (TypeError, ValueError) as error:
        raise DataError.about(path, f"cannot be written as JSON ({error})", "write plain finite values") from error
    write_text(path, text + "\n")


def write_checksums(folder: Path, names: Iterable[str], **facts: Any) -> None:
    """Force the named files of a folder to the disk, then write the manifest that makes the folder valid.

    Parameters
    ----------
    folder : Path
        The folder; it must hold all of `names`.
    names : iterable of str
        Plain file names, no folders.
    **facts : JSON values
        What else the manifest says, for example versions.
    """
    files = {}
    for name in names:
        fsync(folder / name)
        files[name] = {"size": (folder / name).stat().st_size, "sha256": file_sha256(folder / name)}
    atomic_write_bytes(folder / MANIFEST, manifest_text({**facts, "files": files}))


def fsync(path: Path) -> None:
    """Force a file or folder to the disk; a folder where the file system knows no such thing (CIFS, FUSE) is left."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in UNSYNCED or not path.is_dir():
            raise


def temp_name(path: Path) -> Path:
    """Return a fresh hidden name beside `path`, with its suffix; `remove_leftovers` knows it again."""
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= MAX_STEM_BYTES // 4 else ""
    stem = os.fsencode(path.stem)[:MAX_STEM_BYTES].decode(errors="ignore")  # no longer than file systems take
    return path.with_name(f".{stem}.tmp-{secrets.token_hex(4)}{suffix}")


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left unfinished in a folder; only the folder's one writer may call it."""
    for leftover in folder.glob(".*.tmp-*"):
        if _TEMP_NAME.fullmatch(leftover.name):
            shutil.rmtree(leftover) if leftover.is_dir() and not leftover.is_symlink() else leftover.unlink()


@contextlib.contextmanager
def disk_errors(path: str | Path, bytes_needed: int | None = None) -> Iterator[None]:
    """Turn an OSError inside the block into `DiskFullError` (disk, quota, size limit) or `DataError` naming `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise disk_full(path, bytes_needed, number=error.errno) from error
        raise refused(path, error) from error


def disk_full(path: str | Path, bytes_needed: int | None = None, *, number: int | None = errno.ENOSPC) -> DiskFullError:
    """Build the error of a full disk: the path, the bytes needed where known, and the bytes free.

    Parameters
    ----------
    path : path
        What does not fit.
    bytes_needed : int, optional
        Its size, where known.
    number : int, optional
        What the system said: a limit on the size of files, and a quota, are no lack of space and are named.
    """
    folder = next(parent for parent in Path(path).absolute().parents if os.path.isdir(parent))
    needs = f"{bytes_needed:,} bytes are needed, " if bytes_needed is not None else ""
    limit = _LIMITS.get(number or 0)
    fix = f"raise {limit}" if limit else "free some space"
    free = f"{shutil.disk_usage(folder).free:,} bytes are free{f', but {limit} is reached' if limit else ''}"
    reason = f"the disk is full ({needs}{free})"
    return DiskFullError.about(path, reason, f"{fix} and run it again; finished files are intact")


def plain_json(value: Any) -> Any:
    """Turn a path, numpy or torch value into one that JSON knows: the ``default`` of ``json.dumps``."""
    if isinstance(value, Path):
        return str(value)
    try:
        return value.tolist()
    except AttributeError:
        raise TypeError(f"{type(value).__name__} is not JSON") from None
