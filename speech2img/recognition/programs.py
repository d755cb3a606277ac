"""A program run once: no shell, a file as input, bounded in time and in what it writes, ended with all it started."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

_TICK_SECONDS = 0.02
_PIECE_BYTES = 1 << 16
_LOG_BYTES = 2000


@dataclass(slots=True)
class Finished:
    """How a program ended."""

    status: int = 0
    """Exit status; negative: the number of the signal that ended it."""
    output: bytearray = field(default_factory=bytearray)
    """What it wrote on standard output, if that was to be kept."""
    log: bytearray = field(default_factory=bytearray)
    """The last 2,000 bytes that it wrote on standard error."""
    fault: str | None = None
    """Why it was ended, if it did not end by itself: ``"time"``, ``"size"`` or ``"closed"``."""


def run_program(
    program: str,
    arguments: Sequence[str],
    *,
    stdin: Path | None,
    made: Path | None,
    seconds: float,
    max_bytes: int,
    is_closed: Callable[[], bool] = lambda: False,
) -> Finished:
    """Run a program in a process group of its own, which has ended when this returns.

    Parameters
    ----------
    program : str
        Its path.
    arguments : sequence of str
        All arguments, its name first.
    stdin : Path, optional
        The file that it finds on standard input; None: nothing.
    made : Path, optional
        The file that it is to write; None: standard output is kept instead.
    seconds : float
        How long it may take.
    max_bytes : int
        How much it may write into `made`, or on standard output where that is kept.
    is_closed : callable, optional
        Asked all the time; once it says True, the program is ended.

    Raises
    ------
    OSError
        If no process starts.
    """
    deadline = time.monotonic() + seconds
    finished = Finished()
    process = _started(program, arguments, stdin)
    try:
        # Read both pipes, so that it never waits for us, and look at the clock.
        with selectors.DefaultSelector() as selector:
            for pipe, kept in ((process.stdout, made is None), (process.stderr, False)):
                os.set_blocking(cast(IO[bytes], pipe).fileno(), False)
                selector.register(cast(IO[bytes], pipe), selectors.EVENT_READ, (pipe is process.stderr, kept))
            while finished.fault is None and not _has_ended(process.pid):
                _read(selector, finished)
                finished.fault = _fault(finished, deadline, made, max_bytes, is_closed)
            # Its whole group ends with it; what it wrote before is still read.
            _end(process)
            while finished.fault is None and _read(selector, finished):
                finished.fault = _fault(finished, deadline, made, max_bytes, is_closed)
    finally:
        _end(process)
        for pipe in (process.stdout, process.stderr):
            cast(IO[bytes], pipe).close()
    finished.status = process.returncode
    return finished


def _started(program: str, arguments: Sequence[str], stdin: Path | None) -> "subprocess.Popen[bytes]":
    with contextlib.ExitStack() as stack:
        source = subprocess.DEVNULL if stdin is None else stack.enter_context(stdin.open("rb"))
        # A session of its own: the Ctrl-C of a terminal is not for it, and its whole group can be ended.
        return subprocess.Popen(
            arguments,
            executable=program,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )


def _has_ended(pid: int) -> bool:
    """Whether a process has ended; it stays a zombie, so that its number and its group's remain its own."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program and what it started and left running, and wait for it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(selector: selectors.BaseSelector, finished: Finished) -> bool:
    """Take what the pipes hold; False if they hold nothing now."""
    events = selector.select(_TICK_SECONDS)
    for key, _ in events:
        is_error, kept = key.data
        piece = cast(IO[bytes], key.fileobj).read(_PIECE_BYTES)
        if not piece:
            selector.unregister(key.fileobj)
        elif is_error:
            finished.log = (finished.log + piece)[-_LOG_BYTES:]
        elif kept:
            finished.output += piece
    return bool(events)


def _fault(
    finished: Finished, deadline: float, made: Path | None, max_bytes: int, is_closed: Callable[[], bool]
) -> str | None:
    if is_closed():
        return "closed"
    if time.monotonic() > deadline:
        return "time"
    written = len(finished.output)
    if made is not None:
        with contextlib.suppress(OSError):
            written = made.stat().st_size
    return "size" if written > max_bytes else None
