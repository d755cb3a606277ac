"""Who speaks: the voices of training and the voices held out, as names of espeak-ng (accent, or accent+variant).

What "unseen voice" means. Two accents (Scottish, Caribbean) are heard in no training utterance. The six held-out
voices have timbres (variants) that no training voice has; two of them speak in the held-out accents as well. espeak-ng
has two whispering timbres only, and hearing words in any whisper cannot be learned from one of them: training has both,
in the six training accents. A held-out whisper is therefore one of the same two timbres in an accent that training
never heard. So a held-out voice is always new as a voice; its timbre is new unless it whispers, and its accent is new
whenever it whispers.
Other languages have fewer accents (`cast`): where none can be held out, the held-out whisper is a third timbre.
``en`` is espeak-ng's name for British English (it knows no voice called ``en-gb``).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

TRAINING_VOICES: tuple[str, ...] = (
    "en-us",
    "en-us+m3",
    "en-us+f1",
    "en-us+f4",
    "en+m2",
    "en+m7",
    "en+f2",
    "en+Annie",
    "en-gb-x-rp",
    "en-gb-x-rp+m4",
    "en-gb-x-rp+f5",
    "en-gb-x-rp+f1",
    "en-gb-x-gbclan+m5",
    "en-gb-x-gbclan+max",
    "en-gb-x-gbclan+f2",
    "en-gb-x-gbclan+f4",
    "en-gb-x-gbcwmd+m8",
    "en-gb-x-gbcwmd+m3",
    "en-gb-x-gbcwmd+f5",
    "en-gb-x-gbcwmd+Alex",
    "en-us-nyc+m1",
    "en-us-nyc+m2",
    "en-us-nyc+f1",
    "en-us-nyc+Annie",
)
HELD_OUT_VOICES: tuple[str, ...] = (
    "en-us+m6",
    "en+f3",
    "en-gb-x-rp+Gene",
    "en-us-nyc+belinda",
    "en-gb-scotland+travis",
    "en-029+aunty",
)

TRAINING_WHISPERS: tuple[str, ...] = tuple(
    f"{accent}+{variant}"
    for accent in ("en-us", "en", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc")
    for variant in ("whisper", "whisperf")
)
HELD_OUT_WHISPERS: tuple[str, ...] = tuple(
    f"{accent}+{variant}" for accent in ("en-gb-scotland", "en-029") for variant in ("whisper", "whisperf")
)


TIMBRES: tuple[str, ...] = (
    "",
    "m3",
    "f1",
    "Andy",
    "m2",
    "m7",
    "f2",
    "Annie",
    "Alicia",
    "m4",
    "f5",
    "anika",
    "m5",
    "max",
    "Lee",
    "f4",
    "m8",
    "Mario",
    "Denis",
    "Alex",
    "m1",
    "linda",
    "steph",
    "Hugo",
)
"""Variants of espeak-ng for training, all different; ``""`` is the accent's own voice."""
HELD_OUT_TIMBRES: tuple[str, ...] = ("m6", "f3", "Gene", "belinda", "travis", "aunty")
"""Variants of espeak-ng that are none of ``TIMBRES``."""
WHISPERS: tuple[str, ...] = ("whisper", "whisperf")
"""The whispering variants of espeak-ng."""
HELD_OUT_WHISPER = "caleb"
"""A variant without any voicing: a third whisper, for languages with no accent to hold out."""


@dataclass(frozen=True)
class Voices:
    """Who speaks a language."""

    training: tuple[str, ...]
    """Speak anywhere."""
    held_out: tuple[str, ...]
    """Speak no training utterance."""
    training_whispers: tuple[str, ...]
    """Whispering voices that speak anywhere."""
    held_out_whispers: tuple[str, ...]
    """Whispering voices that speak no training utterance."""


ENGLISH_VOICES = Voices(TRAINING_VOICES, HELD_OUT_VOICES, TRAINING_WHISPERS, HELD_OUT_WHISPERS)


def cast(accents: Sequence[str], *, held_out_accents: Sequence[str] = ()) -> Voices:
    """Find voices for a language: 24 for training, 6 held out, whispering ones, as English has them.

    Parameters
    ----------
    accents : sequence of str
        Accents of espeak-ng for training, one at least.
    held_out_accents : sequence of str
        Accents that no training utterance has; without any, the held-out whisper is a timbre of its own.
    """
    strange = held_out_accents or accents
    heard = [accents[number % len(accents)] for number in range(4)]
    held_out = zip([*heard, strange[0], strange[-1]], HELD_OUT_TIMBRES, strict=True)
    deep, high = ([f"{accent}+{whisper}" for accent in accents] for whisper in WHISPERS)
    held_out_whispers = [f"{accent}+{whisper}" for accent in held_out_accents for whisper in WHISPERS]
    return Voices(
        tuple(_name(accents[number % len(accents)], timbre) for number, timbre in enumerate(TIMBRES)),
        tuple(_name(accent, timbre) for accent, timbre in held_out),
        (*deep, *reversed(high)),
        tuple(held_out_whispers or [f"{accent}+{HELD_OUT_WHISPER}" for accent in accents]),
    )


def _name(accent: str, variant: str) -> str:
    return f"{accent}+{variant}" if variant else accent


def draw_voice(
    rng: random.Random,
    *,
    voices: Voices = ENGLISH_VOICES,
    held_out: bool = False,
    whispered: bool = False,
    stride: int = 1,
) -> str:
    """Draw a voice.

    Parameters
    ----------
    rng : random.Random
        Source of chance.
    voices : Voices
        Those of the language.
    held_out : bool
        Whether to draw among the voices that no training utterance has.
    whispered : bool
        Whether the voice whispers.
    stride : int
        Draw among every ``stride``-th of the training voices only, of two at least; held-out ones are always all.
    """
    if held_out:
        return rng.choice(voices.held_out_whispers if whispered else voices.held_out)
    heard = voices.training_whispers if whispered else voices.training
    return rng.choice(heard[:: min(stride, len(heard) // 2)])


def voice_folder(voice: str) -> str:
    """Name of a voice as a folder: ``+`` becomes ``-``."""
    return voice.replace("+", "-")
