"""Flat shapes: smooth closed curves, cutting, moving, and painting them on a supersampled canvas."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from speech2img.corpora.songbirds.rendering.palette import Color


@dataclass(frozen=True)
class Shape:
    """One polygon or line in picture units (1 = the side of the picture, y down)."""

    points: np.ndarray
    """Corners, shape (N, 2)."""
    fill: Color | None = None
    """Inner colour; None leaves the inside untouched."""
    stroke: Color | None = None
    """Colour of the outline, or of the line where ``closed`` is False."""
    width: float = 0.0
    """Width of the stroke."""
    closed: bool = True
    """A polygon (True) or an open line with round ends (False)."""
    foot: bool = False
    """Whether it stands on branch or ground."""

    def moved(self, matrix: np.ndarray, shift: np.ndarray, scale: float) -> "Shape":
        """Return the shape after ``points @ matrix.T + shift``, its stroke ``scale`` times as wide."""
        return replace(self, points=self.points @ matrix.T + shift, width=self.width * scale)


def smooth(points: np.ndarray | list[tuple[float, float]], samples: int = 10) -> np.ndarray:
    """Closed Catmull-Rom curve through the points, ``samples`` steps from one to the next.

    Parameters
    ----------
    points : np.ndarray or list of pairs, shape (N, 2)
        Control points in order.
    samples : int
        Steps a segment; control point ``i`` is row ``i * samples`` of the result.

    Returns
    -------
    np.ndarray, shape (N * samples, 2)
    """
    knots = np.asarray(points, dtype=np.float64)
    before, after, beyond = np.roll(knots, 1, 0), np.roll(knots, -1, 0), np.roll(knots, -2, 0)
    t = np.linspace(0.0, 1.0, samples, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (k[:, None, :] for k in (before, knots, after, beyond))
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    return curve.reshape(-1, 2)


def arc(center: tuple[float, float], radius: float, start: float, stop: float, samples: int = 24) -> np.ndarray:
    """Points of a circle from ``start`` to ``stop`` degrees (0 = right, 90 = up), shape (samples, 2)."""
    angle = np.radians(np.linspace(start, stop, samples))
    return np.stack([center[0] + radius * np.cos(angle), center[1] - radius * np.sin(angle)], axis=1)


def rotate(points: np.ndarray | list[tuple[float, float]], degrees: float) -> np.ndarray:
    """Points turned about the origin; positive turns the right-hand side up."""
    return np.asarray(points, dtype=np.float64) @ rotation(degrees).T


def rotation(degrees: float) -> np.ndarray:
    """Matrix of ``rotate``, shape (2, 2), for y pointing down."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s], [-s, c]])


def cut(points: np.ndarray, normal: np.ndarray, offset: float) -> np.ndarray:
    """Part of a polygon where ``points @ normal >= offset`` (Sutherland and Hodgman 1974, one clipping edge).

    Returns
    -------
    np.ndarray, shape (M, 2)
        Empty where nothing is left.
    """
    height = points @ normal - offset
    kept: list[np.ndarray] = []
    for i in range(len(points)):
        j = (i + 1) % len(points)
        if height[i] >= 0:
            kept.append(points[i])
        if (height[i] >= 0) != (height[j] >= 0):
            kept.append(points[i] + (points[j] - points[i]) * (height[i] / (height[i] - height[j])))
    return np.array(kept).reshape(-1, 2)


def extent(shapes: list[Shape]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of everything painted by the shapes, strokes included."""
    low = np.min([s.points.min(axis=0) - s.width / 2 for s in shapes], axis=0)
    high = np.max([s.points.max(axis=0) + s.width / 2 for s in shapes], axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


class Canvas:
    """A picture on which shapes in picture units are painted, in order.

    Parameters
    ----------
    image : PIL.Image.Image
        Square RGB picture; it is painted on in place.
    """

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self._pen = ImageDraw.Draw(image)
        self._glass = ImageDraw.Draw(image, "RGBA")
        self._side = image.width

    def paint(self, shape: Shape) -> None:
        """Fill the shape, then draw its stroke."""
        corners = [(float(x), float(y)) for x, y in shape.points * self._side]
        if shape.fill is not None:
            self._pen.polygon(corners, fill=shape.fill)
        if shape.stroke is not None and shape.width > 0:
            line = [*corners, corners[0], corners[1]] if shape.closed else corners
            width = max(1, round(shape.width * self._side))
            self._pen.line(line, fill=shape.stroke, width=width, joint="curve")
            if not shape.closed:
                for x, y in (corners[0], corners[-1]):
                    self._pen.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=shape.stroke)

    def polygon(self, points: np.ndarray | list[tuple[float, float]], color: Color, opacity: float = 1.0) -> None:
        """Fill a polygon, see-through where ``opacity`` is below 1."""
        corners = [(float(x) * self._side, float(y) * self._side) for x, y in np.asarray(points)]
        if opacity < 1.0:
            self._glass.polygon(corners, fill=(*color, round(255 * opacity)))
        else:
            self._pen.polygon(corners, fill=color)

    def ellipse(self, x: float, y: float, rx: float, ry: float, color: Color, opacity: float = 1.0) -> None:
        """Fill an upright ellipse with centre (x, y) and half axes (rx, ry)."""
        s = self._side
        box = [(x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s]
        if opacity < 1.0:
            self._glass.ellipse(box, fill=(*color, round(255 * opacity)))
        else:
            self._pen.ellipse(box, fill=color)

    def line(self, points: np.ndarray | list[tuple[float, float]], color: Color, width: float) -> None:
        """Draw an open line with round joints and ends."""
        self.paint(Shape(np.asarray(points, dtype=np.float64), stroke=color, width=width, closed=False))


def gradient(stops: list[tuple[float, Color]], side: int) -> Image.Image:
    """Square picture whose colour changes from top to bottom through ``stops`` (height 0..1, colour)."""
    heights = (np.arange(side) + 0.5) / side
    places = [position for position, _ in stops]
    columns = [np.interp(heights, places, [color[channel] for _, color in stops]) for channel in range(3)]
    column = np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(column[:, None, :], (side, side, 3))))
