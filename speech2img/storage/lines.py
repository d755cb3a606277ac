"""Lines of text files that people and other programs wrote: they end where an editor shows them to end."""

from pathlib import Path

from speech2img.errors import DataError
from speech2img.storage.reading import read_bytes

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def text_lines(text: str) -> list[str]:
    r"""Split a text at ``\n``, ``\r\n`` and ``\r``, and nowhere else.

    ``str.splitlines`` also splits at characters that stand within lines of text (U+2028, U+0085, vertical tab, form
    feed, the separators U+001C to U+001E), so that all lines after them would get another number.

    Parameters
    ----------
    text : str
        The content of a file.

    Returns
    -------
    list of str
        Without line ends; a line end at the very end begins no further line.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines


def read_text_file(path: Path, *, max_bytes: int) -> str:
    """Read a small UTF-8 text file, with or without a byte-order mark.

    Raises
    ------
    DataError
        If it is missing, no regular file, larger than `max_bytes`, or in another encoding.
    """
    data = read_bytes(path, max_bytes=max_bytes)
    if data.startswith(_UTF16):
        raise DataError.about(path, "not in UTF-8 but in UTF-16", "save it as UTF-8 (in Excel: CSV UTF-8)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"not in UTF-8 ({error.reason} at byte {error.start})"
        raise DataError.about(path, reason, "save it as UTF-8") from error
    if text.startswith("{\\rtf"):
        raise DataError.about(path, "not plain text but rich text (RTF)", "save it as plain text in UTF-8")
    if "\0" in text:
        raise DataError.about(path, "not a text file in UTF-8 (it has zero bytes)", "save it as UTF-8")
    return text
