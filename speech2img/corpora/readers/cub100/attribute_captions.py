"""Captions for CUB photographs, written from what people said of each species and of single pictures.

Reed et al.'s ten captions an image cannot be had everywhere, CUB's 312 attributes can: for every class the percentage
of annotators who saw each value. A caption chooses three to five parts and, for each, a value that people named, the
common ones more readily. So captions vary as people do, and are true of the species rather than of one photograph. The
concept labels ("black crown", "white chest with brown streaks") are hand-checked phrases about single photographs.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from speech2img.corpora.readers.cub100.attribute_words import (
    ADJECTIVES,
    BIRDS,
    COLORS,
    HEAD_PATTERNS,
    NOUNS,
    PARTS,
    PATTERNS,
)
from speech2img.corpora.records.text import a_or_an, join_phrases
from speech2img.errors import DataError
from speech2img.storage.lines import text_lines

NUM_ATTRIBUTES = 312
ClassFacts = Mapping[str, tuple[tuple[str, float], ...]]
"""Attribute name (``crown_color``) -> the values people named with their percentages, the commonest first."""

NUM_PARTS: Mapping[int, int] = {3: 35, 4: 40, 5: 25}
NAMED_BY = 20.0
"""Least percentage for a value to be said at all."""
TWO_COLORS = 0.35
"""How often two common colours of one part are both said."""
PHRASES_PER_LABEL_CAPTION = 4
MAX_LABEL_WORDS = 8


def read_class_facts(attributes: str, percentages: str, *, source: str | Path) -> list[ClassFacts]:
    """Read CUB's class attributes.

    Parameters
    ----------
    attributes : str
        Text of ``attributes.txt``: ``<number> has_<attribute>::<value>``, 312 lines.
    percentages : str
        Text of ``class_attribute_labels_continuous.txt``: one line a class, 312 percentages.
    source : str or Path
        What to name in errors.

    Returns
    -------
    list of ClassFacts
        By class number less one; only values that at least 20 % named, but always the commonest one.

    Raises
    ------
    DataError
        If the two texts do not fit each other or hold no percentages.
    """
    # Names of the attributes.
    fix = "take both files from CUB-200-2011's attributes folder"
    words = [line.split()[-1] for line in text_lines(attributes) if line.strip()]
    names = [word.removeprefix("has_").partition("::")[::2] for word in words]
    if len(names) != NUM_ATTRIBUTES or not all(value for _, value in names):
        raise DataError.about(source, f"{len(names)} attribute names instead of {NUM_ATTRIBUTES}", fix)
    # Percentages, a line a class.
    facts = []
    for number, line in enumerate((line for line in text_lines(percentages) if line.strip()), start=1):
        try:
            row = [float(field) for field in line.split()]
        except ValueError as error:
            raise DataError.about(source, f"line {number} of the class attributes: {error}", fix) from error
        if len(row) != NUM_ATTRIBUTES or not all(0 <= value <= 100.01 for value in row):
            reason = f"line {number} of the class attributes: not {NUM_ATTRIBUTES} percentages"
            raise DataError.about(source, reason, fix)
        facts.append(_facts_of_class(names, row))
    return facts


def _facts_of_class(names: Sequence[tuple[str, ...]], row: Sequence[float]) -> ClassFacts:
    groups: dict[str, list[tuple[str, float]]] = {}
    for (group, value), percentage in zip(names, row, strict=True):
        if _can_say(group, value):
            groups.setdefault(group, []).append((value, percentage))
    facts = {}
    for group, values in groups.items():
        ranked = sorted(values, key=lambda pair: -pair[1])
        named = tuple(pair for pair in ranked if pair[1] >= NAMED_BY) or tuple(ranked[:1])
        if named[0][1] > 0:
            facts[group] = named
    return facts


def _can_say(group: str, value: str) -> bool:
    if group not in PARTS:
        return False
    if group == "head_pattern":
        return value in HEAD_PATTERNS
    if group == "shape":
        return value in BIRDS
    if group.endswith("_pattern"):
        return value in PATTERNS
    return group not in ADJECTIVES or value in ADJECTIVES[group]


def attribute_caption(facts: ClassFacts, rng: random.Random) -> tuple[str, dict[str, str]]:
    """Write one caption of a class.

    Parameters
    ----------
    facts : ClassFacts
        The class, from ``read_class_facts``.
    rng : random.Random
        Source of every choice.

    Returns
    -------
    str
        The words.
    dict of str to str
        CUB attribute -> the value said (the first one where two colours are said).
    """
    chosen = _draw_parts(facts, rng)
    mentions = {group: _draw_value(facts[group], rng) for group in chosen}
    bird = _bird(mentions, rng)
    phrases = [phrase for group in mentions if (phrase := _phrase(group, mentions, facts, rng))]
    rng.shuffle(phrases)
    return _sentence(bird, phrases, rng), mentions


def label_phrases(labels: Mapping[str, str]) -> list[str]:
    """Turn one picture's concept labels into noun phrases; parts that cannot be seen are left out."""
    hidden = ("not ", "no ", "can not", "cannot")
    skipped = ("body shape", "neck shape", "flight feather shape")
    phrases = []
    for part, text in labels.items():
        words = " ".join(text.lower().replace("-", " ").replace(",", " ").split())
        if part not in skipped and 0 < len(words.split()) <= MAX_LABEL_WORDS and not words.startswith(hidden):
            noun = words.partition(" with ")[0].split()[-1]
            phrases.append(words if noun.endswith("s") or noun == "feet" else a_or_an(words))
    return phrases


