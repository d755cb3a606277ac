"""What any error means to the user: one sentence and an exit status."""

import errno
import os
import resource
from collections.abc import Iterator

from speech2img.errors import DiskFullError, OutOfMemoryError, Speech2ImgError
from speech2img.storage.atomic import NO_ROOM
from speech2img.storage.reading import TOO_MANY_FILES

EXIT_BUG = 70
EXIT_PLACE = 1
WITHOUT_TORCH = ("check", "prepare", "synthesize")
TORCH_BYTES = 1200 << 20
"""Address space that importing PyTorch and one small network take."""

_MEMORY_WORDS = (
    "allocate memory",
    "not enough memory",
    "out of memory",
    "unable to allocate",
    "memory allocation failed",
    "failed to map segment",
    "bad_alloc",
    "can't start new thread",
    "thread creation failed",
    "cannot allocate",
)
_UNCLEAR_WORDS = ("could not create a primitive", "could not execute a primitive")
"""What oneDNN says of a lack of memory, and of other things."""
_NO_MEMORY = (errno.ENOMEM, errno.EAGAIN)
_MORE_MEMORY = "give it more memory ('ulimit -v', a container's limit), fewer --workers, or work in smaller parts"
_MAX_WORDS = 600


def complaint(error: Exception) -> tuple[str, int]:
    """Say an error in one sentence.

    Parameters
    ----------
    error : Exception
        Whatever ended a command.

    Returns
    -------
    message : str
        What, why and the way out.
    status : int
        The error's own ``exit_code``; 4 where memory ran out; 5 on a full disk; 1 for a file or folder that the user
        can mend; 70 for what is a bug of this package.
    """
    # Errors that were expected say all by themselves.
    if isinstance(error, Speech2ImgError):
        return str(error), error.exit_code
    # Errors of the system, which the user can mend.
    if (reason := _lack_of_memory(error)) is not None:
        ours: Speech2ImgError = OutOfMemoryError.about("memory", reason, _MORE_MEMORY)
        return str(ours), ours.exit_code
    if isinstance(error, OSError) and (answer := _of_system(error)) is not None:
        return answer
    if isinstance(error, UnicodeEncodeError) and "surrogate" in error.reason:
        name = error.object[max(0, error.start - 80) : error.end + 80].encode("utf-8", "backslashreplace").decode()
        return f"{name}: a name or text that is not UTF-8; rename it or write it again in UTF-8", EXIT_PLACE
    if isinstance(error, ValueError) and "null byte" in str(error):
        return "a path: it holds a zero byte; give it without", EXIT_PLACE
    # Anything else is a fault of ours.
    text = f"{type(error).__name__}: {_short(error)}"
    return f"{text}; this is a bug of speech2img, please report it with the output of --debug", EXIT_BUG


def _of_system(error: OSError) -> tuple[str, int] | None:
    """A file, folder or limit of the user's system that is at fault; None where it cannot be his."""
    place = _place(error)
    # No room, no files left.
    if error.errno in NO_ROOM:
        fix = "free some space and run it again; finished files are intact"
        full = DiskFullError.about(place or "a file or standard output", "the disk is full", fix)
        return str(full), full.exit_code
    if error.errno in TOO_MANY_FILES:
        return f"{place or 'a file'}: too many open files; raise 'ulimit -n' or give fewer --workers", EXIT_PLACE
    # A path with its reason.
    if place and error.errno is not None:
        reason = (error.strerror or os.strerror(error.errno)).lower()
        return f"{place}: {reason}; choose or mend the path, and run it again", EXIT_PLACE
    # Without a path: what can be guessed by the number.
    if "temporary directory" in str(error.strerror):  # as tempfile says it, without a path
        return "the temporary folder: none can be written; set TMPDIR to a folder that can, with some room", EXIT_PLACE
    if error.errno in (errno.EROFS, errno.EBADF):
        return f"a file or standard output: {os.strerror(error.errno).lower()}; choose another place", EXIT_PLACE
    if isinstance(error, (ConnectionError, TimeoutError)):
        return f"the network or a helper process: {_short(error)}; run it again", EXIT_PLACE
    return None


def _place(error: OSError) -> str:
    """The path, or the two, that a system error is about."""
    names = [error.filename, error.filename2] if error.filename2 is not None else [error.filename]
    return " -> ".join(
        os.fsdecode(name) if isinstance(name, bytes) else str(name) for name in names if name is not None
    )


def _lack_of_memory(error: BaseException) -> str | None:
    """What an error, or what caused it, says of memory, or of threads to be made of it, that ran out."""
    words = _MEMORY_WORDS + (_UNCLEAR_WORDS if address_space() is not None else ())
    for part in _chain(error):
        if isinstance(part, (ImportError, OSError, RuntimeError, SystemError)):
            for line in str(part).splitlines():
                if any(word in line.lower() for word in words):
                    return _short(line)
        if isinstance(part, MemoryError) or (isinstance(part, OSError) and part.errno in _NO_MEMORY):
            return _short(str(part) or "there is none left")
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _short(message: object) -> str:
    """What an error says on one line of bearable length, or its kind where it says nothing."""
    text = " ".join(str(message).split()) or type(message).__name__
    return text if len(text) <= _MAX_WORDS else f"{text[:_MAX_WORDS]} ..."


def address_space() -> int | None:
    """Bytes of address space that this process may have (``ulimit -v`` or ``-d``); None without a limit."""
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)


def require_address_space(verb: str) -> None:
    """Refuse a verb that computes where PyTorch cannot even be imported: its libraries would end the process.

    Raises
    ------
    OutOfMemoryError
        If the address space is limited to less than `TORCH_BYTES`.
    """
    limit = address_space()
    if verb not in WITHOUT_TORCH and limit is not None and limit < TORCH_BYTES:
        reason = f"the address space is limited to {limit >> 20:,} MiB, and PyTorch alone takes {TORCH_BYTES >> 20:,}"
        raise OutOfMemoryError.about("memory", reason, "raise the limit ('ulimit -v', 'ulimit -d')")
