"""What the command line, and only the command line, does to its own process: allocator, threads, exit status."""

import os
import sys
import traceback
from collections.abc import Callable, MutableMapping
from typing import TextIO

from speech2img.errors import DiskFullError, Speech2ImgError
from speech2img.storage.atomic import NO_ROOM

ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(256 << 20)}
"""glibc keeps large blocks instead of giving them back page by page: 1.3 times the training speed on CPU."""

_GUARD = "SPEECH2IMG_TUNED"
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def tuned_environment(environ: MutableMapping[str, str], *, cores: int) -> dict[str, str] | None:
    """The environment to start again in, or None when this process runs in it already.

    What the user has set stays: his own ``MALLOC_*``, ``GLIBC_TUNABLES`` or ``OMP_NUM_THREADS`` win.
    """
    if environ.get(_GUARD):
        return None
    tuned = {**environ, _GUARD: "1"}
    if not any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in environ):
        tuned.update(ALLOCATOR)
    tuned.setdefault("OMP_NUM_THREADS", str(cores))
    return tuned


def restart_tuned() -> None:
    """Start this very command again with the allocator and thread settings, once; glibc reads them only at start."""
    if not sys.platform.startswith("linux") or not sys.executable:
        return
    environ = tuned_environment(os.environ, cores=len(os.sched_getaffinity(0)))
    if environ is not None:
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environ)


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
        The action's own status; the error's ``exit_code``; 130 after Ctrl-C; 141 when nobody reads the output any
        more; 70 for an error that is not the user's.
    """
    try:
        status = action()
        sys.stdout.flush()
        return status
    except Speech2ImgError as error:
        return _complain(str(error), error.exit_code, debug=debug)
    except KeyboardInterrupt:
        return _complain(
            "interrupted; what was finished is kept, the same command goes on", EXIT_INTERRUPTED, debug=debug
        )
    except BrokenPipeError:
        return leave_closed_output()
    except OSError as error:
        if error.errno not in NO_ROOM:
            return _complain_of_bug(error, debug=debug)
        fix = "free some space and run it again; finished files are intact"
        full = DiskFullError.about(error.filename or "a file", "the disk is full", fix)
        return _complain(str(full), full.exit_code, debug=debug)
    except Exception as error:
        return _complain_of_bug(error, debug=debug)


def leave_closed_output() -> int:
    """Exit status for standard output that nobody reads any more; nothing is written to it from now on."""
    _discard(sys.stdout)
    return EXIT_BROKEN_PIPE


def _complain_of_bug(error: Exception, *, debug: bool) -> int:
    text = f"{type(error).__name__}: {error}"
    return _complain(
        f"{text}; this is a bug of speech2img, please report it with the output of --debug", EXIT_BUG, debug=debug
    )


def _complain(message: str, status: int, *, debug: bool) -> int:
    try:
        if debug:
            traceback.print_exc()
        print(f"speech2img: {' '.join(message.split())}", file=sys.stderr, flush=True)
    except OSError:  # the status counts, even where the disk that takes the message is full
        _discard(sys.stderr)
    return status


def _discard(stream: TextIO) -> None:
    """Write nothing to a stream from now on: the interpreter flushes it once more at exit, which must not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
