"""How a bird holds itself in each pose, seen from the side and facing right."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Pose:
    """Posture in bird units (about 1 = beak to tail); degrees are positive with the head up."""

    body_angle: float
    """Turn of the body with breast and belly."""
    wing_angle: float
    """Turn of the folded wing."""
    tail_angle: float
    """Turn of the tail against the picture; 0 points straight back, positive points down."""
    neck: tuple[float, float]
    """Centre of the head."""
    wing: str
    """``folded`` or ``spread``."""
    legs: bool
    """Whether legs are seen."""
    scale: float
    """Picture units a bird unit of a large bird."""
    center: tuple[float, float]
    """Place of the middle of the bird in the picture."""


POSES: Mapping[str, Pose] = {
    "perched": Pose(30.0, 30.0, 46.0, (0.10, -0.27), "folded", True, 0.86, (0.5, 0.50)),
    "standing": Pose(6.0, -2.0, -14.0, (0.20, -0.23), "folded", True, 0.78, (0.5, 0.51)),
    "swimming": Pose(4.0, -10.0, -26.0, (0.20, -0.26), "folded", False, 0.79, (0.5, 0.49)),
    "flying": Pose(10.0, -4.0, 0.0, (0.24, -0.25), "spread", False, 0.77, (0.5, 0.50)),
}
"""Postures by the value of the attribute ``pose``."""

SIZE_FACTOR: Mapping[str, float] = {"small": 0.68, "large": 1.0}
"""Scale of the whole bird."""

PART_FACTOR: Mapping[str, float] = {"small": 1.16, "large": 1.0}
"""Extra scale of the head with beak and eye, and of legs and tail width: small birds have relatively large heads."""
