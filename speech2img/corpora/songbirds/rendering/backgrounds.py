"""Scenery behind and before the bird: sky, foliage, reeds, water and snow."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from speech2img.corpora.songbirds.rendering.light import LIGHTS, Light, draw_orb, sky_stops
from speech2img.corpora.songbirds.rendering.palette import INK, Color, mix
from speech2img.corpora.songbirds.rendering.shapes import Canvas, arc, gradient, rotate

_SKIES: Mapping[str, tuple[Color, Color]] = {
    "sky": ((92, 172, 240), (200, 230, 252)),
    "foliage": ((150, 205, 130), (96, 168, 90)),
    "reeds": ((238, 224, 176), (214, 196, 132)),
    "water": ((196, 226, 246), (226, 240, 248)),
    "snow": ((168, 190, 214), (214, 226, 238)),
}
_GROUNDS: Mapping[str, Color] = {
    "foliage": (134, 122, 70),
    "reeds": (150, 126, 84),
    "water": (222, 200, 150),
    "snow": (236, 243, 252),
}
_LEAF = np.concatenate([arc((0, 0.07), 0.10, 135, 45, 8), arc((0, -0.07), 0.10, -45, -135, 8)])


def draw_scenery(background: str, light: str, *, orb_x: float, side: int, rng: np.random.Generator) -> Image.Image:
    """Picture of the scenery behind the bird.

    Parameters
    ----------
    background, light : str
        Values of these attributes.
    orb_x : float
        Where sun or moon stands, 0 (left) to 1 (right).
    side : int
        Side of the picture in pixels.
    rng : np.random.Generator
        Drives the small differences from one picture to the next.

    Returns
    -------
    PIL.Image.Image
        RGB, ``side`` by ``side``.
    """
    # Sky, and behind it what is far.
    lamp = LIGHTS[light]
    image = gradient(sky_stops(light, *_SKIES[background]), side)
    canvas = Canvas(image)
    if background == "foliage":
        _foliage_far(canvas, lamp, rng)
    draw_orb(canvas, light, orb_x, rng)
    # The scene of this background.
    if background == "sky":
        _clouds(canvas, lamp, rng)
    elif background == "foliage":
        _leaves(canvas, lamp, orb_x if light != "day" else None, rng)
    elif background == "reeds":
        _reeds(canvas, lamp, rng)
    elif background == "water":
        _lake(canvas, lamp, rng)
    else:
        _snow(canvas, lamp, orb_x if light != "day" else None, rng)
    return image


def _clear_of_orb(x: float, y: float, orb_x: float | None, reach: float) -> bool:
    return orb_x is None or (x - orb_x) ** 2 + (y - 0.2) ** 2 > reach**2


def _foliage_far(canvas: Canvas, lamp: Light, rng: np.random.Generator) -> None:
    for x, y, r in rng.uniform((0, 0.15, 0.14), (1, 1, 0.24), (9, 3)):
        canvas.ellipse(x, y, r, r, lamp.on_scene((84, 160, 78)), 0.45)


def _clouds(canvas: Canvas, lamp: Light, rng: np.random.Generator) -> None:
    for cx, cy in ((0.2, 0.62), (0.82, 0.80), (0.55, 0.14)):
        x, y = cx + rng.uniform(-0.08, 0.08), cy + rng.uniform(-0.05, 0.05)
        for dx, dy, r in ((-0.11, 0.02, 0.06), (0.0, -0.01, 0.09), (0.11, 0.02, 0.065)):
            canvas.ellipse(x + dx, y + dy, r * 1.25, r * 0.75, lamp.on_scene((252, 253, 255)))


def _leaves(canvas: Canvas, lamp: Light, orb_x: float | None, rng: np.random.Generator) -> None:
    shades: tuple[Color, ...] = ((40, 112, 48), (66, 146, 60), (120, 186, 84))
    for k in range(30):
        angle = rng.uniform(0, 360)
        away = rng.uniform(0.40, 0.62)
        center = np.array([0.5, 0.5]) + away * np.array([np.cos(k * 0.84), np.sin(k * 0.84)]) * 1.05
        points = rotate(_LEAF * rng.uniform(0.9, 1.3), angle) + center
        if _clear_of_orb(float(center[0]), float(center[1]), orb_x, 0.26):
            canvas.polygon(points, lamp.on_scene(shades[k % 3]))


def _reeds(canvas: Canvas, lamp: Light, rng: np.random.Generator) -> None:
    shades: tuple[Color, ...] = ((168, 148, 72), (128, 132, 62), (196, 168, 92))
    for k in range(13):
        x = (k + 0.5) / 13 + rng.uniform(-0.025, 0.025)
        top, lean = rng.uniform(0.02, 0.30), rng.uniform(-0.04, 0.04)
        color = lamp.on_scene(shades[k % 3])
        canvas.polygon([(x - 0.014, 1.0), (x + 0.014, 1.0), (x + lean + 0.003, top), (x + lean - 0.003, top)], color)
        if k % 3 == 1:
            head = lamp.on_scene((104, 64, 34))
            canvas.line([(x + lean, top), (x + lean * 0.75, top + 0.15)], head, 0.042)


def _lake(canvas: Canvas, lamp: Light, rng: np.random.Generator) -> None:
    shore = 0.30 + rng.uniform(-0.02, 0.02)
    hills = [(0.0, shore - 0.04), (0.2, shore - 0.08), (0.45, shore - 0.03), (0.75, shore - 0.09), (1.0, shore - 0.04)]
    canvas.polygon([*hills, (1.0, shore), (0.0, shore)], lamp.on_scene((110, 158, 130)))
    for k in range(5):
        y = shore + (1.0 - shore) * k / 5
        color = lamp.on_scene(mix((96, 176, 214), (40, 112, 172), k / 4))
        canvas.polygon([(0, y), (1, y), (1, 1), (0, 1)], color)
    _waves(canvas, lamp, rng, shore + 0.06, 12)


def _waves(canvas: Canvas, lamp: Light, rng: np.random.Generator, top: float, count: int) -> None:
    for k in range(count):
        y = top + (0.97 - top) * k / count
        x = rng.uniform(0.0, 1.0)
        t = np.linspace(0, 1, 9)
        canvas.line(
            np.stack([x + 0.16 * (t - 0.5), y + 0.012 * np.sin(2 * np.pi * t)], axis=1),
            lamp.on_scene((176, 220, 240)),
            0.011,
        )


def _snow(canvas: Canvas, lamp: Light, orb_x: float | None, rng: np.random.Generator) -> None:
    # Firs in three steps, with snow on each.
    ground = 0.60 + rng.uniform(-0.02, 0.02)
    for x in (0.08, 0.34, 0.66, 0.92):
        x += rng.uniform(-0.04, 0.04)
        height = rng.uniform(0.24, 0.36)
        for step in range(3):
            base, half = ground + 0.03 - height * 0.28 * step, 0.10 - 0.022 * step
            top, line = base - height * 0.45, base - height * 0.22
            canvas.polygon([(x - half, base), (x + half, base), (x, top)], lamp.on_scene((92, 130, 124)))
            canvas.polygon([(x - half / 2, line), (x + half / 2, line), (x, top)], lamp.on_scene((246, 250, 255)))
    # Ground and hill.
    hill = np.concatenate([arc((0.3, ground + 1.2), 1.2, 125, 48, 16), [(1.0, 1.0), (0.0, 1.0)]])
    canvas.polygon([(0, ground + 0.03), (1, ground + 0.03), (1, 1), (0, 1)], lamp.on_scene((226, 235, 246)))
    canvas.polygon(hill, lamp.on_scene((240, 246, 253)))
    # Falling snow, not before the sun or the moon.
    for x, y in rng.uniform(0, 1, (34, 2)):
        if _clear_of_orb(x, y, orb_x, 0.16):
            canvas.ellipse(x, y, 0.010, 0.010, lamp.on_scene((255, 255, 255)))


def draw_perch(canvas: Canvas, background: str, lamp: Light, y: float, rng: np.random.Generator) -> None:
    """Paint the branch under a perched bird's feet at height ``y``."""
    # Limb with bark.
    tilt = rng.uniform(-0.015, 0.015)
    bark, edge = lamp.on_scene((142, 98, 62)), lamp.on_scene(INK)
    limb = np.array([(-0.05, -tilt - 0.026), (1.05, tilt - 0.020), (1.05, tilt + 0.024), (-0.05, -tilt + 0.032)])
    limb += (0, y)
    canvas.polygon(limb + [(0, -0.008), (0, -0.008), (0, 0.008), (0, 0.008)], edge)
    canvas.polygon(limb, bark)
    canvas.line([(0.05, y + 0.014), (0.5, y + 0.012)], lamp.on_scene((110, 72, 44)), 0.006)
    canvas.line([(0.62, y + 0.008), (0.95, y + 0.008)], lamp.on_scene((110, 72, 44)), 0.006)
    # What lies or grows on it.
    if background == "snow":
        drift = np.array([(-0.05, -tilt - 0.038), (1.05, tilt - 0.032), (1.05, tilt - 0.010), (-0.05, -tilt - 0.012)])
        canvas.polygon(drift + (0, y), lamp.on_scene((250, 252, 255)))
    elif background in ("foliage", "reeds"):
        for x in (0.06, 0.93):
            points = rotate(_LEAF, 40 + rng.uniform(-15, 15)) + (x, y + 0.06)
            canvas.polygon(points, lamp.on_scene((58, 138, 54)))


