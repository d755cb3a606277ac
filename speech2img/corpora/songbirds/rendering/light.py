"""The light of the scene: tints, and the sun or moon that casts it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from speech2img.corpora.songbirds.rendering.palette import Color, clip_color, mix, scale_color
from speech2img.corpora.songbirds.rendering.shapes import Canvas, arc


@dataclass(frozen=True)
class Light:
    """How one light colours what it falls on."""

    bird: tuple[float, float, float]
    """Factor of each channel on the bird; mild, so that colour words stay true."""
    scene: tuple[float, float, float]
    """Factor of each channel on the scenery."""
    glow: Color
    """Colour that the air mixes into the scenery."""
    haze: float
    """Share of ``glow`` in the scenery."""
    contrast: float
    """Spread of the scenery's colours about their middle; 1 leaves them."""

    def on_bird(self, color: Color) -> Color:
        """Colour of a part of the bird in this light."""
        return scale_color(color, self.bird)

    def on_scene(self, color: Color) -> Color:
        """Colour of the scenery in this light."""
        spread = clip_color((np.asarray(color) - 128.0) * self.contrast + 128.0)
        return mix(scale_color(spread, self.scene), self.glow, self.haze)


LIGHTS: Mapping[str, Light] = {
    "dusk": Light((1.00, 0.86, 0.80), (0.92, 0.62, 0.60), (214, 96, 96), 0.30, 1.0),
    "day": Light((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (255, 255, 255), 0.0, 1.0),
    "noon": Light((1.08, 1.07, 1.00), (1.08, 1.06, 0.96), (255, 244, 160), 0.20, 1.25),
    "night": Light((0.76, 0.79, 0.96), (0.46, 0.56, 0.76), (30, 44, 112), 0.22, 1.0),
}
"""Lights by the value of the attribute ``light``."""


def sky_stops(light: str, top: Color, bottom: Color) -> list[tuple[float, Color]]:
    """Stops of the sky's gradient for a scene whose day sky runs from ``top`` to ``bottom``."""
    lamp = LIGHTS[light]
    if light == "dusk":
        return [(0.0, mix((108, 62, 142), top, 0.15)), (0.45, (226, 106, 92)), (0.8, mix((255, 178, 92), bottom, 0.2))]
    if light == "night":
        zenith, horizon = mix((16, 24, 74), lamp.on_scene(top), 0.30), mix((44, 62, 138), lamp.on_scene(bottom), 0.45)
        return [(0.0, zenith), (0.8, horizon)]
    return [(0.0, lamp.on_scene(top)), (0.8, lamp.on_scene(bottom))]


def draw_orb(canvas: Canvas, light: str, x: float, rng: np.random.Generator) -> None:
    """Paint the sun or moon (day has none: its light is even) near the top at ``x``.

    Parameters
    ----------
    canvas : Canvas
        The scenery, before anything nearer is painted.
    light : str
        Value of the attribute ``light``.
    x : float
        Place from left (0) to right (1).
    rng : np.random.Generator
        Drives small shifts and the stars.
    """
    # Drawn for every light, so that what follows is the same in all.
    dx, dy = rng.uniform(-0.02, 0.02, 2)
    stars = rng.uniform((0.02, 0.02), (0.98, 0.6), (26, 2))
    x += dx
    if light == "noon":
        y = 0.15 + dy
        for k in range(12):
            ray = arc((x, y), 0.25, k * 30 - 4, k * 30 + 4, 2)
            canvas.polygon(np.concatenate([[(x, y)], ray]), (255, 250, 205), 0.75)
        canvas.ellipse(x, y, 0.125, 0.125, (255, 252, 225))
        canvas.ellipse(x, y, 0.10, 0.10, (255, 222, 70))
    elif light == "dusk":
        y = 0.30 + dy
        canvas.ellipse(x, y, 0.17, 0.17, (255, 170, 90), 0.5)
        canvas.ellipse(x, y, 0.115, 0.115, (255, 120, 50))
    elif light == "night":
        y = 0.15 + dy
        for sx, sy in stars:
            canvas.ellipse(sx, sy, 0.006, 0.006, (232, 236, 255))
        canvas.ellipse(x, y, 0.125, 0.125, (170, 184, 232), 0.35)
        canvas.ellipse(x, y, 0.09, 0.09, (246, 244, 220))
        canvas.ellipse(x - 0.025, y - 0.02, 0.02, 0.02, (214, 214, 200))
        canvas.ellipse(x + 0.03, y + 0.03, 0.014, 0.014, (214, 214, 200))
