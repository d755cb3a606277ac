"""Places that users name to write to: what is wrong with one is said before any work is done."""

import errno
import os
import stat
from pathlib import Path

from speech2img.errors import ConfigError
from speech2img.storage.atomic import NO_ROOM, disk_full

_FIX = "choose a folder that can be made and written"


def require_writable_place(folder: str | Path) -> Path:
    """Check, without making anything, that a folder exists and can be written, or that it can be made.

    Parameters
    ----------
    folder : path
        As the user gave it; links are followed.

    Returns
    -------
    Path
        Absolute, without links.

    Raises
    ------
    ConfigError
        If it, or the nearest existing folder above it, is a file, read-only or out of reach, or its name cannot be one.
    """
    try:
        path = Path(os.path.realpath(folder))
        for parent in (path, *path.parents):
            try:
                mode = os.stat(parent).st_mode
            except (FileNotFoundError, NotADirectoryError):
                continue
            if fault := _fault(parent, mode):
                raise OSError(fault, os.strerror(fault))
            break
    except (OSError, ValueError) as error:  # a path with a zero byte or a lone surrogate is a ValueError
        raise ConfigError.about(_shown(folder), getattr(error, "strerror", None) or error, _FIX) from error
    return path


def made_folder(folder: str | Path) -> Path:
    """Make a folder that a user named, with those above it, if it is not there.

    Returns
    -------
    Path
        As given.

    Raises
    ------
    ConfigError
        As `require_writable_place`.
    DiskFullError
        If there is no room for it.
    """
    require_writable_place(folder)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise disk_full(folder) from error
        raise ConfigError.about(_shown(folder), error.strerror or error, _FIX) from error
    return Path(folder)


def _fault(folder: Path, mode: int) -> int:
    """Error number of what is wrong with an existing file or folder as a place to write; 0 for nothing."""
    if not stat.S_ISDIR(mode):
        return errno.ENOTDIR
    if os.access(folder, os.W_OK | os.X_OK):
        return 0
    return errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES


def _shown(folder: str | Path) -> str:
    """A path for a message: printable, and not longer than a line or two."""
    text = str(folder).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return text if len(text) <= 300 else f"{text[:200]}..."
