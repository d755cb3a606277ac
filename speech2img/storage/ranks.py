"""The place of this process among those that ``torchrun`` started for one job."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from speech2img.errors import ConfigError

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


ALONE = Rank()
"""The only process of a job."""


def local_index(environ: Mapping[str, str] = os.environ) -> int:
    """Place of this process among those of its machine (LOCAL_RANK), which is the number of its CUDA device.

    Raises
    ------
    ConfigError
        If it is not a number.
    """
    index = environ.get("LOCAL_RANK", "0")
    if not index.isdecimal():
        raise ConfigError.about("environment", f"LOCAL_RANK={index!r} is no place", "start the job with torchrun")
    return int(index)


def this_rank(environ: Mapping[str, str] = os.environ) -> Rank:
    """Read RANK and WORLD_SIZE, as ``torchrun`` sets them; the only process where they are not set.

    Raises
    ------
    ConfigError
        If they are not numbers, or RANK is not below WORLD_SIZE.
    """
    index, count = environ.get("RANK", "0"), environ.get("WORLD_SIZE", "1")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        reason = f"RANK={index!r} and WORLD_SIZE={count!r} are no place in a job"
        raise ConfigError.about("environment", reason, "start the job with torchrun, or unset both")
    return Rank(int(index), int(count))
