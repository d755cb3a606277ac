"""Who speaks: the voices of training and the voices held out, as names of espeak-ng (accent, or accent+variant).

What "unseen voice" means. Two accents (Scottish, Caribbean) are heard in no training utterance. The six held-out
voices have timbres (variants) that no training voice has; two of them speak in the held-out accents as well. espeak-ng
has two whispering timbres only, and hearing words in any whisper cannot be learned from one of them: training has both,
in the six training accents. A held-out whisper is therefore one of the same two timbres in an accent that training
never heard. So a held-out voice is always new as a voice; its timbre is new unless it whispers, and its accent is new
whenever it whispers.
``en`` is espeak-ng's name for British English (it knows no voice called ``en-gb``).
"""

import random

TRAINING_VOICES: tuple[str, ...] = (
    "en-us", "en-us+m3", "en-us+f1", "en-us+f4",
    "en+m2", "en+m7", "en+f2", "en+Annie",
    "en-gb-x-rp", "en-gb-x-rp+m4", "en-gb-x-rp+f5", "en-gb-x-rp+f1",
    "en-gb-x-gbclan+m5", "en-gb-x-gbclan+max", "en-gb-x-gbclan+f2", "en-gb-x-gbclan+f4",
    "en-gb-x-gbcwmd+m8", "en-gb-x-gbcwmd+m3", "en-gb-x-gbcwmd+f5", "en-gb-x-gbcwmd+Alex",
    "en-us-nyc+m1", "en-us-nyc+m2", "en-us-nyc+f1", "en-us-nyc+Annie",
)
HELD_OUT_VOICES: tuple[str, ...] = (
    "en-us+m6", "en+f3", "en-gb-x-rp+Gene", "en-us-nyc+belinda", "en-gb-scotland+travis", "en-029+aunty",
)

TRAINING_WHISPERS: tuple[str, ...] = tuple(
    f"{accent}+{variant}"
    for accent in ("en-us", "en", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc")
    for variant in ("whisper", "whisperf")
)
HELD_OUT_WHISPERS: tuple[str, ...] = tuple(
    f"{accent}+{variant}" for accent in ("en-gb-scotland", "en-029") for variant in ("whisper", "whisperf")
)


def draw_voice(
    rng: random.Random, *, held_out: bool = False, whispered: bool = False, stride: int = 1
) -> str:
    """Draw a voice.

    Parameters
    ----------
    rng : random.Random
        Source of chance.
    held_out : bool
        Whether to draw among the voices that no training utterance has.
    whispered : bool
        Whether the voice whispers.
    stride : int
        Draw among every ``stride``-th of the training voices only; held-out ones are always all.
    """
    if whispered:
        return rng.choice(HELD_OUT_WHISPERS if held_out else TRAINING_WHISPERS[::stride])
    return rng.choice(HELD_OUT_VOICES if held_out else TRAINING_VOICES[::stride])


def voice_folder(voice: str) -> str:
    """Name of a voice as a folder: ``+`` becomes ``-``."""
    return voice.replace("+", "-")
