"""Captions that are to be spoken plainly: each gets a voice, and test pictures are half spoken by held-out voices."""

import random
from collections.abc import Sequence

from speech2img.corpora.records.items import Caption
from speech2img.corpora.records.splits import AUDIO
from speech2img.corpora.records.voices import draw_voice, voice_folder
from speech2img.corpora.songbirds.manner import draw_manner

HELD_OUT_VOICE_SHARE = 0.5


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
    num_held_out = round(len(written) * HELD_OUT_VOICE_SHARE) if may_hold_out else 0
    held_out = set(rng.sample(range(len(written)), num_held_out))
    captions = []
    for index, (text, mentions) in enumerate(written):
        plain = draw_manner("day", rng)
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
