"""What a user should know although the work goes on: one plain line on standard error."""

import contextlib
import sys


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
    line = f"speech2img: {' '.join(str(message).split())}\n"
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError, ValueError):  # full, gone or closed
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
