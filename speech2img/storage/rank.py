"""The place of this process among those that ``torchrun`` started for one job."""

import functools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from speech2img.errors import ConfigError
from speech2img.storage.notices import notice

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rank:
    """One process among ``count`` that share a job."""

    index: int = 0
    """0 to ``count - 1``."""
    count: int = 1
    """Number of processes."""

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Every ``count``-th item from ``index`` on: the shares of all ranks are all items, each once.

        Ranks must share a list that is the same for all of them, never what is left to do: one of them may already
        have done a part of that.
        """
        return items[self.index :: self.count]

    def __str__(self) -> str:
        return f"rank {self.index} of {self.count}"


SINGLE = Rank()
"""The only process of a job."""

_NUMBER = re.compile(r"[0-9]{1,6}")


def local_index(environ: Mapping[str, str] = os.environ) -> int:
    """Place of this process among those of its machine (LOCAL_RANK), which is the number of its CUDA device.

    Raises
    ------
    ConfigError
        If it is not a number.
    """
    index = environ.get("LOCAL_RANK", "0") if in_job(environ) else "0"
    if not _NUMBER.fullmatch(index):
        raise ConfigError.about("environment", f"LOCAL_RANK={index[:20]!r} is no place", "start the job with torchrun")
    return int(index)


def this_rank(environ: Mapping[str, str] = os.environ) -> Rank:
    """Read RANK and WORLD_SIZE, as ``torchrun`` sets them; the only process where they are not set.

    A shell or a queue (SLURM) may set both for programs of other kinds. Without what else a job needs they count for
    nothing, and one line says so: others would be waited for that nobody started.

    Raises
    ------
    ConfigError
        If they are not numbers, or RANK is not below WORLD_SIZE.
    """
    index, count = environ.get("RANK", "0"), environ.get("WORLD_SIZE", "1")
    if not in_job(environ):
        if (index, count) != ("0", "1"):
            _say_alone(index[:20], count[:20])
        return SINGLE
    if not (_NUMBER.fullmatch(index) and _NUMBER.fullmatch(count) and int(index) < int(count)):
        reason = f"RANK={index[:20]!r} and WORLD_SIZE={count[:20]!r} are no place in a job"
        raise ConfigError.about("environment", reason, "start the job with torchrun, or unset both")
    return Rank(int(index), int(count))


def in_job(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether something started this process as one of a job: torchrun, or one that names a place to meet."""
    return by_torchrun(environ) or bool(environ.get("MASTER_ADDR") and environ.get("MASTER_PORT"))


def by_torchrun(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in environ


@functools.cache
def _say_alone(index: str, count: str) -> None:
    """Once a process."""
    notice(f"RANK={index} and WORLD_SIZE={count} are set, but not by torchrun: this process works alone")
