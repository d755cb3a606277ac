"""Captions that are to be spoken plainly: each gets a voice, and test pictures are half spoken by held-out voices."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from speech2img.corpora.records.items import Caption
from speech2img.corpora.records.splits import AUDIO
from speech2img.corpora.records.voices import draw_voice, voice_folder

HELD_OUT_VOICE_SHARE = 0.5
RATE_SPREAD = 0.08
PITCH_SPREAD = 8


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


PLAIN = Manner(rate=160, pitch=50, pitch_range=50)
"""How a caption is spoken that says all it says in words."""


def vary_manner(manner: Manner, rng: random.Random) -> Manner:
    """Draw the settings of one utterance.

    Parameters
    ----------
    manner : Manner
        The manner of speaking that is meant.
    rng : random.Random
        Source of the utterance's small deviation: up to 8 % in rate, 8 steps in pitch, both uniform.

    Returns
    -------
    Manner
        The manner as spoken this time.
    """
    rate = round(manner.rate * rng.uniform(1 - RATE_SPREAD, 1 + RATE_SPREAD))
    pitch = manner.pitch + rng.randint(-PITCH_SPREAD, PITCH_SPREAD)
    return Manner(rate, pitch, manner.pitch_range, manner.whispered)


def speak_plainly(
    item_id: str,
    written: Sequence[tuple[str, dict[str, str]]],
    rng: random.Random,
    *,
    may_hold_out: bool,
    audio: str = AUDIO,
) -> tuple[Caption, ...]:
    """Give captions their voices: plain speech, where allowed half of them (chosen at random) by held-out voices.

    Parameters
    ----------
    item_id : str
        The picture.
    written : sequence of (str, dict)
        The words of each caption and what they mention.
    rng : random.Random
        Source of every choice.
    may_hold_out : bool
        Whether held-out voices may speak (test pictures).
    audio : str
        Folder of the recordings, relative to the corpus folder.

    Returns
    -------
    tuple of Caption
        Recordings are to be ``<audio>/<voice>/<item_id>_<index>.wav``.
    """
    # Voices that training never hears speak some captions of test images.
    num_held_out = round(len(written) * HELD_OUT_VOICE_SHARE) if may_hold_out else 0
    held_out = set(rng.sample(range(len(written)), num_held_out))
    captions = []
    for index, (text, mentions) in enumerate(written):
        plain = vary_manner(PLAIN, rng)
        voice = draw_voice(rng, held_out=index in held_out)
        captions.append(
            Caption(
                index=index,
                text=text,
                voice=voice,
                audio=f"{audio}/{voice_folder(voice)}/{item_id}_{index}.wav",
                rate=plain.rate,
                pitch=plain.pitch,
                pitch_range=plain.pitch_range,
                mentions=mentions,
                manner=None,
                held_out_voice=index in held_out,
            )
        )
    return tuple(captions)
