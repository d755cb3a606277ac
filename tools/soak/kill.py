"""One long job, killed again and again: what it has promised must stay, and its end must be that of a quiet one."""

import contextlib
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_EARLY = 0.2  # share of the kills that may come before the job has begun
_ORPHAN_SECONDS = 20.0
_LOOK_SECONDS = 0.005
_LONG_SECONDS = 4.0  # a job that reports every second must get to report something


class SoakError(Exception):
    """What was promised is not there, or the end is another one."""


class Job(Protocol):
    """A command that makes something in a folder, and resumes where it was when it is started again."""

    name: str
    """What it is called."""
    bar: str
    """What its progress bar says first."""
    lock: str
    """The lock file that it holds while it works."""

    def set_up(self, folder: Path) -> None:
        """Make what the command works on, always the same."""

    def command(self, folder: Path) -> list[str]:
        """The command."""

    def promised(self, folder: Path, quiet: Path, told: int) -> dict[str, object]:
        """Finished items by name, each with something that changes if it is made again.

        Raises
        ------
        SoakError
            If one of them is not what the quiet job has in its folder, or there are fewer than the progress bar told.
        """

    def result(self, folder: Path) -> dict[str, str]:
        """Digest of everything that the finished job leaves, by name."""


@dataclass
class Tally:
    """What happened to a job."""

    quiet_seconds: float = 0.0
    """How long the quiet job worked, without its start."""
    kills: int = 0
    """How often the other was killed."""
    whole: int = 0
    """How many of these hit all its processes at once; the others hit the first one only."""
    restarts: int = 0
    """How often it was finished before its next kill, and began anew."""
    promises: int = 0
    """Items that were seen as finished after a kill, all kills together."""
    results: int = 0
    """Files or arrays that were compared at the end."""

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.whole} of all processes at once), {self.promises:,} promised items seen after "
            f"them, none lost, none made twice; {self.results:,} results equal those of a quiet run of "
            f"{self.quiet_seconds:.0f} s"
        )


@dataclass(frozen=True)
class Kill:
    """When and how a job is to be killed."""

    seconds: float
    """After it has begun to work."""
    is_early: bool
    """Counted from the start instead."""
    hits_all: bool
    """All its processes at once, as when a machine stops; else the first one only, as when memory runs out."""


@dataclass(frozen=True)
class Run:
    """What happened to one start of a job."""

    is_killed: bool
    """Whether it was killed."""
    told: int
    """The last number on its bar."""
    seconds: float
    """How long it worked."""


def soak(job: Job, folder: Path, *, kills: int, draw: random.Random) -> Tally:
    """Run a job in peace, then once more with kills, and compare.

    Parameters
    ----------
    job : Job
        The job.
    folder : Path
        Where to work; gets one folder for each of the two.
    kills : int
        How often to kill.
    draw : random.Random
        Source of the moments.

    Raises
    ------
    SoakError
        If the job fails, loses something, makes something twice or ends differently.
    """
    quiet, shot = folder / "quiet", folder / "shot"
    tally = Tally()
    job.set_up(quiet)
    tally.quiet_seconds = _run(job, quiet, None).seconds
    longest = max(_LONG_SECONDS, 1.5 * tally.quiet_seconds / max(1, kills))
    job.set_up(shot)
    before: dict[str, object] = {}
    while tally.kills < kills:
        plan = Kill(draw.uniform(0, longest), is_early=draw.random() < _EARLY, hits_all=draw.random() < 0.5)
        run = _run(job, shot, plan)
        now = job.promised(shot, quiet, run.told)
        _compare(job, before, now)
        tally.kills += run.is_killed
        tally.whole += run.is_killed and plan.hits_all
        tally.promises += len(now) if run.is_killed else 0
        before = now
        if not run.is_killed and tally.kills < kills:
            tally.restarts += 1
            before = {}
            shutil.rmtree(shot)
            job.set_up(shot)
    _compare(job, before, job.promised(shot, quiet, _run(job, shot, None).told))
    expected, found = job.result(quiet), job.result(shot)
    different = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if different or not expected:
        raise SoakError(f"{job.name}: {len(different)} of {len(expected)} results differ: {different[:3]}")
    tally.results = len(expected)
    return tally


def _compare(job: Job, before: dict[str, object], now: dict[str, object]) -> None:
    lost = sorted(before.keys() - now.keys())
    twice = sorted(name for name in before.keys() & now.keys() if before[name] != now[name])
    if lost or twice:
        raise SoakError(f"{job.name}: {len(lost)} promised items lost {lost[:3]}, {len(twice)} made twice {twice[:3]}")


def _run(job: Job, folder: Path, kill: Kill | None) -> Run:
    """Run the command to its end, or until it is killed."""
    since = time.monotonic()
    is_at_work = is_killed = False
    with _Terminal() as terminal:
        process = subprocess.Popen(
            job.command(folder), stdout=subprocess.DEVNULL, stderr=terminal.follower, start_new_session=True
        )
        while process.poll() is None:
            terminal.read()
            if not is_at_work and _holds(folder / job.lock, process.pid):
                is_at_work, since = True, time.monotonic()
            is_due = kill and (is_at_work or kill.is_early) and time.monotonic() > since + kill.seconds
            if is_due and not is_killed:
                os.killpg(process.pid, signal.SIGKILL) if kill and kill.hits_all else process.kill()
                is_killed = True
            time.sleep(_LOOK_SECONDS)
        seconds = time.monotonic() - since
        _demand_end(job, process.pid)
        terminal.read()
    said = terminal.said
    if process.returncode and not is_killed:
        raise SoakError(f"{job.name}: exit status {process.returncode}: {said[-300:].decode(errors='replace')}")
    numbers = re.findall(rb"%s: +(?:\d+%%\|[^|]*\| )?(\d+)/" % job.bar.encode(), said)
    return Run(is_killed, int(numbers[-1]) if numbers else 0, seconds)


class _Terminal:
    """A terminal for a job's progress bar, which tells every moment what the lines in a file would tell now and then.

    Attributes
    ----------
    follower : int
        The job's end.
    said : bytes
        What the job has written, as far as it was read.
    """

    def __init__(self) -> None:
        self._leader, self.follower = pty.openpty()
        termios.tcsetwinsize(self.follower, (24, 200))
        os.set_blocking(self._leader, False)
        self.said = b""

    def read(self) -> None:
        """Take what is there."""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._leader, 1 << 16):
                self.said += part

    def __enter__(self) -> "_Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.follower)
        os.close(self._leader)


def _holds(lock: Path, process: int) -> bool:
    """Whether a process says in a lock file that it works there."""
    try:
        return lock.read_text().split() == [str(process)]
    except FileNotFoundError:
        return False


def _demand_end(job: Job, group: int) -> None:
    """Wait until no process is left of a job, whose first one is gone."""
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    os.killpg(group, signal.SIGKILL)
    raise SoakError(f"{job.name}: processes were left behind")
