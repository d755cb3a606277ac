"""Renders a songbird from its attributes: flat, bold and anti-aliased, every attribute readable at 64 pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img.corpora.songbirds.attributes import ATTRIBUTES, BACKGROUNDS_OF_POSE
from speech2img.corpora.songbirds.rendering.backgrounds import draw_ground, draw_perch, draw_scenery, draw_water_before
from speech2img.corpora.songbirds.rendering.bird import bird_shapes
from speech2img.corpora.songbirds.rendering.light import LIGHTS
from speech2img.corpora.songbirds.rendering.palette import Color, clip_color
from speech2img.corpora.songbirds.rendering.poses import POSES, SIZE_FACTOR
from speech2img.corpora.songbirds.rendering.shapes import Canvas, Shape, extent, rotation
from speech2img.errors import DataError

_SUPERSAMPLING = 3
_ROOM = 0.95


@dataclass(frozen=True)
class _Jitter:
    shift: np.ndarray
    scale: float
    angle: float
    shade: np.ndarray


def render_bird(attributes: Mapping[str, str], *, seed: int, size: int = 256) -> np.ndarray:
    """Render one bird.

    Parameters
    ----------
    attributes : Mapping[str, str]
        One value for every key of ``ATTRIBUTES``.
    seed : int
        Not negative. Drives jitter only: place, scale, a small turn, shade of colours, details of the background.
    size : int
        Side of the picture in pixels, at least 16.

    Returns
    -------
    np.ndarray, shape (size, size, 3), uint8
        RGB; the same arguments give the same bytes.

    Raises
    ------
    DataError
        If an attribute is missing, unknown or has an unknown value, if the pose cannot have the background, or if
        ``seed`` or ``size`` is out of range.
    """
    # Shapes of the bird, moved at random.
    _check(attributes, seed, size)
    rng = np.random.default_rng(seed)
    jitter = _draw_jitter(rng)
    lamp = LIGHTS[attributes["light"]]
    shapes = _placed_bird(attributes, jitter)
    bottom = extent(shapes)[3]
    # Drawn larger than asked for, then reduced, so that edges are smooth.
    factor = max(_SUPERSAMPLING, -(-384 // size))
    side = size * factor
    faces_right = attributes["direction"] == "right"
    orb_x = 0.84 if faces_right == (attributes["pose"] == "flying") else 0.16
    scenery = draw_scenery(attributes["background"], attributes["light"], orb_x=orb_x, side=side // 2, rng=rng)
    canvas = Canvas(scenery.resize((side, side), Image.Resampling.BILINEAR))
    # From the back to the front: ground, bird, water.
    pose, background = attributes["pose"], attributes["background"]
    if pose == "perched":
        draw_perch(canvas, background, lamp, _feet(shapes), rng)
    elif pose == "standing":
        draw_ground(canvas, background, lamp, bottom - 0.01, rng)
    for shape in shapes:
        canvas.paint(shape)
    if pose == "swimming":
        draw_water_before(canvas, lamp, bottom - 0.035 * SIZE_FACTOR[attributes["size"]], rng)
    return np.asarray(canvas.image.reduce(factor))


def bird_box(attributes: Mapping[str, str], *, seed: int, size: int = 256) -> tuple[float, float, float, float]:
    """Bounding box of the bird in the picture of ``render_bird`` with the same arguments.

    Returns
    -------
    tuple of float
        x, y, width, height in pixels, from the upper left corner; of a swimming bird with its part under water.

    Raises
    ------
    DataError
        As ``render_bird``.
    """
    _check(attributes, seed, size)
    left, top, right, bottom = extent(_placed_bird(attributes, _draw_jitter(np.random.default_rng(seed))))
    left, top, right, bottom = (min(max(v, 0.0), 1.0) * size for v in (left, top, right, bottom))
    return left, top, right - left, bottom - top


def random_attributes(rng: np.random.Generator) -> dict[str, str]:
    """A full description with every value drawn evenly (the background evenly among those of the pose)."""
    drawn = {name: values[int(rng.integers(len(values)))] for name, values in ATTRIBUTES.items()}
    choices = BACKGROUNDS_OF_POSE[drawn["pose"]]
    drawn["background"] = choices[int(rng.integers(len(choices)))]
    return drawn


def contact_sheet(
    path: Path | None = None, *, rows: int = 6, columns: int = 8, seed: int = 0, size: int = 160
) -> Image.Image:
    """Picture of many birds with random attributes.

    Parameters
    ----------
    path : Path, optional
        Where the sheet is also saved.
    rows, columns : int
        Number of birds down and across.
    seed : int
        Chooses the birds.
    size : int
        Side of each picture in pixels.

    Returns
    -------
    PIL.Image.Image
        RGB, ``columns * size`` by ``rows * size``.
    """
    rng = np.random.default_rng(seed)
    sheet = Image.new("RGB", (columns * size, rows * size))
    for k in range(rows * columns):
        image = render_bird(random_attributes(rng), seed=int(rng.integers(2**31)), size=size)
        sheet.paste(Image.fromarray(image), (k % columns * size, k // columns * size))
    if path is not None:
        sheet.save(path)
    return sheet


def _check(attributes: Mapping[str, str], seed: int, size: int) -> None:
    # Every attribute, with a value it can have, and no other.
    for name, values in ATTRIBUTES.items():
        if name not in attributes:
            raise DataError.about(f"attribute {name!r}", "is missing", f"give one of {', '.join(values)}")
        if attributes[name] not in values:
            fix = f"use one of {', '.join(values)}"
            raise DataError.about(f"attribute {name!r}", f"cannot be {attributes[name]!r}", fix)
    for name in attributes:
        if name not in ATTRIBUTES:
            raise DataError.about(f"attribute {name!r}", "is not known", f"use only {', '.join(ATTRIBUTES)}")
    # What goes together.
    allowed = BACKGROUNDS_OF_POSE[attributes["pose"]]
    if attributes["background"] not in allowed:
        reason = f"does not go with pose {attributes['pose']!r}"
        raise DataError.about(f"background {attributes['background']!r}", reason, f"use one of {', '.join(allowed)}")
    if seed < 0:
        raise DataError.about(f"seed {seed}", "is negative", "use 0 or more")
    if size < 16:
        raise DataError.about(f"size {size}", "is too small to draw a bird", "use 16 or more pixels")


def _draw_jitter(rng: np.random.Generator) -> _Jitter:
    return _Jitter(
        shift=rng.uniform(-0.02, 0.02, 2),
        scale=float(rng.uniform(0.96, 1.03)),
        angle=float(rng.uniform(-3.0, 3.0)),
        shade=rng.uniform(0.95, 1.04) * rng.uniform(0.98, 1.02, 3),
    )


def _placed_bird(attributes: Mapping[str, str], jitter: _Jitter) -> list[Shape]:
    pose = POSES[attributes["pose"]]
    lamp = LIGHTS[attributes["light"]]

    def paint(color: Color) -> Color:
        return lamp.on_bird(clip_color(np.asarray(color) * jitter.shade))

    # Shapes in the colours of the light.
    shapes = bird_shapes(attributes, paint)
    # Size, angle and direction.
    scale = pose.scale * SIZE_FACTOR[attributes["size"]] * jitter.scale
    matrix = rotation(jitter.angle) * scale
    if attributes["direction"] == "left":
        matrix = np.diag([-1.0, 1.0]) @ matrix
    turned = [s.moved(matrix, np.zeros(2), scale) for s in shapes]
    # Within the picture, whatever was drawn.
    left, top, right, bottom = extent(turned)
    fit = min(1.0, _ROOM / max(right - left, bottom - top))
    turned = [s.moved(fit * np.eye(2), np.zeros(2), fit) for s in turned]
    left, top, right, bottom = (fit * v for v in (left, top, right, bottom))
    # Moved to its place, as far as there is room.
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    room = np.maximum(0.0, 0.49 - np.array([right - left, bottom - top]) / 2)
    shift = np.asarray(pose.center) - middle + np.clip(jitter.shift, -room, room)
    return [s.moved(np.eye(2), shift, 1.0) for s in turned]


def _feet(shapes: list[Shape]) -> float:
    return max(float(s.points[:, 1].max()) for s in shapes if s.foot)
