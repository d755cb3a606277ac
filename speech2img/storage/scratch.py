"""A folder for the moment, in the system's temporary folder: gone with its block, or after a kill with the next one."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

PREFIX = "speech2img-work-"
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder of this process alone, which is removed when the block ends.

    The system takes the lock on it back when the process dies: the first call of a later process removes the folders
    that nobody holds. What a program that was started in it still writes there may stay.

    Yields
    ------
    Path
        Empty.

    Raises
    ------
    OSError
        If there is no room for it, or no temporary folder.
    """
    _remove_abandoned(tempfile.gettempdir())
    folder, descriptor = _made()
    try:
        with folder as name:
            yield Path(name)
    finally:
        os.close(descriptor)


def _made() -> "tuple[tempfile.TemporaryDirectory[str], int]":
    """A new folder, and the descriptor that holds it."""
    while True:
        folder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        with contextlib.suppress(FileNotFoundError):  # another process took it for abandoned, before it was held
            descriptor = os.open(folder.name, _OPEN)
            if _hold(descriptor) and os.path.exists(folder.name):
                return folder, descriptor
            os.close(descriptor)
        folder.cleanup()


def _hold(descriptor: int) -> bool:
    """Lock a folder, where its file system knows locks; False if another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks: then nobody removes it either
        return True
    return True


@lru_cache(maxsize=8)
def _remove_abandoned(place: str) -> None:
    """Remove this user's folders that no process holds, once in a process; never an error."""
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with contextlib.suppress(OSError):
                    _remove_unheld(entry.path)


def _remove_unheld(folder: str) -> None:
    """Remove a folder; OSError where it is another user's, or held, or its file system knows no locks."""
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return
    descriptor = os.open(folder, _OPEN)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
