"""The Arabic words for every attribute value, plain word first, with the signs of short vowels: espeak-ng reads those.

Words end as at a pause, without case. An adjective has a masculine and a feminine form; plurals of things take the
latter. No word stands for two values of one attribute, no colour word for two colours, none hints at the light.
"""

from collections.abc import Mapping

Forms = Mapping[str, tuple[tuple[str, str], ...]]


def _regular(*words: str) -> tuple[tuple[str, str], ...]:
    """Adjectives whose feminine takes an ending."""
    return tuple((word, f"{word}َة") for word in words)


COLORS: Forms = {
    "red": (("أَحْمَر", "حَمْرَاء"), *_regular("قِرْمِزِيّ", "يَاقُوتِيّ", "عَقِيقِيّ")),
    "orange": _regular("بُرْتُقَالِيّ", "مِشْمِشِيّ", "جَزَرِيّ"),
    "yellow": (("أَصْفَر", "صَفْرَاء"), *_regular("لَيْمُونِيّ", "كَهْرَمَانِيّ")),
    "green": (("أَخْضَر", "خَضْرَاء"), *_regular("زُمُرُّدِيّ", "عُشْبِيّ")),
    "blue": (("أَزْرَق", "زَرْقَاء"), *_regular("لَازَوَرْدِيّ", "كُحْلِيّ", "نِيلِيّ")),
    "brown": _regular("بُنِّيّ", "كَسْتَنَائِيّ", "جَوْزِيّ"),
    "black": (("أَسْوَد", "سَوْدَاء"), *_regular("فَحْمِيّ", "أَبَنُوسِيّ", "غُرَابِيّ")),
    "white": (("أَبْيَض", "بَيْضَاء"), *_regular("عَاجِيّ", "لُؤْلُئِيّ")),
}
ADJECTIVES: Mapping[str, Forms] = {
    "beak_length": {"short": _regular("قَصِير", "وَجِيز"), "long": _regular("طَوِيل", "مَدِيد")},
    "beak_shape": {"pointed": _regular("مُدَبَّب", "حَادّ"), "hooked": _regular("مَعْقُوف", "مُقَوَّس")},
    "tail_length": {"short": _regular("قَصِير", "وَجِيز"), "long": _regular("طَوِيل", "مَدِيد")},
    "tail_shape": {"rounded": _regular("مُسْتَدِير", "دَائِرِيّ"), "forked": _regular("مَشْقُوق", "مُتَشَعِّب")},
    "size": {"small": _regular("صَغِير", "ضَئِيل", "دَقِيق"), "large": _regular("كَبِير", "ضَخْم", "عَظِيم")},
}

NOUNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "bird": (("طَائِر", "m"), ("عُصْفُور", "m")),
    "body": (("جِسْم", "m"), ("بَدَن", "m")),
    "wing": (("أَجْنِحَة", "f"),),
    "crown": (("تَاج", "m"), ("قُنْزُعَة", "f")),
    "breast": (("صَدْر", "m"),),
    "belly": (("بَطْن", "m"),),
    "beak": (("مِنْقَار", "m"),),
    "tail": (("ذَيْل", "m"), ("ذَنَب", "m")),
    "leg": (("أَرْجُل", "f"), ("سِيقَان", "f")),
    "bars": (("خُطُوط", "f"), ("أَشْرِطَة", "f")),
    "ring": (("حَلْقَة", "f"),),
    "eye": (("عَيْن", "f"),),
}
"""Nouns with their gender; a plural of things counts as feminine."""

POSES: Mapping[str, tuple[str, ...]] = {
    "perched": ("يَجْلِس", "يَجْلِس عَلَى غُصْن", "يَجْثُم", "يَجْثُم عَلَى غُصْن"),
    "standing": ("يَقِف", "يَقِف عَلَى قَدَمَيْه", "يَنْتَصِب"),
    "swimming": ("يَسْبَح", "يَعُوم", "يَطْفُو"),
    "flying": ("يَطِير", "يُحَلِّق", "يُرَفْرِف"),
}
"""What a bird of a pose does."""

PLACES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "perched": {
        "sky": ("أَمَامَ السَّمَاء",),
        "foliage": ("بَيْنَ الأَوْرَاق", "وَسَطَ الأَوْرَاق"),
        "reeds": ("بَيْنَ القَصَب", "وَسَطَ القَصَب"),
        "snow": ("فَوْقَ الثَّلْج",),
    },
    "standing": {
        "foliage": ("بَيْنَ الأَوْرَاق", "وَسَطَ الأَوْرَاق"),
        "reeds": ("بَيْنَ القَصَب", "وَسَطَ القَصَب"),
        "snow": ("فِي الثَّلْج", "عَلَى الثَّلْج"),
        "water": ("فِي المَاء", "عِنْدَ المَاء"),
    },
    "swimming": {
        "water": ("فِي المَاء", "عَلَى المَاء"),
        "reeds": ("بَيْنَ القَصَب", "وَسَطَ القَصَب"),
        "snow": ("قُرْبَ الثَّلْج", "عِنْدَ الثَّلْج"),
    },
    "flying": {
        "sky": ("فِي السَّمَاء", "عَبْرَ السَّمَاء"),
        "foliage": ("قُرْبَ الأَوْرَاق", "عِنْدَ الأَوْرَاق"),
        "water": ("فَوْقَ المَاء", "قُرْبَ المَاء"),
        "snow": ("فَوْقَ الثَّلْج", "قُرْبَ الثَّلْج"),
    },
}
"""Where it does so, by pose and background."""

SCENES: Mapping[str, tuple[str, ...]] = {
    "sky": ("أَمَامَ السَّمَاء",),
    "foliage": ("أَمَامَ الأَوْرَاق",),
    "reeds": ("أَمَامَ القَصَب",),
    "water": ("أَمَامَ المَاء",),
    "snow": ("أَمَامَ الثَّلْج",),
}
"""A background without a pose."""

SEEN: tuple[str, ...] = ("يَبْدُو", "يُوجَد")
"""What is said of a bird before a background."""

DIRECTIONS: Mapping[str, tuple[str, ...]] = {
    "left": ("يَنْظُر إِلَى اليَسَار", "يَتَّجِه إِلَى اليَسَار", "يَلْتَفِت نَحْوَ اليَسَار"),
    "right": ("يَنْظُر إِلَى اليَمِين", "يَتَّجِه إِلَى اليَمِين", "يَلْتَفِت نَحْوَ اليَمِين"),
}
