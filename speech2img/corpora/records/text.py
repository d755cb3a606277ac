"""Words of captions and messages: what is plain text; lists of phrases, articles, counted nouns in English."""

import re
from collections.abc import Sequence

MAX_WORDS = 10_000
"""Most characters of a caption or of another field."""
_ODD = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, which stands in the plural (with an ``s`` if none is given) unless the number is 1."""
    return f"1 {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def join_phrases(phrases: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def a_or_an(phrase: str) -> str:
    """Put the indefinite article before a phrase."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def plain_words(text: str) -> str | None:
    """A caption with single spaces between its words.

    Parameters
    ----------
    text : str
        As a file holds it; line breaks and tabs count as blanks.

    Returns
    -------
    str or None
        None if it is longer than `MAX_WORDS` characters, or has control characters or lone surrogates.
    """
    plain = " ".join(text.split())
    return plain if is_plain(plain) else None


def is_plain(text: str) -> bool:
    """Whether a text is short enough for one line and holds nothing but characters."""
    return len(text) <= MAX_WORDS and not _ODD.search(text)
