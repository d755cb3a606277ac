"""English of captions and messages: lists of phrases, articles, counted nouns."""

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, which stands in the plural (with an ``s`` if none is given) unless the number is 1."""
    return f"1 {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def join_phrases(phrases: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def a_or_an(phrase: str) -> str:
    """Put the indefinite article before a phrase."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"
