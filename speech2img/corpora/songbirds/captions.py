"""Captions of a songbird: a varied grammar whose every sentence is true, and the record of what each sentence says.

A caption mentions some of the attributes that the picture shows, in one of several sentence frames and with synonyms.
It never says anything about the light.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from speech2img.corpora.grammar import a_or_an, join_phrases
from speech2img.corpora.songbirds.attributes import visible_attributes
from speech2img.corpora.songbirds.words import (
    ADJECTIVES,
    BACKGROUND_FRAMES,
    BACKGROUND_NOUNS,
    BACKGROUND_PREPOSITIONS,
    COLOR_WORDS,
    DIRECTION_PHRASES,
    NOUNS,
    POSE_PHRASES,
)

WEIGHTS: Mapping[str, float] = {
    "body_color": 1.0, "wing_color": 0.9, "crown_color": 0.85, "breast_color": 0.8, "belly_color": 0.8,
    "pose": 0.5, "background": 0.5, "size": 0.35, "wing_bars": 0.35, "beak_color": 0.35, "direction": 0.3,
    "eye_ring": 0.3, "beak_length": 0.25, "beak_shape": 0.25, "tail_length": 0.25, "tail_shape": 0.25,
    "leg_color": 0.25,
}
"""How readily each attribute is mentioned."""
NONE_FACTOR = 0.2
"""What is not there (no eye ring, no wing bars) is mentioned this much less."""


@dataclass(frozen=True)
class Talk:
    """How much a caption says, and in how many words."""

    num_mentions: Mapping[int, int]
    """Number of attributes in a caption -> its weight."""
    plain_share: float = 0.55
    """How often the plain word is taken where there are synonyms, 0..1."""


TALKATIVE = Talk({3: 30, 4: 35, 5: 22, 6: 13})
BRIEF = Talk({1: 20, 2: 45, 3: 35}, plain_share=0.85)


def write_captions(
    attributes: Mapping[str, str], rng: random.Random, *, count: int = 10, talk: Talk = TALKATIVE
) -> list[tuple[str, dict[str, str]]]:
    """Write different captions of one bird.

    Parameters
    ----------
    attributes : Mapping[str, str]
        A value for every key of ``ATTRIBUTES``.
    rng : random.Random
        Source of every choice.
    count : int
        How many captions.
    talk : Talk
        How much each says.

    Returns
    -------
    list of (str, dict)
        The words, and what they mention: attribute -> value, never ``light``.
    """
    captions: dict[str, dict[str, str]] = {}
    while len(captions) < count:
        mentions = draw_mentions(attributes, rng, talk=talk)
        captions.setdefault(write_caption(mentions, rng, plain_share=talk.plain_share), mentions)
    return list(captions.items())


def draw_mentions(
    attributes: Mapping[str, str], rng: random.Random, *, talk: Talk = TALKATIVE
) -> dict[str, str]:
    """Choose the visible attributes that a caption will mention."""
    visible = visible_attributes(attributes)
    weights = {
        name: weight * (NONE_FACTOR if attributes[name] == "none" else 1.0)
        for name, weight in WEIGHTS.items()
        if name in visible
    }
    count = rng.choices(list(talk.num_mentions), list(talk.num_mentions.values()))[0]
    chosen: set[str] = set()
    while len(chosen) < count:
        name = rng.choices(list(weights), list(weights.values()))[0]
        chosen.add(name)
        del weights[name]
    return {name: attributes[name] for name in WEIGHTS if name in chosen}


def write_caption(
    mentions: Mapping[str, str], rng: random.Random, *, plain_share: float = TALKATIVE.plain_share
) -> str:
    """Put attributes into one English sentence.

    Parameters
    ----------
    mentions : Mapping[str, str]
        What to say: at least one attribute and its value; ``light`` must not be among them.
    rng : random.Random
        Source of every choice.
    plain_share : float
        As in `Talk`.

    Returns
    -------
    str
        Lower case, with commas, ending in a full stop.
    """
    return _Sentence(mentions, rng, plain_share).write()


class _Sentence:
    """One sentence in the making."""

    def __init__(self, mentions: Mapping[str, str], rng: random.Random, plain_share: float) -> None:
        self.said = dict(mentions)
        self.rng = rng
        self.plain_share = plain_share
        self.body_is_adjective = rng.random() < 0.65
        self.words = {name: self._word(name, value) for name, value in self.said.items()}

    def _word(self, name: str, value: str) -> str:
        if value == "none":
            return value
        table = ADJECTIVES.get(name, COLOR_WORDS)
        return self._synonym(table[value]) if value in table else value

    def _synonym(self, words: Sequence[str]) -> str:
        return words[0] if len(words) == 1 or self.rng.random() < self.plain_share else self.rng.choice(words[1:])

    def _noun(self, part: str) -> str:
        return self._synonym(NOUNS[part])

    def write(self) -> str:
        adjectives = [self.words["size"]] if "size" in self.said else []
        if "body_color" in self.said and self.body_is_adjective:
            adjectives.append(self.words["body_color"])
        bird = " ".join([*adjectives, self._synonym(("bird", "songbird"))])
        parts = self._parts()
        self.rng.shuffle(parts)
        return f"{self._frame(bird, parts, self._predicate())}."

    def _frame(self, bird: str, parts: list[tuple[str, str]], predicate: str) -> str:
        if not parts:
            return self._frame_without_parts(bird, predicate)
        phrases = join_phrases([phrase for phrase, _ in parts])
        clauses = join_phrases([clause for _, clause in parts])
        this = self.rng.choice(("this", "the"))
        has = self.rng.choice(("has", "shows"))
        tail = f", {predicate}" if predicate else ""
        and_it_is = f", and it is {predicate}" if predicate else ""
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
            frames += [
                f"{predicate}, {this} {bird} {has} {phrases}",
                f"{a_or_an(bird)} is {predicate}, and {clauses}",
            ]
        return self.rng.choice(frames)

    def _frame_without_parts(self, bird: str, predicate: str) -> str:
        if not predicate:
            return f"{self.rng.choice(('here is', 'this is', 'i see'))} {a_or_an(bird)}"
        a_bird = a_or_an(bird)
        frames = (f"{a_bird} is {predicate}", f"this {bird} is {predicate}", f"here is {a_bird}, {predicate}")
        return self.rng.choice(frames)

    def _parts(self) -> list[tuple[str, str]]:
        """Every part that is spoken of, as a phrase ("a red crown") and as a clause ("its crown is red")."""
        parts = []
        for part in ("crown", "breast", "belly", "leg"):
            if f"{part}_color" in self.said:
                parts.append(self._described(part, [self.words[f"{part}_color"]]))
        if "body_color" in self.said and not self.body_is_adjective:
            parts.append(self._described("body", [self.words["body_color"]]))
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
        color = self.words.get("wing_color")
        bars = self.words.get("wing_bars")
        colored = f"{color} wings" if color else "wings"
        if bars is None:
            return colored, f"its wings are {color}"
        if bars == "none":
            without = f"plain {colored}" if self.rng.random() < 0.5 else f"{colored} without bars"
            return without, f"its wings are {color} and have no bars" if color else "its wings have no bars"
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
            pieces.append(self._synonym(POSE_PHRASES[pose]))
        if background:
            noun = self._synonym(BACKGROUND_NOUNS[background])
            if pose:
                pieces[-1] += f" {self.rng.choice(BACKGROUND_PREPOSITIONS[pose][background])} {noun}"
            else:
                pieces.append(self.rng.choice(BACKGROUND_FRAMES).format(noun))
        if "direction" in self.said:
            pieces.append(self._synonym(DIRECTION_PHRASES[self.said["direction"]]))
        return " and ".join(pieces)
