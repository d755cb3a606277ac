"""Names and paths that users and files give: what stays inside a folder, which are the same, how they are shown."""

import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from speech2img.errors import ConfigError, printable

MAX_NAME_BYTES = 200
"""Longest file name in UTF-8; file systems take 255, and temporary names are longer."""
MAX_NAMED = 3
"""How many names of a list a message shows."""
MAX_LENGTH = 80
"""Where a name in a message is cut."""


def relative_path(path: str) -> str | None:
    r"""One spelling of a path relative to a folder, or None if it leaves the folder or cannot be a path.

    Parameters
    ----------
    path : str
        As a table or manifest gives it; ``\`` counts as ``/``.

    Returns
    -------
    str or None
        ``a/b.wav`` for ``./a//b.wav``; None for absolute paths, drives, ``..``, the folder itself and texts with
        zero bytes or lone surrogates.
    """
    plain = PurePosixPath(path.strip().replace("\\", "/"))
    drive = bool(plain.parts) and plain.parts[0].endswith(":")
    if not plain.parts or plain.is_absolute() or drive or ".." in plain.parts or "\0" in path:
        return None
    try:
        path.encode()
    except UnicodeEncodeError:
        return None
    return str(plain)


def same_name(path: str) -> str:
    """The form in which two spellings of one name are equal: composed Unicode (NFC), as macOS and Linux disagree."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def plain_name(name: str, *, option: str) -> str:
    """Check that an option's value is the name of one file or folder, not a path.

    Parameters
    ----------
    name : str
        What the user gave.
    option : str
        The option or setting, for the message.

    Returns
    -------
    str
        The name itself.

    Raises
    ------
    ConfigError
        If it is empty, hidden, has separators or control characters, or is too long.
    """
    fits = name.isprintable() and name == name.strip() and not name.startswith((".", "-"))
    try:
        fits = fits and 0 < len(name.encode()) <= MAX_NAME_BYTES
    except UnicodeEncodeError:
        fits = False
    if not fits or any(mark in name for mark in "/\\:\0"):
        raise ConfigError.about(option, f"{name[:80]!r} is no plain name", "use letters, digits, '-', '_' and '.'")
    return name


def some_of(names: Sequence[str], *, separator: str = ", ", max_length: int = MAX_LENGTH) -> str:
    """The first three names as a message shows them (`shown`), and how many more there are.

    Parameters
    ----------
    names : sequence of str
        Names, paths or reasons.
    separator : str
        What stands between them.
    max_length : int
        Where each is cut.

    Returns
    -------
    str
        ``a, b, c, ... and 4 more``.
    """
    first = separator.join(shown(name, max_length=max_length) for name in names[:MAX_NAMED])
    more = len(names) - MAX_NAMED
    return f"{first}{separator}... and {more:,} more" if more > 0 else first


def shown(name: str, *, max_length: int = MAX_LENGTH) -> str:
    r"""A name as one line of plain characters: what cannot be printed (``\xf6`` of Latin-1, line ends) is escaped.

    Of a long one the middle is left out: the end of a path says which file it is.
    """
    if not name.isprintable():
        name = printable(name if len(name) <= 2 * max_length else f"{name[:max_length]}{name[-max_length:]}")
    head = (max_length - 3) // 3
    return name if len(name) <= max_length else f"{name[:head]}...{name[head + 3 - max_length :]}"
