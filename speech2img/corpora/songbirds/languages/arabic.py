"""Arabic captions: adjectives follow their noun in gender and take its article, the verb stands first or later."""

import random
import unicodedata
from collections.abc import Mapping, Sequence

from speech2img.corpora.records.voices import cast
from speech2img.corpora.songbirds.languages.arabic_words import (
    ADJECTIVES,
    COLORS,
    DIRECTIONS,
    NOUNS,
    PLACES,
    POSES,
    SCENES,
    SEEN,
)
from speech2img.corpora.songbirds.languages.sentence import Language, Sentence, as_sentence

_AND, _ARTICLE, _DOUBLED = "وَ", "ال", "ّ"
_SUN_LETTERS = "تثدذرزسشصضطظلن"
_WITHOUT = "بِلَا"
_HERE = ("هُنَا", "هُنَاكَ", "هَذَا")
_SEE = ("أَرَى", "نَرَى", "أُشَاهِد")


def write_arabic(mentions: Mapping[str, str], rng: random.Random, plain_share: float) -> str:
    """Put attributes into one Arabic sentence."""
    # Signs above a letter have several orders that look the same; this is the usual one.
    return unicodedata.normalize("NFC", as_sentence(_ArabicSentence(mentions, rng, plain_share).write()))


def definite(word: str) -> str:
    """A word with its article; the letters that take it up are doubled."""
    if word[0] in _SUN_LETTERS:
        return f"{_ARTICLE}{word[0]}{_DOUBLED}{word[1:]}"
    return f"{_ARTICLE}{word}"


class _ArabicSentence(Sentence):
    def write(self) -> str:
        """The sentence without its full stop."""
        # The bird, with and without the article.
        noun, gender = self.synonym(NOUNS["bird"])
        words = [noun, *(self._adjective(name, gender) for name in self.of_bird())]
        bird, this = " ".join(words), f"هَذَا {' '.join(map(definite, words))}"
        parts = [self._describe(part) for part in self.parts()]
        actions = self._actions()
        return self._frame(bird, this, parts, actions) if parts else self._frame_without_parts(bird, this, actions)

    def _frame(self, bird: str, this: str, parts: list[str], actions: list[str]) -> str:
        has = self.rng.choice(("لَهُ", "عِنْدَهُ", "لَدَيْهِ"))
        owned, does = _in_a_row(parts), _in_a_row(actions)
        and_it = f"، وَهُوَ {does}" if actions else ""
        # Frames of a sentence; every one says all that is to be said.
        frames = [
            f"{this} {has} {owned}{and_it}",
            f"{bird} {has} {owned}{and_it}",
            f"{self.rng.choice(_HERE)} {bird} {has} {owned}{and_it}",
            f"{self.rng.choice(_SEE)} {bird} {has} {owned}{and_it}",
            f"لِ{this} {owned}{and_it}",
        ]
        if actions:
            first, *others = actions
            rest = f"، وَهُوَ {_in_a_row(others)}" if others else ""
            frames += [
                f"{bird} {does}، وَ{has} {owned}",
                f"{this} {does}، وَ{has} {owned}",
                f"{first} {bird} {has} {owned}{rest}",
                f"{self.rng.choice(_HERE)} {bird} {does}، وَ{has} {owned}",
            ]
        return self.rng.choice(frames)

    def _frame_without_parts(self, bird: str, this: str, actions: list[str]) -> str:
        if not actions:
            return f"{self.rng.choice((*_HERE, *_SEE))} {bird}"
        does, (first, *others) = _in_a_row(actions), actions
        rest = f"، وَهُوَ {_in_a_row(others)}" if others else ""
        return self.rng.choice(
            (
                f"{bird} {does}",
                f"{this} {does}",
                f"{self.rng.choice((*_HERE, *_SEE))} {bird} {does}",
                f"{first} {bird}{rest}",
            )
        )

    def _adjective(self, name: str, gender: str) -> str:
        masculine, feminine = self.synonym(ADJECTIVES.get(name, COLORS)[self.said[name]])
        return masculine if gender == "m" else feminine

    def _noun(self, part: str, adjectives: Sequence[str] = ()) -> str:
        """A part with the attributes that are said of it."""
        noun, gender = self.synonym(NOUNS[part])
        return " ".join([noun, *(self._adjective(name, gender) for name in adjectives)])

    def _describe(self, part: str) -> str:
        """What the bird has: a part with its adjectives, or without what is absent."""
        if part == "wing":
            return self._wings()
        if part == "eye":
            return self._eye()
        return self._noun(part, self.of_part(part))

    def _wings(self) -> str:
        # Colour alone, and no bars.
        wings = self._noun("wing", ["wing_color"] if "wing_color" in self.said else [])
        bars = self.said.get("wing_bars")
        if bars is None:
            return wings
        if bars == "none":
            return f"{wings} {_WITHOUT} {self._noun('bars')}"
        # With bars.
        marked = self._noun("bars", ["wing_bars"])
        return self.rng.choice((f"{wings} عَلَيْهَا {marked}", f"{wings} فِيهَا {marked}", f"{marked} عَلَى {wings}"))

    def _eye(self) -> str:
        eye = self._noun("eye")
        if self.said["eye_ring"] == "none":
            return f"{eye} {_WITHOUT} {self._noun('ring')}"
        ring = self._noun("ring", ["eye_ring"])
        return self.rng.choice((f"{eye} حَوْلَهَا {ring}", f"{ring} حَوْلَ {definite(eye)}"))

    def _actions(self) -> list[str]:
        """What the bird does, where, and where it looks."""
        pose, background, direction = (self.said.get(name) for name in ("pose", "background", "direction"))
        actions = []
        if pose:
            place = f" {self.synonym(PLACES[pose][background])}" if background else ""
            actions.append(f"{self.synonym(POSES[pose])}{place}")
        elif background:
            actions.append(f"{self.synonym(SEEN)} {self.synonym(SCENES[background])}")
        if direction:
            actions.append(self.synonym(DIRECTIONS[direction]))
        return actions


def _in_a_row(phrases: Sequence[str]) -> str:
    """Phrases in a row; "and" stands before the first letter of each but the first."""
    return f" {_AND}".join(phrases)


ARABIC = Language("Arabic", write_arabic, cast(("ar",)))
