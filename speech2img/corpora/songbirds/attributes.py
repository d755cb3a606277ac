"""The attributes of a songbird: what can be drawn, what can be said, and what a judge can read off a picture.

Every attribute is categorical. ``SPECIES_ATTRIBUTES`` are fixed by the species (but for the few that a species leaves
free), ``INDIVIDUAL_ATTRIBUTES`` differ from picture to picture. ``light`` is the one attribute that no caption ever
puts into words: only the manner of speaking gives it.
"""

from collections.abc import Mapping

from speech2img.corpora.records.facts import CorpusFacts

COLORS: tuple[str, ...] = ("red", "orange", "yellow", "green", "blue", "brown", "black", "white")

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "body_color": COLORS,
    "wing_color": COLORS,
    "wing_bars": ("none", "white", "yellow"),
    "crown_color": COLORS,
    "breast_color": COLORS,
    "belly_color": ("white", "yellow", "orange", "black", "blue"),
    "beak_color": ("black", "yellow", "red"),
    "beak_length": ("short", "long"),
    "beak_shape": ("pointed", "hooked"),
    "eye_ring": ("none", "white", "yellow"),
    "tail_length": ("short", "long"),
    "tail_shape": ("rounded", "forked"),
    "leg_color": ("black", "yellow", "red"),
    "size": ("small", "large"),
    "pose": ("perched", "standing", "swimming", "flying"),
    "direction": ("left", "right"),
    "background": ("sky", "foliage", "reeds", "water", "snow"),
    "light": ("dusk", "day", "noon", "night"),
}

SPECIES_ATTRIBUTES: tuple[str, ...] = (
    "body_color",
    "wing_color",
    "wing_bars",
    "crown_color",
    "breast_color",
    "belly_color",
    "beak_color",
    "beak_length",
    "beak_shape",
    "eye_ring",
    "tail_length",
    "tail_shape",
    "leg_color",
    "size",
)
INDIVIDUAL_ATTRIBUTES: tuple[str, ...] = ("pose", "direction", "background", "light")

BACKGROUNDS_OF_POSE: Mapping[str, tuple[str, ...]] = {
    "perched": ("sky", "foliage", "snow", "reeds"),
    "standing": ("foliage", "reeds", "snow", "water"),
    "swimming": ("water", "reeds", "snow"),
    "flying": ("sky", "foliage", "water", "snow"),
}
"""Which backgrounds a pose may have (a bird does not swim in the sky)."""

FACTS = CorpusFacts(
    attributes=ATTRIBUTES,
    manner=frozenset({"light"}),
    hidden={"leg_color": {"pose": ("swimming", "flying")}},
    crop=False,
    classes="species",
    judge="songbirds-judge",
)
"""What the corpus says of itself in its manifest; birds are drawn to measure, and never cropped to their box."""


def visible_attributes(attributes: Mapping[str, str]) -> frozenset[str]:
    """Names of the attributes that a picture with these attributes can show.

    Parameters
    ----------
    attributes : Mapping[str, str]
        A full description: one value for every key of ``ATTRIBUTES``.

    Returns
    -------
    frozenset of str
        All attributes, less ``leg_color`` where the legs are hidden (swimming, flying).
    """
    return FACTS.visible(attributes)
