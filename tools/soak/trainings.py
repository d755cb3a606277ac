"""Every trainer at toy size under kills, signals, full disks, no memory and nonsense; each must end like a quiet one.

The names are those of the reliability plan: R1 kills at random moments, R2 kills within a save, R5 stops every 7 steps,
R6 SIGINT, SIGTERM, SIGHUP and SIGUSR1 at random moments, R12 a full disk, R13 no memory, R14 values that are not
finite, R15 two trainers in one folder; ``ranks`` and ``torchrun`` kill one process of a job of two.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from ground import CASES, Ground
from interruptions import kills, kills_in_saves, kills_of_ranks, pairs, signals, stops, torchrun
from kill import SoakError
from shortages import full_disks, not_finite, out_of_memory

__all__ = ["CASES", "ORDEALS", "endure"]

ORDEALS: dict[str, tuple[Callable[[Ground, str, int], str], int]] = {
    "R1": (kills, 100),
    "R2": (kills_in_saves, 96),
    "R5": (stops, 20),
    "R6": (signals, 50),
    "R12": (full_disks, 50),
    "R13": (out_of_memory, 30),
    "R14": (not_finite, 40),
    "R15": (pairs, 20),
    "ranks": (kills_of_ranks, 100),
    "torchrun": (torchrun, 20),
}
"""Name -> test of one trainer, and how often the plan has it done to each."""


def endure(
    names: list[str], cases: list[str], folder: Path, *, count: int | None, steps: int, seed: int
) -> Iterator[tuple[str, str, bool]]:
    """Do tests to trainers.

    Parameters
    ----------
    names : list of str
        Of the tests.
    cases : list of str
        The trainers.
    folder : Path
        Where to work.
    count : int, optional
        How often each test is done to each trainer; None as often as the plan says.
    steps : int
        Of a training.
    seed : int
        Decides the moments, beside the clock.

    Yields
    ------
    (test, trainer), what was done or went wrong, whether it went well
    """
    ground = Ground(folder, random.Random(seed), steps)
    try:
        for name in names:
            test, full = ORDEALS[name]
            for case in cases:
                ground.draw = random.Random(f"{seed} {name} {case}")
                try:
                    yield f"{name} {case}", test(ground, case, full if count is None else count), True
                except SoakError as error:
                    yield f"{name} {case}", str(error), False
    finally:
        ground.jobs.close()
