"""The words for CUB's class attributes: CUB's value -> what a caption may say for it."""

from collections.abc import Mapping

PARTS: Mapping[str, float] = {
    "crown_color": 0.7,
    "breast_color": 0.7,
    "belly_color": 0.7,
    "wing_color": 0.8,
    "bill_color": 0.5,
    "bill_shape": 0.45,
    "bill_length": 0.4,
    "throat_color": 0.45,
    "back_color": 0.4,
    "leg_color": 0.35,
    "nape_color": 0.25,
    "forehead_color": 0.2,
    "eye_color": 0.2,
    "upper_tail_color": 0.3,
    "tail_shape": 0.25,
    "head_pattern": 0.35,
    "breast_pattern": 0.25,
    "belly_pattern": 0.15,
    "wing_pattern": 0.25,
    "wing_shape": 0.15,
    "primary_color": 0.9,
    "size": 0.55,
    "shape": 0.35,
}
"""Attributes that captions speak of, and how readily."""
COLORS: Mapping[str, tuple[str, ...]] = {
    "grey": ("gray",),
    "rufous": ("reddish brown", "rufous"),
    "buff": ("buff", "light tan"),
    "iridescent": ("shiny", "iridescent"),
    "olive": ("olive", "olive green"),
}
NOUNS: Mapping[str, tuple[str, ...]] = {
    "crown": ("crown", "head"),
    "breast": ("breast", "chest"),
    "belly": ("belly",),
    "wing": ("wings",),
    "bill": ("bill", "beak"),
    "throat": ("throat",),
    "back": ("back",),
    "leg": ("legs",),
    "nape": ("nape",),
    "forehead": ("forehead",),
    "eye": ("eyes",),
    "upper_tail": ("tail",),
    "tail": ("tail",),
}
ADJECTIVES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "bill_shape": {
        "curved_(up_or_down)": ("curved",),
        "dagger": ("dagger shaped", "straight sharp"),
        "hooked": ("hooked",),
        "hooked_seabird": ("hooked",),
        "needle": ("needle thin",),
        "spatulate": ("flat wide",),
        "all-purpose": ("straight pointed", "pointed"),
        "cone": ("cone shaped", "thick conical"),
    },
    "bill_length": {
        "about_the_same_as_head": ("medium sized",),
        "longer_than_head": ("long", "very long"),
        "shorter_than_head": ("short", "small"),
    },
    "tail_shape": {
        "forked_tail": ("forked",),
        "rounded_tail": ("rounded",),
        "notched_tail": ("notched",),
        "fan-shaped_tail": ("fan shaped",),
        "pointed_tail": ("pointed",),
        "squared_tail": ("squared",),
    },
    "wing_shape": {
        "rounded-wings": ("rounded",),
        "pointed-wings": ("pointed",),
        "broad-wings": ("broad",),
        "tapered-wings": ("tapered",),
        "long-wings": ("long",),
    },
    "size": {
        "very_small_(3_-_5_in)": ("very small", "tiny"),
        "small_(5_-_9_in)": ("small", "little"),
        "medium_(9_-_16_in)": ("medium sized",),
        "large_(16_-_32_in)": ("large", "big"),
        "very_large_(32_-_72_in)": ("very large", "huge"),
    },
}
PATTERNS: Mapping[str, tuple[str, ...]] = {
    "spotted": ("spotted", "speckled"),
    "striped": ("striped", "streaked"),
    "multi-colored": ("multi colored",),
}
HEAD_PATTERNS: Mapping[str, tuple[str, ...]] = {
    "spotted": ("a spotted head",),
    "malar": ("a stripe on its cheek",),
    "crested": ("a crest", "a crested head"),
    "masked": ("a mask over its eyes", "a masked face"),
    "eyebrow": ("a stripe above its eye",),
    "eyering": ("a ring around its eye",),
    "plain": ("a plain head",),
    "eyeline": ("a line through its eye",),
    "striped": ("a striped head",),
    "capped": ("a cap on its head",),
}
BIRDS: Mapping[str, str] = {
    "upright-perching_water-like": "upright water bird",
    "chicken-like-marsh": "marsh bird",
    "long-legged-like": "long legged bird",
    "duck-like": "duck like bird",
    "owl-like": "owl like bird",
    "gull-like": "gull like bird",
    "hummingbird-like": "hummingbird like bird",
    "pigeon-like": "pigeon like bird",
    "tree-clinging-like": "tree clinging bird",
    "hawk-like": "hawk like bird",
    "sandpiper-like": "sandpiper like bird",
    "upland-ground-like": "ground bird",
    "swallow-like": "swallow like bird",
    "perching-like": "perching bird",
}
