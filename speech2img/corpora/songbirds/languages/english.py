"""English captions: lower case, as they have been written down for birds by the thousand."""

import random
from collections.abc import Mapping

from speech2img.corpora.records.text import a_or_an, join_phrases
from speech2img.corpora.records.voices import ENGLISH_VOICES
from speech2img.corpora.songbirds.languages.english_words import (
    ADJECTIVES,
    BACKGROUND_FRAMES,
    BACKGROUND_NOUNS,
    BACKGROUND_PREPOSITIONS,
    COLOR_WORDS,
    DIRECTION_PHRASES,
    NOUNS,
    POSE_PHRASES,
)
from speech2img.corpora.songbirds.languages.sentence import Language, Sentence


def write_english(mentions: Mapping[str, str], rng: random.Random, plain_share: float) -> str:
    """Put attributes into one English sentence, lower case, with commas, ending in a full stop."""
    return _EnglishSentence(mentions, rng, plain_share).write()


class _EnglishSentence(Sentence):
    """One sentence in the making."""

    def __init__(self, mentions: Mapping[str, str], rng: random.Random, plain_share: float) -> None:
        super().__init__(mentions, rng, plain_share)
        self.words = {name: self._word(name, value) for name, value in self.said.items()}

    def _word(self, name: str, value: str) -> str:
        if value == "none":
            return value
        table = ADJECTIVES.get(name, COLOR_WORDS)
        return self.synonym(table[value]) if value in table else value

    def _noun(self, part: str) -> str:
        return self.synonym(NOUNS[part])

    def write(self) -> str:
        adjectives = [self.words["size"]] if "size" in self.said else []
        if "body_color" in self.said and self.body_is_adjective:
            adjectives.append(self.words["body_color"])
        bird = " ".join([*adjectives, self.synonym(("bird", "songbird"))])
        parts = self._described_parts()
        self.rng.shuffle(parts)
        return f"{self._frame(bird, parts, self._predicate())}."

    def _frame(self, bird: str, parts: list[tuple[str, str]], predicate: str) -> str:
        # The parts, as phrases and as clauses.
        if not parts:
            return self._frame_without_parts(bird, predicate)
        phrases = join_phrases([phrase for phrase, _ in parts])
        clauses = join_phrases([clause for _, clause in parts])
        this = self.rng.choice(("this", "the"))
        has = self.rng.choice(("has", "shows"))
        tail = f", {predicate}" if predicate else ""
        and_it_is = f", and it is {predicate}" if predicate else ""
        # Frames of a sentence; every one says all that is to be said.
        frames = [
            f"{this} {bird} has {phrases}{and_it_is}",
            f"{a_or_an(bird)} with {phrases}{tail}",
            f"{self.rng.choice(('here is', 'i see', 'there is', 'look at', 'imagine'))} "
            f"{a_or_an(bird)} with {phrases}{tail}",
            f"{this} {bird} {has} {phrases}{tail}",
            f"{this} is {a_or_an(bird)}, {clauses}{and_it_is}".replace("the is", "this is", 1),
            f"{phrases} on {a_or_an(bird)}{tail}",
        ]
        if predicate:
            frames += [f"{predicate}, {this} {bird} {has} {phrases}", f"{a_or_an(bird)} is {predicate}, and {clauses}"]
        return self.rng.choice(frames)

    def _frame_without_parts(self, bird: str, predicate: str) -> str:
        if not predicate:
            return f"{self.rng.choice(('here is', 'this is', 'i see'))} {a_or_an(bird)}"
        a_bird = a_or_an(bird)
        frames = (f"{a_bird} is {predicate}", f"this {bird} is {predicate}", f"here is {a_bird}, {predicate}")
        return self.rng.choice(frames)

    def _described_parts(self) -> list[tuple[str, str]]:
        """Every part that is spoken of, as a phrase ("a red crown") and as a clause ("its crown is red")."""
        # Coloured parts, from the top to the legs.
        parts = []
        for part in ("crown", "breast", "belly", "leg"):
            if f"{part}_color" in self.said:
                parts.append(self._described(part, [self.words[f"{part}_color"]]))
        if "body_color" in self.said and not self.body_is_adjective:
            parts.append(self._described("body", [self.words["body_color"]]))
        # Parts of several adjectives, and those with a grammar of their own.
        for part, kinds in (("beak", ("length", "shape", "color")), ("tail", ("length", "shape"))):
            adjectives = [self.words[f"{part}_{kind}"] for kind in kinds if f"{part}_{kind}" in self.said]
            if adjectives:
                parts.append(self._described(part, adjectives))
        if "wing_color" in self.said or "wing_bars" in self.said:
            parts.append(self._wings())
        if "eye_ring" in self.said:
            parts.append(self._eye())
        return parts

    def _described(self, part: str, adjectives: list[str]) -> tuple[str, str]:
        noun = self._noun(part)
        phrase = " ".join([*adjectives, noun])
        if noun.endswith("s") or noun == "feet":
            return phrase, f"its {noun} are {join_phrases(adjectives)}"
        return a_or_an(phrase), f"its {noun} is {join_phrases(adjectives)}"

    def _wings(self) -> tuple[str, str]:
        # Colour alone.
        color = self.words.get("wing_color")
        bars = self.words.get("wing_bars")
        colored = f"{color} wings" if color else "wings"
        if bars is None:
            return colored, f"its wings are {color}"
        # Without bars.
        if bars == "none":
            without = f"plain {colored}" if self.rng.random() < 0.5 else f"{colored} without bars"
            return without, f"its wings are {color} and have no bars" if color else "its wings have no bars"
        # With bars.
        noun = self.rng.choice(("bars", "wing bars", "stripes"))
        if color is None:
            on = "on its wings" if noun != "wing bars" else ""
            return f"{bars} {noun} {on}".strip(), f"its wings have {bars} bars"
        noun = "bars" if noun == "wing bars" else noun
        phrase = self.rng.choice((f"{colored} with {bars} {noun}", f"{bars} {noun} on its {colored}"))
        return phrase, f"its wings are {color} with {bars} {noun}"

    def _eye(self) -> tuple[str, str]:
        color = self.words["eye_ring"]
        if color == "none":
            return "no ring around its eye", "its eye has no ring"
        ring = a_or_an(f"{color} ring")
        phrase = self.rng.choice((f"{ring} around its eye", a_or_an(f"{color} eye ring")))
        return phrase, f"its eye has {ring}"

    def _predicate(self) -> str:
        """What the bird is doing, and where: words that may follow "it is"."""
        pose, background = self.said.get("pose"), self.said.get("background")
        pieces = []
        if pose:
            pieces.append(self.synonym(POSE_PHRASES[pose]))
        if background:
            noun = self.synonym(BACKGROUND_NOUNS[background])
            if pose:
                pieces[-1] += f" {self.rng.choice(BACKGROUND_PREPOSITIONS[pose][background])} {noun}"
            else:
                pieces.append(self.rng.choice(BACKGROUND_FRAMES).format(noun))
        if "direction" in self.said:
            pieces.append(self.synonym(DIRECTION_PHRASES[self.said["direction"]]))
        return " and ".join(pieces)


ENGLISH = Language("English", write_english, ENGLISH_VOICES)
