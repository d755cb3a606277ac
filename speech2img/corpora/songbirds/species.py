"""Species of songbirds: made-up names, attributes that tell each from all others, two attributes left free.

Values are dealt like cards, so that every value of every attribute is about equally frequent among the training species
and among the unseen ones. Everything follows from the seed.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from speech2img.corpora.songbirds.attributes import ATTRIBUTES, BACKGROUNDS_OF_POSE, SPECIES_ATTRIBUTES

FREE_COLORS: tuple[str, ...] = ("wing_color", "crown_color", "breast_color", "belly_color")
FREE_DETAILS: tuple[str, ...] = ("wing_bars", "beak_color", "eye_ring", "tail_length", "tail_shape", "leg_color")
"""A species leaves one of the large colours and one of the details free."""
MIN_DIFFERENCES = 3
MIN_COLOR_DIFFERENCES = 2

_FIRST = (
    "Crested",
    "Northern",
    "Southern",
    "Western",
    "Eastern",
    "Common",
    "Lesser",
    "Greater",
    "Mountain",
    "Island",
    "Masked",
    "Tufted",
    "Royal",
    "Painted",
    "Wandering",
    "Shy",
    "Merry",
    "Silent",
    "Whistling",
    "Bearded",
    "Collared",
    "Marbled",
    "Velvet",
    "Alpine",
)
_HABITAT = (
    "Marsh",
    "Meadow",
    "Thicket",
    "River",
    "Willow",
    "Heather",
    "Orchard",
    "Harbour",
    "Pine",
    "Hazel",
    "Fern",
    "Clover",
    "Moor",
    "Garden",
    "Birch",
    "Bramble",
    "Cliff",
    "Valley",
    "Thistle",
    "Juniper",
)
_KIND = (
    "lark",
    "finch",
    "wren",
    "thrush",
    "warbler",
    "bunting",
    "pipit",
    "martin",
    "tit",
    "robin",
    "chat",
    "sparrow",
    "starling",
    "oriole",
    "linnet",
    "siskin",
    "dipper",
    "creeper",
    "tanager",
    "vireo",
)


@dataclass(frozen=True, slots=True)
class Species:
    """One made-up species."""

    number: int
    """Number from 1, as in the folder name."""
    name: str
    """Name with underscores (``Crested_Marshlark``)."""
    attributes: Mapping[str, str]
    """A value for each of ``SPECIES_ATTRIBUTES``; for the free ones the most typical value."""
    free: tuple[str, ...]
    """Attributes that are drawn again for every individual."""
    unseen: bool
    """Whether the species is kept out of training altogether."""

    @property
    def folder(self) -> str:
        """Class name and folder name: ``001.Crested_Marshlark``."""
        return f"{self.number:03d}.{self.name}"


def make_species(num_seen: int, num_unseen: int, *, seed: int) -> tuple[Species, ...]:
    """Make species of which no two are alike.

    Parameters
    ----------
    num_seen, num_unseen : int
        How many species are for training and how many are never seen in it.
    seed : int
        Decides everything.

    Returns
    -------
    tuple of Species
        Numbered from 1, unseen ones in between. Any two differ in at least three attributes, two of them colours,
        counting only attributes that are free in neither.
    """
    # Names, and which species are unseen.
    rng = random.Random(f"songbirds species {seed}")
    total = num_seen + num_unseen
    names = _draw_names(total, rng)
    unseen = set(rng.sample(range(total), num_unseen))
    # Attributes are dealt from decks, so that values are even within seen and within unseen species.
    decks = {group: {name: _deck(ATTRIBUTES[name], rng) for name in SPECIES_ATTRIBUTES} for group in (False, True)}
    made: list[Species] = []
    # Dealt again until it can be told from all others by what is fixed in both.
    for index in range(total):
        deck = decks[index in unseen]
        free = (rng.choice(FREE_COLORS), rng.choice(FREE_DETAILS))
        candidate = _deal(index + 1, names[index], free, index in unseen, deck)
        while not all(are_distinct(candidate, other) for other in made):
            candidate = _deal(index + 1, names[index], free, index in unseen, deck)
        made.append(candidate)
    return tuple(made)


def are_distinct(first: Species, second: Species) -> bool:
    """Whether two species differ enough in the attributes that neither leaves free."""
    different = [
        name
        for name in SPECIES_ATTRIBUTES
        if name not in first.free and name not in second.free and first.attributes[name] != second.attributes[name]
    ]
    colors = sum(name.endswith("_color") for name in different)
    return len(different) >= MIN_DIFFERENCES and colors >= MIN_COLOR_DIFFERENCES


def draw_individual(species: Species, rng: random.Random) -> dict[str, str]:
    """Draw one bird of a species: its free attributes, pose, direction, background and light.

    Returns
    -------
    dict of str to str
        A value for every key of ``ATTRIBUTES``, in that order.
    """
    drawn = dict(species.attributes)
    for name in species.free:
        drawn[name] = rng.choice(ATTRIBUTES[name])
    drawn["pose"] = rng.choice(ATTRIBUTES["pose"])
    drawn["direction"] = rng.choice(ATTRIBUTES["direction"])
    drawn["background"] = rng.choice(BACKGROUNDS_OF_POSE[drawn["pose"]])
    drawn["light"] = rng.choice(ATTRIBUTES["light"])
    return {name: drawn[name] for name in ATTRIBUTES}


def _deal(number: int, name: str, free: tuple[str, ...], unseen: bool, deck: Mapping[str, Iterator[str]]) -> Species:
    return Species(number, name, {attribute: next(deck[attribute]) for attribute in SPECIES_ATTRIBUTES}, free, unseen)


def _deck(values: Sequence[str], rng: random.Random) -> Iterator[str]:
    """Endless values, each as often as any other: shuffled decks one after another."""
    while True:
        yield from rng.sample(values, len(values))


def _draw_names(total: int, rng: random.Random) -> list[str]:
    """Different names; neither the whole name nor its second word occurs twice."""
    second = [f"{habitat}{kind}" for habitat in _HABITAT for kind in _KIND]
    return [f"{rng.choice(_FIRST)}_{word}" for word in rng.sample(second, total)]
