"""Two small rules of English that every caption grammar needs."""

from collections.abc import Sequence


def join_phrases(phrases: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def a_or_an(phrase: str) -> str:
    """Put the indefinite article before a phrase."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"
