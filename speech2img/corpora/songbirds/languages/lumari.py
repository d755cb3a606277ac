"""Captions in Lumari, an invented language without writing: on disk, they are espeak-ng's names of its phonemes.

The verb stands last, adjectives follow their noun and take the ending of its class: -e for what lives, -o for parts of
it, -u for places. What a bird has takes -mi, what it lacks -zu, where it is -ta; -ke on the last word of a member joins
it to the one before; -si says that something is so. Words are stressed on their first syllable.
"""

import random
from collections.abc import Mapping, Sequence

from speech2img.corpora.records.voices import cast
from speech2img.corpora.songbirds.languages.lumari_words import Root, lexicon
from speech2img.corpora.songbirds.languages.sentence import Language, Sentence

LIVING, PART, PLACE = "e", "o", "u"
"""Endings of the three classes."""
HAVING, LACKING, AT = "mi", "zu", "ta"
"""Endings of the cases."""
AND, IS_SO, DOES, DOING = "ke", "si", "ali", "ari"
"""Endings that join and state; of a verb in a statement, and of one beside a noun."""
CLAUSES_SHARE = 0.25
"""How often the parts have a clause of their own."""


def write_lumari(mentions: Mapping[str, str], rng: random.Random, plain_share: float) -> str:
    """Put attributes into one sentence of Lumari: blocks of phonemes, ``[[m'otive k'ase]], [[b'iluno]].``"""
    clauses = _LumariSentence(mentions, rng, plain_share).write()
    blocks = [f"[[{' '.join(words)}]]" for words in clauses]
    return f"{', '.join(blocks)}."


def word(root: Root, *endings: str) -> str:
    """A root with its endings, stressed on the first vowel."""
    return f"{root[0]}'{''.join(root[1:])}{''.join(endings)}"


class _LumariSentence(Sentence):
    def write(self) -> list[list[str]]:
        """The words of each clause."""
        # What is said.
        bird = self._named("bird", LIVING, [self.said[name] for name in self.of_bird()])
        parts = self.parts()
        deeds, places = self._deeds()
        # Two clauses.
        if parts and self.rng.random() < CLAUSES_SHARE:
            does = [self._word(deed, DOES) for deed in deeds] or [self._word("behold", "u")]
            first = self.rng.choice(([*places, *bird, *does], [*bird, *places, *does]))
            second = self._statement(parts)
            return self.rng.choice(([first, second], [second, first]))
        # One clause; the order of words is free, the endings say what belongs together.
        had = self._chain([self._had(part) for part in parts]) if parts else []
        shown = self.rng.choice(([], [self._word("this", LIVING)], [self._word("behold", "u")]))
        if not deeds:
            return [self.rng.choice(([*shown, *bird, *had], [*had, *shown, *bird], [*bird, *had, *shown]))]
        does, doing = ([self._word(deed, ending) for deed in deeds] for ending in (DOES, DOING))
        orders = (
            [*shown, *bird, *had, *places, *does],
            [*shown, *bird, *places, *had, *does],
            [*places, *shown, *bird, *had, *does],
            [*had, *shown, *bird, *places, *does],
            [*shown, *places, *doing, *bird, *had],
            [*shown, *bird, *places, *doing, *had],
            [*had, *shown, *places, *doing, *bird],
        )
        return [self.rng.choice(orders)]

    def _word(self, concept: str, *endings: str) -> str:
        return word(self.synonym(lexicon()[concept]), *endings)

    def _named(self, noun: str, kind: str, adjectives: Sequence[str], *case: str) -> list[str]:
        """A noun with its adjectives: "bird-e small-e red-e"."""
        return [self._word(noun, kind, *case), *(self._word(adjective, kind) for adjective in adjectives)]

    def _chain(self, members: Sequence[Sequence[str]]) -> list[str]:
        """All members one after another, every further one joined by the ending of its last word."""
        first, *others = members
        return [*first, *(word for member in others for word in [*member[:-1], f"{member[-1]}{AND}"])]

    def _had(self, part: str) -> list[str]:
        """A part that the bird has, or lacks."""
        # The eye: with a ring or without.
        if part == "eye":
            ring = self.said["eye_ring"]
            eye = [self._word("eye", PART, AT)]
            if ring == "none":
                return [*eye, self._word("ring", PART, LACKING)]
            return [*eye, *self._named("ring", PART, [ring], HAVING)]
        # The wing: its colour, its bars.
        if part == "wing":
            bars = self.said.get("wing_bars")
            colors = [self.said["wing_color"]] if "wing_color" in self.said else []
            wings = self._named("wing", PART, colors, HAVING)
            if bars is None:
                return wings
            if bars == "none":
                return [*wings, self._word("bars", PART, LACKING)]
            return [*wings, *self._named("bars", PART, [bars], HAVING)]
        return self._named(part, PART, [self.said[name] for name in self.of_part(part)], HAVING)

    def _statement(self, parts: Sequence[str]) -> list[str]:
        """What is so of the parts: "crown-o-mi red-o-si"."""
        members = []
        for part in parts:
            *words, last = self._had(part)
            members.append([*words, f"{last}{IS_SO}"])
        return self._chain(members)

    def _deeds(self) -> tuple[list[str], list[str]]:
        """What the bird does, as concepts of verbs, and the words for where."""
        pose, background, direction = (self.said.get(name) for name in ("pose", "background", "direction"))
        places = [self._word(background, PLACE, AT)] if background else []
        deeds = [pose] if pose else ["seen"] if background else []
        if direction:
            places.append(self._word(direction, PLACE, AT))
            deeds.append("turned")
        return deeds, places


LUMARI = Language(
    "Lumari, invented", write_lumari, cast(("it", "fi", "id", "ro", "pl", "eo"), held_out_accents=("sk", "lv"))
)
