"""The Spanish words for every attribute value, plain word first.

No word stands for two values of one attribute, no colour word for two colours, and no word hints at the light.
A ``*`` in a participle stands for the ending that agrees with the bird: o or a.
"""

from collections.abc import Mapping

from speech2img.corpora.songbirds.languages.romance import Adjective, Adjectives, Noun, adjective, invariable

COLORS: Adjectives = {
    "red": (adjective("rojo", "roja"), adjective("escarlata"), invariable("rojo rubí"), invariable("bermellón")),
    "orange": (adjective("anaranjado", "anaranjada"), invariable("naranja"), invariable("color calabaza")),
    "yellow": (adjective("amarillo", "amarilla"), invariable("amarillo limón"), invariable("amarillo canario")),
    "green": (adjective("verde"), invariable("verde esmeralda"), invariable("verde hierba")),
    "blue": (
        Adjective(("azul", "azul", "azules", "azules")),
        invariable("azul zafiro"),
        invariable("azul cobalto"),
        invariable("azul añil"),
    ),
    "brown": (
        Adjective(("marrón", "marrón", "marrones", "marrones")),
        adjective("castaño", "castaña"),
        invariable("color chocolate"),
    ),
    "black": (
        adjective("negro", "negra"),
        invariable("negro azabache"),
        invariable("negro carbón"),
        invariable("color ébano"),
    ),
    "white": (adjective("blanco", "blanca"), invariable("color marfil"), invariable("blanco puro")),
}
_LENGTHS: Adjectives = {
    "short": (adjective("corto", "corta"), adjective("rechoncho", "rechoncha")),
    "long": (adjective("largo", "larga"), adjective("alargado", "alargada")),
}
ADJECTIVES: Mapping[str, Adjectives] = {
    "beak_length": _LENGTHS,
    "beak_shape": {
        "pointed": (adjective("puntiagudo", "puntiaguda"), adjective("afilado", "afilada")),
        "hooked": (adjective("ganchudo", "ganchuda"), adjective("curvado", "curvada")),
    },
    "tail_length": _LENGTHS,
    "tail_shape": {
        "rounded": (adjective("redondeado", "redondeada"), adjective("redondo", "redonda")),
        "forked": (adjective("ahorquillado", "ahorquillada"), adjective("partido", "partida")),
    },
    "size": {
        "small": tuple(adjective(f"{stem}o", f"{stem}a", before=True) for stem in ("pequeñ", "diminut", "minúscul")),
        "large": (
            adjective("gran", before=True),
            adjective("enorme", before=True),
            adjective("inmenso", "inmensa", before=True),
        ),
    },
}
PLAIN = adjective("liso", "lisa")
"""Of wings without bars."""

NOUNS: Mapping[str, tuple[Noun, ...]] = {
    "bird": (Noun("pájaro", "m"), Noun("ave", "f")),
    "body": (Noun("cuerpo", "m"), Noun("plumaje", "m")),
    "wing": (Noun("alas", "f", True),),
    "crown": (Noun("corona", "f"), Noun("coronilla", "f")),
    "breast": (Noun("pecho", "m"), Noun("pechera", "f")),
    "belly": (Noun("vientre", "m"), Noun("barriga", "f")),
    "beak": (Noun("pico", "m"),),
    "tail": (Noun("cola", "f"),),
    "leg": (Noun("patas", "f", True),),
    "bars": (Noun("barras", "f", True), Noun("franjas", "f", True)),
    "ring": (Noun("anillo", "m"), Noun("aro", "m")),
}
"""Words of a part of the bird, and of the bird itself."""

Clauses = Mapping[str, tuple[tuple[str, str, str], ...]]

POSES: Clauses = {
    "perched": (
        ("está", "posad*", "posad*"),
        ("está", "posad* en una rama", "posad* en una rama"),
        ("descansa", "en una rama", "descansando en una rama"),
        ("está", "sentad* en una ramita", "sentad* en una ramita"),
    ),
    "standing": (("está", "de pie", "de pie"), ("está", "erguid*", "erguid*"), ("está", "parad*", "parad*")),
    "swimming": (("nada", "", "nadando"), ("flota", "", "flotando"), ("está", "nadando", "nadando")),
    "flying": (
        ("vuela", "", "volando"),
        ("está", "en vuelo", "en vuelo"),
        ("planea", "", "planeando"),
        ("está", "volando", "volando"),
    ),
}
"""What a bird of a pose does: verb, complement, and the same beside a noun."""

PLACES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "perched": {
        "sky": ("ante el cielo", "contra el cielo abierto"),
        "foliage": ("entre las hojas", "en el follaje"),
        "reeds": ("entre los juncos", "en los altos juncos"),
        "snow": ("sobre la nieve",),
    },
    "standing": {
        "foliage": ("entre las hojas", "en el follaje"),
        "reeds": ("entre los juncos", "entre los altos juncos"),
        "snow": ("en la nieve", "sobre la nieve"),
        "water": ("en el agua", "junto al agua"),
    },
    "swimming": {
        "water": ("en el agua", "sobre el agua"),
        "reeds": ("entre los juncos", "entre los altos juncos"),
        "snow": ("junto a la nieve", "al lado de la nieve"),
    },
    "flying": {
        "sky": ("en el cielo", "por el cielo", "por el cielo abierto"),
        "foliage": ("junto a las hojas", "ante el follaje"),
        "water": ("sobre el agua", "por encima del agua"),
        "snow": ("sobre la nieve", "por encima de la nieve"),
    },
}
"""Where it does so, by pose and background."""

SCENES: Mapping[str, tuple[str, ...]] = {
    "sky": ("el cielo", "el cielo abierto"),
    "foliage": ("las hojas", "el follaje", "unos arbustos frondosos"),
    "reeds": ("los juncos", "unos juncos", "unos altos juncos"),
    "water": ("el agua", "un fondo de agua"),
    "snow": ("la nieve", "un fondo de nieve"),
}
"""Names of a background without a pose."""

SEEN: tuple[tuple[str, str], ...] = (("se ve", "ante"), ("aparece", "delante de"), ("se muestra", "ante"))
"""Verb and preposition of a bird before a background."""

DIRECTIONS: Clauses = {
    value: (
        ("mira", f"a la {side}", f"mirando a la {side}"),
        ("mira", f"hacia la {side}", f"mirando hacia la {side}"),
        ("está", f"girad* a la {side}", f"girad* a la {side}"),
        ("está", f"orientad* hacia la {side}", f"orientad* hacia la {side}"),
    )
    for value, side in (("left", "izquierda"), ("right", "derecha"))
}
