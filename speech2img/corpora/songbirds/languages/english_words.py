"""The words for every attribute value that captions may use.

No word stands for two values of one attribute, no colour word for two colours, and no word hints at the light.
"""

from collections.abc import Mapping

Synonyms = Mapping[str, tuple[str, ...]]

COLOR_WORDS: Synonyms = {
    "red": ("red", "scarlet", "crimson", "ruby red"),
    "orange": ("orange", "tangerine", "pumpkin orange"),
    "yellow": ("yellow", "lemon yellow", "canary yellow"),
    "green": ("green", "emerald", "grass green"),
    "blue": ("blue", "azure", "cobalt blue", "sapphire"),
    "brown": ("brown", "chestnut", "chocolate brown"),
    "black": ("black", "jet black", "coal black", "ebony"),
    "white": ("white", "ivory", "pure white"),
}
"""Words of a colour, the plain one first."""

ADJECTIVES: Mapping[str, Synonyms] = {
    "beak_length": {"short": ("short", "stubby"), "long": ("long", "lengthy")},
    "beak_shape": {"pointed": ("pointed", "sharp"), "hooked": ("hooked", "curved")},
    "tail_length": {"short": ("short", "stubby"), "long": ("long", "lengthy")},
    "tail_shape": {"rounded": ("rounded", "round"), "forked": ("forked", "split")},
    "size": {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")},
}
"""Words of the attributes that are no colours but are said as adjectives."""

NOUNS: Mapping[str, tuple[str, ...]] = {
    "body": ("body",),
    "wing": ("wings",),
    "crown": ("crown", "cap"),
    "breast": ("breast", "chest"),
    "belly": ("belly", "underside"),
    "beak": ("beak", "bill"),
    "tail": ("tail",),
    "leg": ("legs", "feet"),
}
"""Words of a part of the bird."""

POSE_PHRASES: Synonyms = {
    "perched": ("perched", "sitting on a branch", "perched on a twig", "resting on a branch"),
    "standing": ("standing", "standing upright", "standing on its feet"),
    "swimming": ("swimming", "floating", "paddling"),
    "flying": ("flying", "in flight", "soaring", "flying along"),
}
"""What a bird of a pose is doing; each may follow "it is"."""

BACKGROUND_NOUNS: Synonyms = {
    "sky": ("the sky", "the open sky"),
    "foliage": ("leaves", "the foliage", "leafy bushes"),
    "reeds": ("reeds", "the reeds", "tall reeds"),
    "water": ("water", "the water"),
    "snow": ("snow", "the snow"),
}
"""Names of a background."""

BACKGROUND_PREPOSITIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "perched": {"sky": ("against",), "foliage": ("among",), "reeds": ("among",), "snow": ("above",)},
    "standing": {"foliage": ("among",), "reeds": ("among", "between"), "snow": ("in", "on"), "water": ("in", "by")},
    "swimming": {"water": ("on", "in"), "reeds": ("among", "between"), "snow": ("past", "beside")},
    "flying": {
        "sky": ("across", "in", "through"),
        "foliage": ("past",),
        "water": ("over", "above"),
        "snow": ("over", "above"),
    },
}
"""How a background joins a pose that is said as well."""

BACKGROUND_FRAMES: tuple[str, ...] = ("in front of {}", "seen against {}", "shown against {}")
"""How a background is said without a pose."""

DIRECTION_PHRASES: Synonyms = {
    "left": ("facing left", "looking to the left", "turned to the left", "pointing left"),
    "right": ("facing right", "looking to the right", "turned to the right", "pointing right"),
}
"""Where the bird looks; each may follow "it is"."""
