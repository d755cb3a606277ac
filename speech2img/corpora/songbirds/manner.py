"""Manner of speaking: the only thing in an utterance that tells the light of the scene.

Dusk is spoken slow and low, day plainly, noon fast, high and lively, night in a whisper. Each utterance strays a little
from its manner, so that a listener has to hear the manner and not one exact setting.
"""

import random
from collections.abc import Mapping

from speech2img.corpora.records.voice_assignment import PLAIN, Manner, vary_manner

MANNERS: Mapping[str, Manner] = {
    "dusk": Manner(rate=105, pitch=24, pitch_range=35),
    "day": PLAIN,
    "noon": Manner(rate=235, pitch=76, pitch_range=85),
    "night": Manner(rate=150, pitch=50, pitch_range=40, whispered=True),
}
"""Manner of each value of the attribute ``light``."""


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

    Raises
    ------
    KeyError
        If ``light`` is no value of that attribute.
    """
    return vary_manner(MANNERS[light], rng)
