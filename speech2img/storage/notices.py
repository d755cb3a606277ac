"""What a user should know although the work goes on: one plain line on standard error."""

import contextlib
import sys


def notice(message: object, *, by: str = "speech2img") -> None:
    r"""Write ``by: message`` on one line of standard error; a closed, full or missing one is no reason to stop.

    What a file, a server or a command line says must not steer a terminal, so what cannot be printed is escaped
    (``\x1b``), as is what the terminal's encoding lacks. Runs of blanks and line breaks become one blank.

    Parameters
    ----------
    message : object
        A sentence: what was found and what is done about it, or how far the work is.
    by : str
        Who says it, or the job that it is about.

    Examples
    --------
    >>> import contextlib, sys
    >>> with contextlib.redirect_stderr(sys.stdout):
    ...     notice("2 damaged\n lines", by="journal")
    journal: 2 damaged lines
    """
    stream = sys.stderr
    if stream is None:  # a process without a console has none
        return
    # One line of characters that can be seen.
    line = " ".join(f"{by}: {message}".split())
    if not line.isprintable():
        line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)

    # Those that the stream's encoding has.
    encoding = getattr(stream, "encoding", None) or "utf-8"
    encoded = f"{line}\n".encode(encoding, "backslashreplace")
    with contextlib.suppress(OSError, ValueError):  # full, gone or closed
        stream.write(encoded.decode(encoding))
        stream.flush()
