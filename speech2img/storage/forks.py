"""Map a function over items in child processes: for work so short that threads would spend most on taking turns."""

import contextlib
import fcntl
import gc
import os
import signal
import traceback
from collections.abc import Callable, Generator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TypeVar

from speech2img.errors import DataError

T = TypeVar("T")
R = TypeVar("R")

_PIPE_BYTES = 1 << 20
_STANDARD = (0, 1, 2)  # descriptors of input, output and error


def map_in_forks(function: Callable[[T], R], items: Sequence[T], workers: int) -> Generator[R, None, None]:
    """Map in forked processes; results come in the order of the items, and few of them wait at any time.

    A child takes every ``workers``-th item and stops where its pipe is full. It ends when nobody reads that any more,
    so that nothing stays behind, and no lock stays held, when the parent is killed. Ctrl-C is the parent's; a caller
    who may stop early wraps the generator in ``contextlib.closing``.

    Parameters
    ----------
    function : callable
        Called once an item, in a child that has a copy of everything but open files. What it raises is raised here at
        the item's turn.
    items : sequence
        Its arguments; a millisecond of work or more each, since handing a result over takes a tenth of that.
    workers : int >= 1
        Number of processes; with one, the caller's own does the work.

    Raises
    ------
    DataError
        If a child was killed.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(function, items)
        return
    with contextlib.ExitStack() as children:
        pipes = [children.enter_context(_child(function, items[first::workers])) for first in range(workers)]
        for number in range(len(items)):
            try:
                result, error = pipes[number % workers].recv()
            except EOFError:
                fix = "run it again with fewer --workers; finished work stays"
                raise DataError.about("a working process", "it was killed (out of memory?)", fix) from None
            if error is not None:
                raise error
            yield result


@contextlib.contextmanager
def _child(function: Callable[[T], R], items: Sequence[T]) -> Generator[Connection, None, None]:
    """A child at work on some items, as the end of the pipe where their results come out; killed at the end."""
    reading, writing = Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        try:
            _work(function, items, writing)
        except (BrokenPipeError, KeyboardInterrupt):
            pass  # the parent is gone or tells the user itself
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    writing.close()
    try:
        with contextlib.suppress(AttributeError, OSError):  # not on every system, and not in any size
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        with reading:
            yield reading
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _work(function: Callable[[T], R], items: Sequence[T], pipe: Connection) -> None:
    """What a child does: hand over each result, or what was raised instead of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A collection would copy what is shared with the parent, and close descriptors that have other owners by then.
    gc.freeze()
    _close_all_but(pipe.fileno(), *_STANDARD)
    for item in items:
        try:
            result = function(item)
        except Exception as error:
            pipe.send((None, error))
            return
        pipe.send((result, None))


def _close_all_but(*kept: int) -> None:
    """Close what the parent has open: a lock must end with its holder, a pipe of another child with its reader.

    The list of open files is read, since as many as a thousand million may be allowed.
    """
    for name in os.listdir("/dev/fd"):
        if int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))
