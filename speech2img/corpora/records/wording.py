"""Numbers and lists of names in messages: ``1 picture``, ``3 pictures``, ``a, b, c, ... and 4 more``."""

from speech2img.storage.names import MAX_NAMED, shown, some_of

__all__ = ["MAX_NAMED", "counted", "shown", "some_of"]


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, which stands in the plural (with an ``s`` if none is given) unless the number is 1."""
    return f"1 {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"