def label_caption(phrases: Sequence[str], rng: random.Random) -> str:
    """Write one caption from noun phrases of ``label_phrases``."""
    count = min(len(phrases), rng.randint(2, PHRASES_PER_LABEL_CAPTION))
    return _sentence("bird", rng.sample(list(phrases), count), rng)


def write_cub_captions(
    facts: ClassFacts,
    rng: random.Random,
    *,
    labels: Sequence[Sequence[str]] = (),
    count: int = 10,
    num_labelled: int = 3,
) -> list[tuple[str, dict[str, str]]]:
    """Write different captions of one photograph.

    Parameters
    ----------
    facts : ClassFacts
        What people said of its class.
    rng : random.Random
        Source of every choice.
    labels : sequence of sequences of str
        Phrases of ``label_phrases``, one list a described picture; one is drawn for each caption made of labels.
    count : int
        How many captions.
    num_labelled : int
        How many of them are made of labels, where there are labels.

    Returns
    -------
    list of (str, dict)
        The words and what they mention (nothing for captions made of labels).
    """
    usable = [phrases for phrases in labels if len(phrases) >= 2]
    captions: dict[str, dict[str, str]] = {}
    for _ in range(20 * num_labelled if usable else 0):
        if len(captions) == min(num_labelled, count):
            break
        captions.setdefault(label_caption(rng.choice(usable), rng), {})
    while len(captions) < count:
        text, mentions = attribute_caption(facts, rng)
        captions.setdefault(text, mentions)
    return list(captions.items())


def _draw_value(named: Sequence[tuple[str, float]], rng: random.Random) -> str:
    """Draw a value by the square of its percentage: what few people saw is rarely said."""
    values = [value for value, _ in named]
    return rng.choices(values, [percentage**2 for _, percentage in named])[0]


def _draw_parts(facts: ClassFacts, rng: random.Random) -> list[str]:
    weights = {group: weight for group, weight in PARTS.items() if group in facts}
    wanted = rng.choices(list(NUM_PARTS), list(NUM_PARTS.values()))[0]
    chosen: set[str] = set()
    while weights and len(chosen) < wanted:
        group = rng.choices(list(weights), list(weights.values()))[0]
        chosen.add(group)
        del weights[group]
    return [group for group in PARTS if group in chosen]


def _bird(mentions: Mapping[str, str], rng: random.Random) -> str:
    words = []
    if "size" in mentions:
        words.append(rng.choice(ADJECTIVES["size"][mentions["size"]]))
    if "primary_color" in mentions:
        words.append(_color(mentions["primary_color"], rng))
    words.append(BIRDS[mentions["shape"]] if "shape" in mentions else "bird")
    return " ".join(words)


def _phrase(group: str, mentions: Mapping[str, str], facts: ClassFacts, rng: random.Random) -> str | None:
    """A noun phrase for one attribute; None where the bird's name or another phrase says it already."""
    # What a phrase cannot say, or says in its own way.
    value = mentions[group]
    if group in ("size", "primary_color", "shape"):
        return None
    if group == "head_pattern":
        return rng.choice(HEAD_PATTERNS[value])
    # The bill is described once, with all that is said of it.
    part, _, kind = group.rpartition("_")
    if part == "bill":
        said = [name for name in ("bill_length", "bill_shape", "bill_color") if name in mentions]
        if group != said[0]:
            return None
        adjectives = [_adjective(name, mentions[name], rng) for name in said]
    elif kind == "color":
        adjectives = [_color_phrase(value, facts[group], rng)]
    else:
        adjectives = [_adjective(group, value, rng)]
    # Put together.
    noun = rng.choice(NOUNS[part])
    phrase = " ".join([*adjectives, noun])
    return phrase if noun.endswith("s") else a_or_an(phrase)


def _adjective(group: str, value: str, rng: random.Random) -> str:
    if group.endswith("_color"):
        return _color(value, rng)
    return rng.choice(PATTERNS[value] if group.endswith("_pattern") else ADJECTIVES[group][value])


def _color_phrase(value: str, named: Iterable[tuple[str, float]], rng: random.Random) -> str:
    others = [other for other, _ in named if other != value]
    if others and rng.random() < TWO_COLORS:
        return f"{_color(value, rng)} and {_color(others[0], rng)}"
    return _color(value, rng)


def _color(value: str, rng: random.Random) -> str:
    return rng.choice(COLORS.get(value, (value,)))


def _sentence(bird: str, phrases: Sequence[str], rng: random.Random) -> str:
    # Nothing but the bird.
    if not phrases:
        return f"{rng.choice(('this is', 'here is', 'a photo of', 'i see'))} {a_or_an(bird)}."
    parts = join_phrases(phrases)
    return rng.choice(
        (
            f"this {bird} has {parts}.",
            f"the {bird} has {parts}.",
            f"{a_or_an(bird)} with {parts}.",
            f"this is {a_or_an(bird)} with {parts}.",
            f"here is {a_or_an(bird)}, it has {parts}.",
            f"{a_or_an(bird)}, showing {parts}.",
            f"{parts} on {a_or_an(bird)}.",
            f"a {rng.choice(('photo', 'picture'))} of {a_or_an(bird)} that has {parts}.",
        )
    )