def draw_ground(canvas: Canvas, background: str, lamp: Light, y: float, rng: np.random.Generator) -> None:
    """Paint the ground that a standing bird's feet touch at height ``y``."""
    color = _GROUNDS[background]
    t = np.linspace(0, 1, 24)
    edge = np.stack([t, y - 0.035 + 0.012 * np.sin(2 * np.pi * (t * 1.3 + rng.uniform()))], axis=1)
    canvas.polygon(np.concatenate([edge, [(1, 1), (0, 1)]]), lamp.on_scene(color))
    canvas.line(edge, lamp.on_scene(mix(color, INK, 0.45)), 0.010)
    canvas.ellipse(0.5, y + 0.015, 0.26, 0.028, lamp.on_scene(mix(color, INK, 0.32)))


def draw_water_before(canvas: Canvas, lamp: Light, y: float, rng: np.random.Generator) -> None:
    """Paint the water that hides the lowest part of a swimming bird, from the waterline ``y`` down."""
    t = np.linspace(0, 1, 48)
    edge = np.stack([t, y + 0.010 * np.sin(2 * np.pi * (t * 4 + rng.uniform()))], axis=1)
    canvas.polygon(np.concatenate([edge, [(1, 1), (0, 1)]]), lamp.on_scene((58, 140, 196)))
    canvas.line(edge, lamp.on_scene((226, 244, 252)), 0.014)
    for k, half in enumerate((0.34, 0.26, 0.18)):
        depth = y + 0.065 * (k + 1)
        if depth < 0.97:
            canvas.line([(0.5 - half, depth), (0.5 + half, depth)], lamp.on_scene((150, 208, 236)), 0.012)
