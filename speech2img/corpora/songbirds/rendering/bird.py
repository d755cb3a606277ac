"""The bird itself, as a list of flat shapes in the order of painting."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from speech2img.corpora.songbirds.rendering.palette import BARE_PARTS, INK, MARKS, PLUMAGE, Color, mix, scale_color
from speech2img.corpora.songbirds.rendering.poses import PART_FACTOR, POSES, Pose
from speech2img.corpora.songbirds.rendering.shapes import Shape, arc, cut, rotate, smooth

OUTLINE = 0.015
"""Width of the lines between parts, in bird units."""

_BODY = [
    (0.00, -0.20),
    (0.24, -0.17),
    (0.37, 0.03),
    (0.33, 0.17),
    (0.13, 0.31),
    (-0.13, 0.28),
    (-0.34, 0.11),
    (-0.22, -0.09),
]
_WING = [(0.09, -0.09), (0.13, 0.04), (-0.01, 0.16), (-0.19, 0.155), (-0.39, 0.20), (-0.27, 0.03), (-0.08, -0.10)]
_SPREAD = [
    (0.07, -0.02),
    (0.06, -0.26),
    (-0.05, -0.48),
    (-0.32, -0.63),
    (-0.31, -0.50),
    (-0.41, -0.44),
    (-0.34, -0.33),
    (-0.43, -0.24),
    (-0.34, -0.15),
    (-0.38, -0.04),
    (-0.22, 0.05),
    (-0.06, 0.07),
]
_FEATHERED = ("body", "wing", "crown", "breast", "belly")
_HEAD_RADIUS = 0.205
_STEPS = 10


def bird_shapes(attributes: Mapping[str, str], paint: Callable[[Color], Color]) -> list[Shape]:
    """Shapes of a bird that faces right, in bird units about the origin.

    Parameters
    ----------
    attributes : Mapping[str, str]
        A full description (see ``attributes.ATTRIBUTES``).
    paint : callable
        Maps a colour of the palette to the colour on the canvas (light and individual shade).

    Returns
    -------
    list of Shape
        In the order of painting; the outermost outline comes first.
    """
    # Colours.
    pose = POSES[attributes["pose"]]
    big = PART_FACTOR[attributes["size"]]
    plumage = {part: paint(PLUMAGE[attributes[f"{part}_color"]]) for part in _FEATHERED}
    ink = paint(INK)
    bars = MARKS.get(attributes["wing_bars"])
    bar_color = None if bars is None else paint(bars)
    # Behind the trunk: the far wing, the tail, the legs.
    back: list[Shape] = []
    if pose.wing == "spread":
        back += _spread_wing(plumage["wing"], bar_color, ink, far=True)
    back += _tail(pose, plumage["body"], ink, attributes["tail_length"], attributes["tail_shape"], big)
    if pose.legs:
        back += _legs(pose, paint(BARE_PARTS[attributes["leg_color"]]), ink, big)
    # Trunk and head.
    trunk = _trunk(pose, plumage, ink)
    beak = _beak(
        pose, paint(BARE_PARTS[attributes["beak_color"]]), ink, attributes["beak_length"], attributes["beak_shape"], big
    )
    head = _head(pose, plumage, ink, big)
    ring = MARKS.get(attributes["eye_ring"])
    eye = _eye(pose, None if ring is None else paint(ring), ink, paint((255, 255, 255)), big)
    # Before it: the near wing.
    if pose.wing == "spread":
        wing = _spread_wing(plumage["wing"], bar_color, ink, far=False)
    else:
        wing = _folded_wing(pose, plumage["wing"], bar_color, ink)
    return back + trunk + beak + head + eye + wing


def _trunk(pose: Pose, plumage: Mapping[str, Color], ink: Color) -> list[Shape]:
    # Outline, and along it breast and belly.
    outline = smooth(_BODY, _STEPS)
    chest_low, vent = 3 * _STEPS, 6 * _STEPS - 4
    breast = np.concatenate([outline[_STEPS - 4 : chest_low + 1], [(0.20, 0.125), (0.02, 0.10), (0.0, -0.12)]])
    belly = np.concatenate([outline[chest_low : vent + 1], [(-0.2, 0.10), (0.02, 0.10), (0.20, 0.125)]])
    # Shadow at the keel.
    keel = outline[chest_low + 2 : vent - 2]
    depth = 0.045 * np.sin(np.linspace(0, np.pi, len(keel)))[:, None]
    shade = np.concatenate([keel, (keel - depth * [0.0, 1.0])[::-1]])
    parts = [
        Shape(outline, plumage["body"], ink, 2 * OUTLINE),
        Shape(breast, plumage["breast"], ink, OUTLINE),
        Shape(belly, plumage["belly"], ink, OUTLINE),
        Shape(shade, scale_color(plumage["belly"], 0.9)),
    ]
    return [replace(p, points=rotate(p.points, pose.body_angle)) for p in parts]


def _head(pose: Pose, plumage: Mapping[str, Color], ink: Color, big: float) -> list[Shape]:
    # Face, cap and nape, about the origin; then turned and moved to the neck.
    radius = _HEAD_RADIUS * big
    tilt = 0.2 * pose.body_angle
    face = arc((0, 0), radius, 0, 360, 48)[:-1]
    brow = smooth([(-0.72, 0.10), (-0.30, -0.28), (0.35, -0.44), (0.90, -0.42), (0.4, -1.0), (-0.8, -0.6)], 8)[:25]
    cap = np.concatenate([arc((0, 0), radius * 1.04, 22, 178, 30), brow * radius])
    nape = arc((0, 0), radius, 158, 232, 16)
    inner = nape * 0.86
    hidden = np.concatenate([nape * 1.08, inner[::-1]])
    parts = [
        Shape(face, plumage["body"], ink, 2 * OUTLINE),
        Shape(hidden, plumage["body"]),
        Shape(cap, plumage["crown"], ink, OUTLINE * 1.2),
    ]
    return [replace(p, points=rotate(p.points, tilt) + pose.neck) for p in parts]


def _eye(pose: Pose, ring: Color | None, ink: Color, glint: Color, big: float) -> list[Shape]:
    center = np.array(pose.neck) + np.array([0.075, 0.0]) * big
    x, y = float(center[0]), float(center[1])
    shapes = []
    if ring is not None:
        shapes.append(Shape(arc((x, y), 0.088 * big, 0, 360, 32)[:-1], ring, ink, OUTLINE))
    shapes.append(Shape(arc((x, y), 0.046 * big, 0, 360, 24)[:-1], ink))
    shapes.append(Shape(arc((x + 0.014 * big, y - 0.017 * big), 0.015 * big, 0, 360, 12)[:-1], glint))
    return shapes


def _beak(pose: Pose, color: Color, ink: Color, length: str, shape: str, big: float) -> list[Shape]:
    # Outline of both halves, and the line between them.
    reach = 0.12 if length == "short" else 0.225
    if shape == "pointed":
        upper = [(-0.05, -0.075), (0.0, -0.068), (0.45 * reach, -0.034), (reach, 0.012)]
        lower = [(0.45 * reach, 0.042), (0.0, 0.058), (-0.05, 0.06)]
        gape = [(0.0, 0.0), (0.75 * reach, 0.012)]
    else:
        upper = [
            (-0.05, -0.08),
            (0.0, -0.08),
            (0.40 * reach, -0.085),
            (0.75 * reach, -0.065),
            (0.97 * reach, -0.005),
            (reach - 0.005, 0.115),
        ]
        lower = [(reach - 0.04, 0.045), (0.45 * reach, 0.05), (0.0, 0.06), (-0.05, 0.06)]
        gape = [(0.0, 0.008), (reach - 0.05, 0.02)]
    # Moved to the face.
    base = np.array(pose.neck) + np.array([_HEAD_RADIUS * 0.97, 0.02]) * big
    outline = rotate(np.array(upper + lower) * big, 0.2 * pose.body_angle) + base
    mouth = rotate(np.array(gape) * big, 0.2 * pose.body_angle) + base
    return [Shape(outline, color, ink, OUTLINE), Shape(mouth, None, mix(color, ink, 0.6), 0.6 * OUTLINE, closed=False)]


def _tail(pose: Pose, color: Color, ink: Color, length: str, shape: str, big: float) -> list[Shape]:
    # Outline, rounded or forked.
    reach = 0.14 if length == "short" else 0.30
    root, half = 0.07, 0.105 * big
    if shape == "rounded":
        outline = np.concatenate(
            [
                [(0.10, -root), (0.0, -root)],
                arc((-reach + half * 0.8, 0.0), half, 110, 250, 16) * [1.0, 1.0],
                [(0.0, root), (0.10, root)],
            ]
        )
    else:
        spread, notch = half * 1.35, 0.45 * reach
        outline = np.array(
            [
                (0.10, -root),
                (0.0, -root),
                (-0.5 * reach, -root - 0.02),
                (-reach - 0.04, -spread),
                (-reach + notch, 0.0),
                (-reach - 0.04, spread),
                (-0.5 * reach, root + 0.02),
                (0.0, root),
                (0.10, root),
            ]
        )
    # Feathers drawn on it, and moved to the rump.
    rump = rotate([(-0.29, 0.07)], pose.body_angle)[0]
    lines = [Shape(outline, color, ink, 2 * OUTLINE)]
    if shape == "rounded":
        for y in (-0.035, 0.035):
            vein = np.array([(0.0, y * 0.5), (-reach + 0.04, y * big)])
            lines.append(Shape(vein, None, mix(color, ink, 0.45), 0.6 * OUTLINE, closed=False))
    return [replace(s, points=rotate(s.points, pose.tail_angle) + rump) for s in lines]


def _legs(pose: Pose, color: Color, ink: Color, big: float) -> list[Shape]:
    hips = rotate([(-0.02, 0.27), (0.12, 0.27)], pose.body_angle)
    ground = float(hips[:, 1].max()) + 0.155
    under, over = [], []
    for x, y in hips:
        foot = (x + 0.01, ground)
        bones = [np.array([(x, y), foot])]
        bones += [np.array([foot, (foot[0] + dx, ground + dy)]) for dx, dy in ((0.075, 0.012), (-0.05, 0.012))]
        for bone in bones:
            under.append(Shape(bone, None, ink, 0.058 * big, closed=False, foot=True))
            over.append(Shape(bone, None, color, 0.036 * big, closed=False))
    return under + over


def _bars(
    wing: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    color: Color,
    ink: Color,
    places: tuple[tuple[float, float], ...],
) -> list[Shape]:
    axis = stop - start
    normal = axis / (axis @ axis)
    origin = float(start @ normal)
    shapes = []
    for low, high in places:
        band = cut(cut(wing, normal, origin + low), -normal, -(origin + high))
        if len(band) > 2:
            shapes.append(Shape(band, color, ink, 0.8 * OUTLINE))
    return shapes


def _folded_wing(pose: Pose, color: Color, bar: Color | None, ink: Color) -> list[Shape]:
    outline = smooth(_WING, _STEPS)
    shapes = [Shape(outline, color, ink, OUTLINE)]
    for y0, y1 in ((0.06, 0.13), (0.10, 0.165)):
        vein = np.array([(-0.16, y0), (-0.33, y1)])
        shapes.append(Shape(vein, None, mix(color, ink, 0.45), 0.7 * OUTLINE, closed=False))
    if bar is not None:
        start, stop = np.array([0.12, -0.05]), np.array([-0.42, 0.12])
        shapes += _bars(outline, start, stop, bar, ink, ((0.18, 0.335), (0.44, 0.595)))
    return [replace(s, points=rotate(s.points, pose.wing_angle)) for s in shapes]


def _spread_wing(color: Color, bar: Color | None, ink: Color, *, far: bool) -> list[Shape]:
    # Outline and feathers.
    outline = smooth(_SPREAD, 8)
    fill = scale_color(color, 0.85) if far else color
    mark = bar if bar is None or not far else scale_color(bar, 0.93)
    shapes = [Shape(outline, fill, ink, (2 if far else 1.4) * OUTLINE)]
    for x, y in ((-0.27, -0.46), (-0.33, -0.31), (-0.30, -0.13)):
        vein = np.array([(0.35 * x + 0.01, 0.55 * y), (x, y)])
        shapes.append(Shape(vein, None, mix(fill, ink, 0.4), 0.8 * OUTLINE, closed=False))
    # Bars.
    if mark is not None:
        start, stop = np.array([-0.04, 0.06]), np.array([-0.20, -0.62])
        shapes += _bars(outline, start, stop, mark, ink, ((0.26, 0.39), (0.53, 0.66)))
    # The far wing is smaller, and turned away.
    if not far:
        return shapes
    root = np.array([0.06, -0.08])
    return [replace(s, points=rotate(s.points - root, -30) * 0.98 + root + (0.0, -0.06)) for s in shapes]
