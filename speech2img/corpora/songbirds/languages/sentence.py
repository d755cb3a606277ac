"""What a language of captions is, and what the grammars share: parts of the bird, the choice among synonyms."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from speech2img.corpora.records.voices import Voices

T = TypeVar("T")
Grammar = Callable[[Mapping[str, str], random.Random, float], str]
"""``write(mentions, rng, plain_share)``: one sentence that says these attributes (never ``light``) and no others.

``plain_share``, 0..1, is how often the plain word is taken where there are synonyms.
"""

PARTS: Mapping[str, tuple[str, ...]] = {
    "crown": ("crown_color",),
    "breast": ("breast_color",),
    "belly": ("belly_color",),
    "leg": ("leg_color",),
    "body": ("body_color",),
    "beak": ("beak_length", "beak_shape", "beak_color"),
    "tail": ("tail_length", "tail_shape"),
    "wing": ("wing_color", "wing_bars"),
    "eye": ("eye_ring",),
}
"""Part of the bird -> the attributes that are said of it, in the order of its adjectives."""
BODY_ADJECTIVE_SHARE = 0.65
"""How often the colour of the body is said of the bird itself ("a red bird"), not of its body."""


@dataclass(frozen=True)
class Language:
    """One language of captions."""

    name: str
    """In English, for messages."""
    write: Grammar
    """Its grammar."""
    voices: Voices
    """Who speaks it, as names of espeak-ng."""


class Sentence:
    """One sentence in the making.

    Parameters
    ----------
    mentions : Mapping[str, str]
        What to say: at least one attribute and its value; ``light`` must not be among them.
    rng : random.Random
        Source of every choice.
    plain_share : float
        How often the plain word is taken where there are synonyms, 0..1.
    """

    def __init__(self, mentions: Mapping[str, str], rng: random.Random, plain_share: float) -> None:
        self.said = dict(mentions)
        self.rng = rng
        self.plain_share = plain_share
        self.body_is_adjective = rng.random() < BODY_ADJECTIVE_SHARE

    def synonym(self, words: Sequence[T]) -> T:
        """The plain word, which is the first, or one of its synonyms."""
        return words[0] if len(words) == 1 or self.rng.random() < self.plain_share else self.rng.choice(words[1:])

    def of_bird(self) -> list[str]:
        """The attributes that are said of the bird as a whole."""
        return [
            name for name in ("size", "body_color") if name in self.said and (name == "size" or self.body_is_adjective)
        ]

    def parts(self) -> list[str]:
        """The parts that are spoken of, shuffled."""
        parts = [
            part
            for part, names in PARTS.items()
            if any(name in self.said for name in names) and not (part == "body" and self.body_is_adjective)
        ]
        self.rng.shuffle(parts)
        return parts

    def of_part(self, part: str) -> list[str]:
        """The attributes that are said of a part, in the order of its adjectives."""
        return [name for name in PARTS[part] if name in self.said]


def join_with(phrases: Sequence[str], conjunction: str) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} {conjunction} {phrases[-1]}"


def as_sentence(words: str) -> str:
    """Words with a capital at the beginning and a full stop at the end."""
    return f"{words[0].upper()}{words[1:]}."
