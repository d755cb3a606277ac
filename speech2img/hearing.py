"""One recording as an encoder takes it: opened, without the silence around it, its log-mel; and what cannot be read."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from speech2img.audio.inputs import Recording, hear
from speech2img.audio.mel import MelPreset, log_mel
from speech2img.audio.remarks import Remarks
from speech2img.audio.trimming import trim_silence
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import AudioError


class HeardMel(NamedTuple):
    """A recording by a front-end."""

    name: str
    """What messages call it."""
    mel: np.ndarray
    """(n_mels, T) float32."""


def heard_mel(recording: Recording, name: str, *, preset: MelPreset, trim: bool, said: Remarks) -> HeardMel:
    """Log-mel of one recording.

    Parameters
    ----------
    recording : Recording
        In any form.
    name : str
        What messages call it where it has no name of its own.
    preset : MelPreset
        The front-end.
    trim : bool
        Leave out silence before and after the speech.
    said : Remarks
        Gets what there is to say of it.

    Raises
    ------
    AudioError
        If it cannot be used; the message names it.
    """
    # The recording at the front-end's rate, without the silence around it.
    heard = hear(recording, sample_rate=preset.sample_rate, name=name)
    before = after = 0.0
    if trim:
        spoken = trim_silence(heard.y, preset.sample_rate)
        heard, before, after = replace(heard, y=spoken.y), spoken.before, spoken.after
    # Its log-mel, where it is long enough for one frame.
    shortest = preset.n_fft / preset.sample_rate
    if len(heard.y) < preset.n_fft:
        reason = f"{1000 * len(heard.y) / preset.sample_rate:.0f} ms long, less than the {1000 * shortest:.0f} ms"
        raise AudioError.about(heard.name, f"{reason} that are heard at once", "record a sentence of some seconds")
    mel = log_mel(heard.y, preset=preset)
    said.add(heard, before=before, after=after)
    return HeardMel(heard.name, mel)


def nothing_recognised(speech: EncodedSpeech, row: int, name: str) -> AudioError | None:
    """The error of a recording in which a cascade read nothing; None where it read something, or hears without text."""
    if speech.texts is None or speech.texts[row]:
        return None
    return AudioError.about(name, "no word was recognised in it that the text encoder knows", "say it louder or slower")
