"""Recordings that come through a pipe: standard input, ``<(...)``, named pipes; bounded in bytes and in time."""

import os
import select
import stat
import sys
import time
from pathlib import Path

from speech2img.audio.limits import AudioLimits
from speech2img.errors import AudioError

PATIENCE = 60.0
"""Seconds without a byte after which nothing more is expected."""
LONGEST = 600.0
"""Seconds that a recording may take to come."""
STANDARD_INPUT = "standard input"

_USUAL = AudioLimits()
_AT_ONCE = 1 << 16


def is_pipe(path: str | Path) -> bool:
    """Whether a path is a pipe."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def read_pipe(path: str | Path, *, limits: AudioLimits = _USUAL) -> bytes:
    """Read a pipe that the user named to its end.

    Raises
    ------
    AudioError
        If nothing comes, it does not end, more comes than a recording may have, or it cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise AudioError.about(path, error.strerror, "check the path and its permissions") from error
    try:
        return _read(descriptor, str(path), limits)
    finally:
        os.close(descriptor)


def read_standard_input(*, limits: AudioLimits = _USUAL) -> bytes:
    """Read standard input to its end; errors as `read_pipe`, and where it is a terminal."""
    fix = "pipe a recording into it: ... | speech2img generate -"
    try:
        descriptor = sys.stdin.fileno()
        if os.isatty(descriptor):
            raise AudioError.about(STANDARD_INPUT, "is a terminal", fix)
    except (AttributeError, OSError, ValueError) as error:
        raise AudioError.about(STANDARD_INPUT, "is closed", fix) from error
    return _read(descriptor, STANDARD_INPUT, limits)


def _read(descriptor: int, name: str, limits: AudioLimits) -> bytes:
    data = bytearray()
    end = time.monotonic() + LONGEST
    fix = "check the program that writes into it"
    # A writer that is slow, silent or endless must not hang the reader.
    while len(data) <= limits.max_bytes:
        if time.monotonic() > end:
            raise AudioError.about(name, f"still goes on after {LONGEST:.0f} s", fix)
        if not select.select([descriptor], [], [], PATIENCE)[0]:
            raise AudioError.about(name, f"nothing came for {PATIENCE:.0f} s", fix)
        try:
            part = os.read(descriptor, _AT_ONCE)
        except BlockingIOError:
            continue
        except OSError as error:
            raise AudioError.about(name, error.strerror, fix) from error
        if not part:
            return bytes(data)
        data += part
    fix = f"give a recording of at most {limits.max_bytes >> 20} MB"
    raise AudioError.about(name, f"more than {limits.max_bytes:,} bytes came", fix)
