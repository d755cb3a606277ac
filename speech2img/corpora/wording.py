"""Numbers and lists of names in messages: ``1 picture``, ``3 pictures``, ``a, b, c, ...``."""

from collections.abc import Sequence

MAX_NAMED = 3
MAX_LENGTH = 80


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, which stands in the plural (with an ``s`` if none is given) unless the number is 1."""
    return f"1 {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def some_of(names: Sequence[str]) -> str:
    """The first three names, each cut at 80 characters, and dots where there are more."""
    return ", ".join(name[:MAX_LENGTH] for name in names[:MAX_NAMED]) + (", ..." if len(names) > MAX_NAMED else "")
