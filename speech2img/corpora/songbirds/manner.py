"""Manner of speaking: the only thing in an utterance that tells the light of the scene.

Dusk is spoken slow and low, day plainly, noon fast, high and lively, night in a whisper. Each utterance strays a little
from its manner, so that a listener has to hear the manner and not one exact setting.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Manner:
    """Settings of a manner of speaking, in the units of espeak-ng."""

    rate: int
    """Speed in words a minute."""
    pitch: int
    """Base pitch, 0-99 (50 is the voice's own)."""
    pitch_range: int
    """How far the pitch moves, 0-99 (50 is the voice's own)."""
    whispered: bool = False
    """Whether a whispering voice speaks."""


MANNERS: Mapping[str, Manner] = {
    "dusk": Manner(rate=105, pitch=24, pitch_range=35),
    "day": Manner(rate=160, pitch=50, pitch_range=50),
    "noon": Manner(rate=235, pitch=76, pitch_range=85),
    "night": Manner(rate=150, pitch=50, pitch_range=40, whispered=True),
}
"""Manner of each value of the attribute ``light``."""

RATE_SPREAD = 0.08
PITCH_SPREAD = 8


def draw_manner(light: str, rng: random.Random) -> Manner:
    """Draw the settings of one utterance.

    Parameters
    ----------
    light : str
        A value of the attribute ``light``.
    rng : random.Random
        Source of the utterance's small deviation: up to 8 % in rate, 8 steps in pitch, both uniform.

    Returns
    -------
    Manner
        The manner as spoken this time.
    """
    plain = MANNERS[light]
    rate = round(plain.rate * rng.uniform(1 - RATE_SPREAD, 1 + RATE_SPREAD))
    pitch = plain.pitch + rng.randint(-PITCH_SPREAD, PITCH_SPREAD)
    return Manner(rate, pitch, plain.pitch_range, plain.whispered)
