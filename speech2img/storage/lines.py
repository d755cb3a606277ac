"""Lines of text files that people and other programs wrote: they end where an editor shows them to end."""


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
