"""The German words for every attribute value, plain word first; adjectives are stems that take endings.

No word stands for two values of one attribute, no colour word for two colours, and no word hints at the light.
"""

from collections.abc import Mapping

Stems = Mapping[str, tuple[str, ...]]

COLORS: Stems = {
    "red": ("rot", "scharlachrot", "karminrot", "rubinrot"),
    "orange": ("orangefarben", "mandarinenfarben", "kürbisfarben"),
    "yellow": ("gelb", "zitronengelb", "kanariengelb"),
    "green": ("grün", "smaragdgrün", "grasgrün"),
    "blue": ("blau", "azurblau", "kobaltblau", "saphirblau"),
    "brown": ("braun", "kastanienbraun", "schokoladenbraun"),
    "black": ("schwarz", "pechschwarz", "kohlschwarz", "rabenschwarz"),
    "white": ("weiß", "reinweiß", "elfenbeinweiß"),
}
ADJECTIVES: Mapping[str, Stems] = {
    "beak_length": {"short": ("kurz", "gedrungen"), "long": ("lang", "langgezogen")},
    "beak_shape": {"pointed": ("spitz", "scharf"), "hooked": ("krumm", "gebogen")},
    "tail_length": {"short": ("kurz", "gedrungen"), "long": ("lang", "langgezogen")},
    "tail_shape": {"rounded": ("rund", "abgerundet"), "forked": ("gegabelt", "gespalten")},
    "size": {"small": ("klein", "winzig", "zierlich"), "large": ("groß", "riesig", "mächtig")},
}

NOUNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "bird": (("Vogel", "m"), ("Singvogel", "m")),
    "body": (("Körper", "m"), ("Gefieder", "n")),
    "wing": (("Flügel", "p"), ("Schwingen", "p")),
    "crown": (("Scheitel", "m"), ("Kappe", "f")),
    "breast": (("Brust", "f"), ("Vorderseite", "f")),
    "belly": (("Bauch", "m"), ("Unterseite", "f")),
    "beak": (("Schnabel", "m"),),
    "tail": (("Schwanz", "m"), ("Stoß", "m")),
    "leg": (("Beine", "p"), ("Füße", "p")),
    "bars": (("Streifen", "p"), ("Binden", "p")),
    "wing_bars": (("Flügelbinden", "p"),),
    "ring": (("Ring", "m"),),
    "eye_ring": (("Augenring", "m"),),
}
"""Nouns in the nominative with their gender: m, f, n, or p for a plural."""

DATIVE_PLURALS: Mapping[str, str] = {"Flügel": "Flügeln", "Beine": "Beinen", "Füße": "Füßen"}
"""Plurals that take an ending in the dative; the others end in n already."""

POSES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "perched": (("sitzt", ""), ("sitzt", "auf einem Ast"), ("hockt", "auf einem Zweig"), ("ruht", "auf einem Ast")),
    "standing": (("steht", ""), ("steht", "aufrecht"), ("steht", "auf beiden Beinen")),
    "swimming": (("schwimmt", ""), ("treibt", ""), ("paddelt", "")),
    "flying": (("fliegt", ""), ("segelt", ""), ("schwebt", ""), ("gleitet", "")),
}
"""What a bird of a pose does: verb and complement."""

PLACES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "perched": {
        "sky": ("vor dem Himmel", "vor dem offenen Himmel"),
        "foliage": ("im Laub", "zwischen den Blättern"),
        "reeds": ("im Schilf", "zwischen hohem Schilf"),
        "snow": ("über dem Schnee",),
    },
    "standing": {
        "foliage": ("im Laub", "zwischen den Blättern"),
        "reeds": ("im Schilf", "zwischen hohem Schilf"),
        "snow": ("im Schnee", "auf dem Schnee"),
        "water": ("im Wasser", "am Wasser"),
    },
    "swimming": {
        "water": ("auf dem Wasser", "im Wasser"),
        "reeds": ("im Schilf", "zwischen hohem Schilf"),
        "snow": ("am Schnee vorbei", "neben dem Schnee"),
    },
    "flying": {
        "sky": ("am Himmel", "durch den Himmel", "am offenen Himmel"),
        "foliage": ("am Laub vorbei", "an den Blättern vorbei"),
        "water": ("über dem Wasser", "über das Wasser"),
        "snow": ("über dem Schnee", "über den Schnee"),
    },
}
"""Where it does so, by pose and background."""

SCENES: Mapping[str, tuple[str, ...]] = {
    "sky": ("vor dem Himmel", "vor dem offenen Himmel"),
    "foliage": ("vor Laub", "vor Blättern"),
    "reeds": ("vor Schilf", "vor dem Schilf"),
    "water": ("vor Wasser", "vor dem Wasser"),
    "snow": ("vor Schnee", "vor dem Schnee"),
}
"""A background without a pose."""

SEEN: tuple[tuple[str, str], ...] = (("ist", "zu sehen"), ("ist", "abgebildet"), ("zeigt sich", ""))
"""Verb and complement of a bird that is seen before a background."""

DIRECTIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "left": (("schaut", "nach links"), ("blickt", "nach links"), ("ist", "nach links gewandt")),
    "right": (("schaut", "nach rechts"), ("blickt", "nach rechts"), ("ist", "nach rechts gewandt")),
}
