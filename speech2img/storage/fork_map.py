"""Map a function over items in child processes: for work so short that threads would spend most on taking turns."""

import contextlib
import fcntl
import gc
import os
import signal
import traceback
from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import chain
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from speech2img.errors import DataError

T = TypeVar("T")
R = TypeVar("R")
A = TypeVar("A")

_PIPE_BYTES = 1 << 20
_STANDARD = (0, 1, 2)  # descriptors of input, output and error


def fork_map(function: Callable[[T], R], items: Sequence[T], workers: int) -> Generator[R, None, None]:
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
        pipes = [children.enter_context(_child(partial(_work, function, items[k::workers]))) for k in range(workers)]
        for number in range(len(items)):
            yield _received(pipes[number % workers])


def fork_map_with_reply(
    job: Callable[[T], Generator[R, A, None]], items: Sequence[T], workers: int, *, answer: Callable[[R], A]
) -> Generator[int, None, None]:
    """Run jobs in forked processes that need one answer each: a place in a common file, where all before is known.

    A child takes every ``workers``-th item. While it waits for the answer to one job it does the first half of its
    next. Everything else is as in `fork_map`.

    Parameters
    ----------
    job : callable
        Called once an item, in a child. What it returns yields one result, is sent the answer and does its rest.
    items : sequence
        Its arguments.
    workers : int >= 1
        Number of processes; with one, the caller's own does the work.
    answer : callable
        Called here with each result, in the order of the items; gives the answer.

    Yields
    ------
    finished : int
        How many jobs have ended, counted from the first item to the first whose end is not known yet; at last all.

    Raises
    ------
    DataError
        If a child was killed.
    """
    # One worker: here, in order.
    workers = min(workers, len(items))
    if workers <= 1:
        for number, item in enumerate(items):
            begun = job(item)
            _end(begun, answer(next(begun)))
            yield number + 1
        return
    # Each child has every so many-th item; the parent hears them in turn.
    with contextlib.ExitStack() as children:
        talks = [partial(_talk, job, items[k::workers]) for k in range(workers)]
        lines = [children.enter_context(_child(talk, duplex=True)) for talk in talks]
        for number in range(len(items) + workers):
            line = lines[number % workers]
            result = _received(line)  # and the child has ended the job before
            # The reply lets the child go on with the job that it measured.
            if number < len(items):
                _send(line, answer(result))
            if number >= workers:
                yield number - workers + 1


@contextlib.contextmanager
def _child(work: Callable[[Connection], None], *, duplex: bool = False) -> Generator[Connection, None, None]:
    """A child at work, as the parent's end of the line between them; killed at the end."""
    # The child works and leaves without any of the parent's clean-up.
    ours, theirs = Pipe(duplex)
    child = os.fork()
    if child == 0:
        try:
            _settle(theirs)
            work(theirs)
        except (BrokenPipeError, ConnectionResetError, EOFError, KeyboardInterrupt):
            pass  # the parent is gone or tells the user itself
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    # The parent listens; whatever ends it ends the child.
    theirs.close()
    try:
        with contextlib.suppress(AttributeError, OSError):  # not on every system, not in any size, not of a socket
            fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        with ours:
            yield ours
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _received(line: Connection) -> Any:
    """The next result of a child; what it raised instead is raised here."""
    try:
        result, error = line.recv()
    except (EOFError, ConnectionResetError):
        raise _killed() from None
    if error is not None:
        raise error
    return result


def _send(line: Connection, answer: object) -> None:
    try:
        line.send(answer)
    except (BrokenPipeError, ConnectionResetError):
        raise _killed() from None


def _killed() -> DataError:
    fix = "run it again with fewer --workers; finished work stays"
    return DataError.about("a working process", "it was killed (out of memory?)", fix)


def _settle(line: Connection) -> None:
    """Make a fresh child independent of its parent but for the line between them."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):  # the parent's affair
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A collection would copy what is shared with the parent, and close descriptors that have other owners by then.
    gc.freeze()
    _close_all_but(line.fileno(), *_STANDARD)


def _work(function: Callable[[T], R], items: Sequence[T], pipe: Connection) -> None:
    """What a child does: hand over each result, or what was raised instead of it."""
    for item in items:
        result, error = _attempt(partial(function, item))
        pipe.send((result, error))
        if error is not None:
            return


def _talk(job: Callable[[T], Generator[R, A, None]], items: Sequence[T], line: Connection) -> None:
    """What a child does: say a job's result once the job before has had its answer and has ended; at last that."""
    begun: Generator[R, A, None] | None = None
    for following in chain(map(job, items), [_nothing()]):
        result, error = _attempt(partial(next, following))
        if begun is not None:
            answer = line.recv()
            _, failure = _attempt(partial(_end, begun, answer))
            error = failure or error
        line.send((result, error))
        if error is not None:
            return
        begun = following


def _nothing() -> Generator[Any, Any, None]:
    """A job for the last message, which only says that the one before has ended."""
    yield None


def _attempt(step: Callable[[], R]) -> tuple[R | None, Exception | None]:
    """What a step gives, or what it raises."""
    try:
        return step(), None
    except Exception as error:
        return None, error


def _end(job: Generator[R, A, None], answer: A) -> None:
    """Let a job do its rest."""
    with contextlib.suppress(StopIteration):
        job.send(answer)


def _close_all_but(*kept: int) -> None:
    """Close what the parent has open: a lock must end with its holder, a pipe of another child with its reader.

    The list of open files is read, since as many as a thousand million may be allowed.
    """
    for name in os.listdir("/dev/fd"):
        if int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))
