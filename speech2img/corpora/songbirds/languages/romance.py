"""Words that agree in gender and number, as French and Spanish have them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Noun:
    """A noun in the one number it is used in."""

    text: str
    gender: str
    """m or f."""
    plural: bool = False

    @property
    def form(self) -> int:
        """Which form of an adjective goes with it: masculine, feminine, their plurals."""
        return (self.gender == "f") + 2 * self.plural


@dataclass(frozen=True)
class Adjective:
    """An adjective in its four forms: masculine, feminine, masculine plural, feminine plural."""

    forms: tuple[str, str, str, str]
    before: bool = False
    """Whether it stands before its noun."""

    def agree(self, noun: Noun) -> str:
        """The form that goes with a noun."""
        return self.forms[noun.form]


Adjectives = Mapping[str, tuple[Adjective, ...]]


def adjective(masculine: str, feminine: str = "", *, before: bool = False) -> Adjective:
    """An adjective whose plurals take an s; without a feminine form of its own it has one for both."""
    feminine = feminine or masculine
    return Adjective((masculine, feminine, f"{masculine}s", f"{feminine}s"), before)


def invariable(text: str) -> Adjective:
    """An adjective that never changes: "jaune citron", "verde esmeralda"."""
    return Adjective((text, text, text, text))
