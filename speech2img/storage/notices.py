"""What a user should know although the work goes on: one plain line on standard error."""

import contextlib
import sys


def printable(text: str) -> str:
    r"""Escape what is no character to be seen (``\x1b``): what a file or a server says must not steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def notice(message: object) -> None:
    """Write ``speech2img: message`` on one line of standard error; a closed one is no reason to stop.

    Parameters
    ----------
    message : object
        A sentence: what was found and what is done about it.
    """
    stream = sys.stderr
    if stream is None:  # a process without a console has none
        return
    line = f"speech2img: {printable(' '.join(str(message).split()))}\n"
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError, ValueError):  # full, gone or closed
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
