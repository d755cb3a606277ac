"""The French words for every attribute value, plain word first.

No word stands for two values of one attribute, no colour word for two colours, and no word hints at the light.
"""

from collections.abc import Mapping

from speech2img.corpora.songbirds.languages.romance import Adjectives, Noun, adjective, invariable

COLORS: Adjectives = {
    "red": (adjective("rouge"), adjective("écarlate"), invariable("rouge rubis"), invariable("vermillon")),
    "orange": (invariable("orange"), invariable("mandarine"), invariable("abricot")),
    "yellow": (adjective("jaune"), invariable("jaune citron"), invariable("jaune canari")),
    "green": (adjective("vert", "verte"), invariable("vert émeraude"), invariable("vert gazon")),
    "blue": (adjective("bleu", "bleue"), invariable("bleu azur"), invariable("bleu cobalt"), invariable("bleu saphir")),
    "brown": (adjective("brun", "brune"), invariable("marron"), invariable("chocolat")),
    "black": (
        adjective("noir", "noire"),
        invariable("noir de jais"),
        invariable("noir charbon"),
        invariable("noir corbeau"),
    ),
    "white": (adjective("blanc", "blanche"), invariable("ivoire"), invariable("blanc pur")),
}
_LENGTHS: Adjectives = {
    "short": (adjective("court", "courte"), adjective("trapu", "trapue")),
    "long": (adjective("long", "longue", before=True), adjective("allongé", "allongée")),
}
ADJECTIVES: Mapping[str, Adjectives] = {
    "beak_length": _LENGTHS,
    "beak_shape": {
        "pointed": (adjective("pointu", "pointue"), adjective("acéré", "acérée")),
        "hooked": (adjective("crochu", "crochue"), adjective("recourbé", "recourbée")),
    },
    "tail_length": _LENGTHS,
    "tail_shape": {
        "rounded": (adjective("arrondi", "arrondie"), adjective("rond", "ronde")),
        "forked": (adjective("fourchu", "fourchue"), adjective("échancré", "échancrée")),
    },
    "size": {
        "small": (
            adjective("petit", "petite", before=True),
            adjective("minuscule", before=True),
            adjective("tout petit", "toute petite", before=True),
        ),
        "large": (
            adjective("grand", "grande", before=True),
            adjective("gros", "grosse", before=True),
            adjective("énorme", before=True),
        ),
    },
}
PLAIN = adjective("uni", "unie")
"""Of wings without bars."""

NOUNS: Mapping[str, tuple[Noun, ...]] = {
    "bird": (Noun("oiseau", "m"), Noun("passereau", "m")),
    "body": (Noun("corps", "m"), Noun("plumage", "m")),
    "wing": (Noun("ailes", "f", True),),
    "crown": (Noun("calotte", "f"), Noun("couronne", "f")),
    "breast": (Noun("poitrine", "f"), Noun("poitrail", "m")),
    "belly": (Noun("ventre", "m"), Noun("abdomen", "m")),
    "beak": (Noun("bec", "m"),),
    "tail": (Noun("queue", "f"),),
    "leg": (Noun("pattes", "f", True),),
    "bars": (Noun("barres", "f", True), Noun("bandes", "f", True)),
    "ring": (Noun("cercle", "m"), Noun("anneau", "m")),
    "eye": (Noun("œil", "m"),),
}
"""Words of a part of the bird, and of the bird itself."""

Clauses = Mapping[str, tuple[tuple[str, str], ...]]

POSES: Clauses = {
    "perched": (
        ("est perché", "perché"),
        ("est posé sur une branche", "posé sur une branche"),
        ("est perché sur un rameau", "perché sur un rameau"),
        ("se repose sur une branche", "se reposant sur une branche"),
    ),
    "standing": (
        ("est debout", "debout"),
        ("se tient debout", "se tenant debout"),
        ("se dresse sur ses pattes", "dressé sur ses pattes"),
    ),
    "swimming": (("nage", "nageant"), ("flotte", "flottant"), ("barbote", "barbotant")),
    "flying": (
        ("vole", "volant"),
        ("est en vol", "en vol"),
        ("plane", "planant"),
        ("est en plein vol", "en plein vol"),
    ),
}
"""What a bird of a pose does: as a verb after its subject, and beside a noun."""

PLACES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "perched": {
        "sky": ("devant le ciel", "devant le ciel dégagé"),
        "foliage": ("dans le feuillage", "parmi les feuilles"),
        "reeds": ("parmi les roseaux", "dans les hauts roseaux"),
        "snow": ("au-dessus de la neige",),
    },
    "standing": {
        "foliage": ("dans le feuillage", "parmi les feuilles"),
        "reeds": ("parmi les roseaux", "entre les hauts roseaux"),
        "snow": ("dans la neige", "sur la neige"),
        "water": ("dans l'eau", "au bord de l'eau"),
    },
    "swimming": {
        "water": ("sur l'eau", "dans l'eau"),
        "reeds": ("parmi les roseaux", "entre les hauts roseaux"),
        "snow": ("le long de la neige", "à côté de la neige"),
    },
    "flying": {
        "sky": ("dans le ciel", "à travers le ciel", "dans le ciel dégagé"),
        "foliage": ("le long du feuillage", "devant les feuilles"),
        "water": ("au-dessus de l'eau", "par-dessus l'eau"),
        "snow": ("au-dessus de la neige", "par-dessus la neige"),
    },
}
"""Where it does so, by pose and background."""

SCENES: Mapping[str, tuple[str, ...]] = {
    "sky": ("le ciel", "le ciel dégagé"),
    "foliage": ("des feuilles", "le feuillage", "des buissons feuillus"),
    "reeds": ("des roseaux", "les roseaux", "de hauts roseaux"),
    "water": ("l'eau", "une étendue d'eau"),
    "snow": ("la neige", "de la neige"),
}
"""Names of a background without a pose."""

SEEN: tuple[tuple[str, str], ...] = (
    ("se trouve devant {}", "devant {}"),
    ("est vu devant {}", "vu devant {}"),
    ("apparaît devant {}", "apparaissant devant {}"),
)
"""How a background is said without a pose."""

DIRECTIONS: Clauses = {
    value: (
        (f"regarde vers {side}", f"regardant vers {side}"),
        (f"est tourné vers {side}", f"tourné vers {side}"),
        (f"est orienté vers {side}", f"orienté vers {side}"),
    )
    for value, side in (("left", "la gauche"), ("right", "la droite"))
}
