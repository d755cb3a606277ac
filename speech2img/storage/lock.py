"""One process or one job a folder: a lock that the system takes back when its holder dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from speech2img.errors import ConfigError, DataError
from speech2img.storage.atomic import disk_errors
from speech2img.storage.rank import SINGLE, Rank
from speech2img.storage.reading import open_regular

LOCK = "run.lock"
_LONGEST_LINE = 20


@contextlib.contextmanager
def run_lock(folder: str | Path, *, rank: Rank = SINGLE) -> Iterator[None]:
    """Hold the folder for this process, or for the processes of one job, while the block runs.

    Parameters
    ----------
    folder : path
        Made if absent.
    rank : Rank
        This process's place in the job: the ranks of one job hold the folder together.

    Raises
    ------
    ConfigError
        If another process holds it, or the folder cannot be locked.
    DiskFullError
        If there is no room for its one line.
    """
    folder = Path(folder)
    if rank.count == 1:
        with _locked(folder, LOCK, fcntl.LOCK_EX):
            yield
    else:
        with _locked(folder, LOCK, fcntl.LOCK_SH), _locked(folder, f"rank-{rank.index}.lock", fcntl.LOCK_EX):
            yield


@contextlib.contextmanager
def _locked(folder: Path, name: str, kind: int) -> Iterator[None]:
    path = folder / name
    # A file that is ours, or may be made.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _demand_ours(path)
        file = path.open("a+")
    except OSError as error:
        raise ConfigError.about(path, error.strerror or error, "choose a folder that can be written") from error
    with file:
        # Never wait: say who is at work.
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            reason = f"process {file.read(20).strip() or 'unknown'} is working here"
            raise ConfigError.about(folder, reason, "wait for it, stop it, or choose another folder") from error
        except OSError as error:
            raise ConfigError.about(path, error.strerror, "choose a folder on a disk with file locks") from error
        # Say who holds it, for the next one.
        with disk_errors(path):
            file.truncate(0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())  # unbuffered: closing must not write again
        yield


def _demand_ours(path: Path) -> None:
    """Raise ConfigError if a file of that name is there that no lock has made: its one line would be lost."""
    try:
        with open_regular(path) as file:
            held = file.read(_LONGEST_LINE + 1)
    except FileNotFoundError:
        return
    except DataError as error:
        raise ConfigError(str(error)) from error
    if len(held) > _LONGEST_LINE or held.strip(b"0123456789\n"):
        raise ConfigError.about(path, "is no lock of this package", "move it away, or choose another folder")
