"""Captions of a songbird: a varied grammar whose every sentence is true, and the record of what each sentence says.

A caption mentions some of the attributes that the picture shows, in one of several sentence frames and with synonyms.
It never says anything about the light.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from speech2img.corpora.songbirds.attributes import visible_attributes
from speech2img.corpora.songbirds.languages.english import ENGLISH
from speech2img.corpora.songbirds.languages.sentence import Language

WEIGHTS: Mapping[str, float] = {
    "body_color": 1.0,
    "wing_color": 0.9,
    "crown_color": 0.85,
    "breast_color": 0.8,
    "belly_color": 0.8,
    "pose": 0.5,
    "background": 0.5,
    "size": 0.35,
    "wing_bars": 0.35,
    "beak_color": 0.35,
    "direction": 0.3,
    "eye_ring": 0.3,
    "beak_length": 0.25,
    "beak_shape": 0.25,
    "tail_length": 0.25,
    "tail_shape": 0.25,
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
MODERATE = Talk({2: 25, 3: 35, 4: 25, 5: 15}, plain_share=0.85)
BRIEF = Talk({1: 20, 2: 45, 3: 35}, plain_share=0.85)


def write_captions(
    attributes: Mapping[str, str],
    rng: random.Random,
    *,
    count: int = 10,
    talk: Talk = TALKATIVE,
    language: Language = ENGLISH,
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
    language : Language
        What they are written in.

    Returns
    -------
    list of (str, dict)
        The words, and what they mention: attribute -> value, never ``light``.
    """
    captions: dict[str, dict[str, str]] = {}
    while len(captions) < count:
        mentions = draw_mentions(attributes, rng, talk=talk)
        captions.setdefault(language.write(mentions, rng, talk.plain_share), mentions)
    return list(captions.items())


def draw_mentions(attributes: Mapping[str, str], rng: random.Random, *, talk: Talk = TALKATIVE) -> dict[str, str]:
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
