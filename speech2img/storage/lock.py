"""One process a folder: a lock that the system takes back when its holder dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from speech2img.errors import ConfigError
from speech2img.storage.atomic import disk_errors

LOCK = "run.lock"


@contextlib.contextmanager
def run_lock(folder: str | Path) -> Iterator[None]:
    """Hold the folder for this process while the block runs.

    Parameters
    ----------
    folder : path
        Made if absent.

    Raises
    ------
    ConfigError
        If another process holds it, or the folder cannot be locked.
    DiskFullError
        If there is no room for its one line.
    """
    path = Path(folder) / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise ConfigError.about(path, error.strerror, "choose a folder that can be written") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            reason = f"process {file.read(20).strip() or 'unknown'} is working here"
            raise ConfigError.about(folder, reason, "wait for it, stop it, or choose another folder") from error
        except OSError as error:
            raise ConfigError.about(path, error.strerror, "choose a folder on a disk with file locks") from error
        with disk_errors(path):
            file.truncate(0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())  # unbuffered: closing must not write again
        yield
