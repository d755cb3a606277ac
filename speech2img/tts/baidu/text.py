"""Texts as Baidu's service takes them: GBK characters only, in pieces of a limited number of bytes."""

import re
import unicodedata
from collections.abc import Iterator

from speech2img.errors import SynthesisError

MAX_BYTES = 1023
"""Longest text of one request, in GBK bytes (the documentation says: below 1024)."""

_BORDERS = (r"(?<=[.!?;])\s+|(?<=[。！？；…])\s*", r"(?<=[,:])\s+|(?<=[，、：])\s*", r"\s+")
"""Where a text may be cut, best first: ends of sentences, of clauses, of words."""


def clean_text(text: str) -> str:
    """Write a text in GBK characters: one blank for white space and control characters, accents fall where they must.

    Raises
    ------
    SynthesisError
        If a character has no place in GBK, or nothing is left to be spoken.
    """
    kept = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    cleaned = " ".join("".join(_in_gbk(character, text) for character in unicodedata.normalize("NFC", kept)).split())
    if not any(character.isalnum() for character in cleaned):
        raise SynthesisError.about(f"text {text[:60]!r}", "has no letter or digit", "give words to be spoken")
    return cleaned


def _in_gbk(character: str, text: str) -> str:
    if _gbk_bytes(character):
        return character
    folded = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    if folded and _gbk_bytes(folded):
        return folded
    name = unicodedata.name(character, "unnamed")
    reason = f"the character {character!r} ({name}) is not in GBK, the only ones that Baidu reads"
    raise SynthesisError.about(f"text {text[:60]!r}", reason, "spell it or leave it out")


def _gbk_bytes(text: str) -> int:
    """Length in GBK, 0 where it cannot be written in it."""
    try:
        return len(text.encode("gbk"))
    except UnicodeEncodeError:
        return 0


def split_text(text: str, *, max_bytes: int = MAX_BYTES) -> list[str]:
    """Cut a text into pieces that fit into one request each, at the best borders that do.

    Parameters
    ----------
    text : str
        From `clean_text`.
    max_bytes : int
        Longest piece in GBK bytes, at least 2.

    Returns
    -------
    list of str
        The pieces in order, without blanks at their ends; nothing but blanks is lost between them. A word is cut only
        if it alone is too long.
    """
    return [piece for piece in _split(text.strip(), max_bytes, 0) if piece]


def _split(text: str, max_bytes: int, level: int) -> Iterator[str]:
    # Short enough.
    if _gbk_bytes(text) <= max_bytes:
        yield text
        return
    # No border is left: within the word.
    if level == len(_BORDERS):
        yield from _split_word(text, max_bytes)
        return
    # As many parts as fit, at borders of this level.
    start = 0
    end = 0
    borders = [match for match in re.finditer(_BORDERS[level], text) if match.start() > 0]
    for border in [*((match.start(), match.end()) for match in borders), (len(text), len(text))]:
        if _gbk_bytes(text[start : border[0]]) > max_bytes and end > start:
            yield from _split(text[start:end].strip(), max_bytes, level + 1)
            start = end
        end = border[1]
    yield from _split(text[start:].strip(), max_bytes, level + 1)


def _split_word(word: str, max_bytes: int) -> Iterator[str]:
    piece, size = "", 0
    for character in word:
        width = _gbk_bytes(character)
        if size + width > max_bytes:
            yield piece
            piece, size = "", 0
        piece, size = piece + character, size + width
    yield piece
