"""What the command line, and only the command line, does to its own process: allocator, threads, streams, status."""

import os
import select
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

from speech2img.cli.interrupts import INTERRUPTS, KEPT, block

ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(256 << 20)}
"""glibc keeps large blocks instead of giving them back page by page: 1.3 times the training speed on CPU."""

SPINNING = {"GOMP_SPINCOUNT": "20000"}
"""Threads that wait for each other turn in a circle shortly, then sleep. With libgomp's own count, fifteen times this,
two of them beside two busy processes train at 0.16 steps a second where these do 3.9 (the quickstart's teacher)."""

_GUARD = "SPEECH2IMG_TUNED"
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def tuned_environment(environ: MutableMapping[str, str], *, cores: int) -> dict[str, str] | None:
    """The environment to start again in, or None when this process runs in it already.

    What the user has set stays: his own ``MALLOC_*``, ``GLIBC_TUNABLES``, ``OMP_NUM_THREADS``, ``GOMP_SPINCOUNT`` or
    ``OMP_WAIT_POLICY`` win.
    """
    if environ.get(_GUARD):
        return None
    tuned = {**environ, _GUARD: "1"}
    if not any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in environ):
        tuned.update(ALLOCATOR)
    if not {*SPINNING, "OMP_WAIT_POLICY"} & environ.keys():
        tuned.update(SPINNING)
    tuned.setdefault("OMP_NUM_THREADS", str(cores))
    return tuned


def restart_tuned() -> None:
    """Start this very command again with the allocator and thread settings, once; glibc reads them only at start."""
    if not sys.platform.startswith("linux") or not sys.executable:
        return
    environ = tuned_environment(os.environ, cores=len(os.sched_getaffinity(0)))
    if environ is not None:
        block()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environ)


def open_streams() -> None:
    r"""Give the process three standard streams that take any text.

    Closed ones become the null device, so that no file of ours gets their number; what an encoding such as ASCII
    lacks is written as ``\xNN`` or ``\uNNNN``.
    """
    # A closed stream would give its number to the next file that is opened.
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    # Names that are not UTF-8 are shown, not raised.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    warnings.showwarning = _one_line
    threading.excepthook = _in_thread


def run_reporting(action: Callable[[], int], *, debug: bool) -> int:
    """Run ``action``; an error becomes one line on standard error and an exit status.

    Parameters
    ----------
    action : callable
        Returns the exit status.
    debug : bool
        Show the traceback of every error as well.

    Returns
    -------
    int
        The action's own status; the error's ``exit_code``; 128 and the number of the signal that ended it, 0 for
        signals that a training was saved for; 141 when nobody reads the output any more; as
        :func:`speech2img.cli.complaints.complaint` for all other errors.
    """
    from speech2img.cli.complaints import complaint
    from speech2img.errors import RunInterrupted

    try:
        # Do it, and flush here, where an error of standard output can be told.
        INTERRUPTS.begin()
        status = action()
        sys.stdout.flush()
        return INTERRUPTS.status() if INTERRUPTS.is_ours() else status
    except KeyboardInterrupt:
        status = INTERRUPTS.status() if INTERRUPTS.is_ours() else EXIT_INTERRUPTED
        return _complain(KEPT, status, debug=debug)
    except Exception as error:
        if INTERRUPTS.is_ours():
            return _complain(
                str(error) if isinstance(error, RunInterrupted) else KEPT, INTERRUPTS.status(), debug=debug
            )
        if isinstance(error, BrokenPipeError) and _nobody_reads(sys.stdout):
            return leave_closed_output()
        if isinstance(error, OSError) and error.filename is None and not _takes_output():
            _discard(sys.stdout)
        return _complain(*complaint(error), debug=debug)


def leave_closed_output() -> int:
    """Exit status for standard output that nobody reads any more; nothing is written to it from now on."""
    _discard(sys.stdout)
    return EXIT_BROKEN_PIPE


def _nobody_reads(stream: TextIO) -> bool:
    """Whether a stream is a pipe or socket whose reader is gone."""
    try:
        look = select.poll()
        look.register(stream.fileno(), select.POLLOUT)
        return any(events & (select.POLLERR | select.POLLHUP) for _, events in look.poll(0))
    except (OSError, ValueError):
        return True


def _takes_output() -> bool:
    """Whether standard output takes what waits to be written: the interpreter flushes it once more at exit."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return False
    return True


def _one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning as one line, without the place in the code."""
    from speech2img.storage.notices import notice

    notice(message)


def _in_thread(failure: threading.ExceptHookArgs) -> None:
    """Say nothing of what a thread keeps to be raised where its work is asked for, as TensorBoard's writer does."""
    if failure.exc_value is None or getattr(failure.thread, "exception", None) is not failure.exc_value:
        threading.__excepthook__(failure)


def _complain(message: str, status: int, *, debug: bool) -> int:
    from speech2img.storage.notices import notice

    try:
        if debug:
            traceback.print_exc()
            sys.stderr.flush()
    except (OSError, ValueError):  # the status counts, even where the disk that takes the message is full
        _discard(sys.stderr)
    notice(message)
    return status


def _discard(stream: Any) -> None:
    """Write nothing to a stream from now on: the interpreter flushes it once more at exit, which must not fail."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError, AttributeError):  # closed, or no file behind it
        return
