"""Colours of the rendered songbirds, and the small arithmetic on them."""

from collections.abc import Mapping

import numpy as np

Color = tuple[int, int, int]

PLUMAGE: Mapping[str, Color] = {
    "red": (208, 30, 44),
    "orange": (247, 132, 22),
    "yellow": (252, 220, 50),
    "green": (58, 152, 66),
    "blue": (44, 108, 216),
    "brown": (136, 80, 40),
    "black": (38, 38, 46),
    "white": (248, 248, 246),
}
"""Feather colour of each colour word; far apart even at night and at 64 pixels."""

BARE_PARTS: Mapping[str, Color] = {"black": (38, 38, 44), "yellow": (255, 206, 30), "red": (216, 34, 36)}
"""Colour of beak and legs, which carry no feathers."""

MARKS: Mapping[str, Color] = {"white": (255, 255, 255), "yellow": (255, 222, 20)}
"""Colour of wing bars and eye rings."""

INK: Color = (24, 20, 28)
"""Outlines and pupils."""


def clip_color(values: np.ndarray) -> Color:
    """Round channel values to a colour, each held between 0 and 255."""
    red, green, blue = (int(v) for v in np.clip(np.rint(values), 0, 255))
    return red, green, blue


def mix(first: Color, second: Color, share: float) -> Color:
    """Colour between two colours; ``share`` 0 gives ``first``, 1 gives ``second``."""
    return clip_color((1.0 - share) * np.asarray(first) + share * np.asarray(second))


def scale_color(color: Color, factors: tuple[float, float, float] | float) -> Color:
    """Colour with each channel multiplied (a shade, or a tinted light)."""
    return clip_color(np.asarray(color) * np.asarray(factors))
