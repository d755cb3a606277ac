"""What a model hears of a recording: the speech, and what a page shows of it (waveform, mel, doubts)."""

import threading
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from speech2img.app.decoding import DecodedSound
from speech2img.audio.inputs import hear
from speech2img.audio.mel import MEL_PRESETS, MelPreset, log_mel
from speech2img.audio.remarks import RecordingWarning
from speech2img.audio.trimming import trim_silence
from speech2img.encoded_speech import EncodedSpeech

WAVE_POINTS = 240
"""Points of the waveform that is shown."""
MEL_COLUMNS = 480
"""Most columns of the mel that is shown."""
_PLAIN_MEL = "li2020"
_COLLECTING = threading.Lock()


@dataclass(frozen=True, eq=False)
class HeardSpeech:
    """A recording as a model heard it."""

    speech: EncodedSpeech
    """What the generator gets."""
    seconds: float
    """Length of what was heard, without the silence around it."""
    wave: np.ndarray
    """Lowest and highest sample of each stretch, (2, `WAVE_POINTS`), -1..1."""
    mel: np.ndarray
    """Log-mel, (bands, columns) float32, low bands first."""
    remarks: list[str] = field(default_factory=list)
    """What the check of the recording has to say, a sentence each."""
    confidence: float | None = None
    """0..1 where the model tells how sure it is."""
    is_doubtful: bool = False
    """Whether that is too little for a description that it understands."""
    transcript: str | None = None
    """What a cascade read."""
    samples: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    """Of what was heard, at the model's rate, (n,)."""


def hear_speech(pipe: Any, sound: DecodedSound) -> HeardSpeech:
    """Let a model hear a recording.

    Parameters
    ----------
    pipe : SpeechToImage
        The model; ``transcribe(recording)`` is asked where its ``capabilities`` have "transcript".
    sound : DecodedSound
        The recording.

    Raises
    ------
    AudioError
        If it cannot be used; the message names it.
    """
    recording = {"array": sound.mono, "sampling_rate": sound.rate, "path": sound.name}
    with _COLLECTING, warnings.catch_warnings(record=True) as caught:  # for all threads: one at a time
        warnings.simplefilter("always")
        speech = pipe.encode_speech([recording], frames=pipe.needs_frames)
    remarks = [str(one.message) for one in caught if issubclass(one.category, RecordingWarning)]

    # What is shown of it.
    y = _heard_samples(pipe, recording, pipe.mel.sample_rate)
    preset = pipe.mel if pipe.mel.log != "none" else MEL_PRESETS[_PLAIN_MEL]
    shown = y if preset.sample_rate == pipe.mel.sample_rate else _heard_samples(pipe, recording, preset.sample_rate)

    # What the model says of it.
    has = pipe.capabilities
    confidence = pipe.confidence(speech) if "confidence" in has else None
    sure = None if confidence is None else float(confidence[0])
    return HeardSpeech(
        speech,
        len(y) / pipe.mel.sample_rate,
        wave_outline(y),
        _narrowed(_mel_of(shown, preset)),
        [_without_name(remark, sound.name) for remark in remarks],
        sure,
        sure is not None and sure < float(pipe.confidence_head.low),
        str(pipe.transcribe(recording)) if "transcript" in has else None,
        y,
    )


def wave_outline(y: np.ndarray, *, points: int = WAVE_POINTS) -> np.ndarray:
    """Lowest and highest sample of equal stretches of sound (n,), (2, points); of the loudest sample 1."""
    edges = np.linspace(0, len(y), points + 1).astype(int)
    stretches = [y[start : max(stop, start + 1)] for start, stop in zip(edges, edges[1:], strict=False)]
    outline = np.array([[part.min(initial=0.0), part.max(initial=0.0)] for part in stretches], dtype=np.float32).T
    return outline / max(1e-6, float(np.abs(outline).max()))


def _heard_samples(pipe: Any, recording: Any, rate: int) -> np.ndarray:
    """Samples at a rate, without the silence that the model leaves out."""
    y = hear(recording, sample_rate=rate).y
    return trim_silence(y, rate).y if pipe.trim else y


def _mel_of(y: np.ndarray, preset: MelPreset) -> np.ndarray:
    return log_mel(y, preset=preset) if len(y) >= preset.n_fft else np.zeros((preset.n_mels, 1), np.float32)


def _narrowed(mel: np.ndarray) -> np.ndarray:
    """A mel of at most `MEL_COLUMNS` columns: means of neighbours."""
    step = -(-mel.shape[1] // MEL_COLUMNS)
    starts = np.arange(0, mel.shape[1], step)
    sums = np.add.reduceat(mel, starts, axis=1)
    return sums / np.diff(np.append(starts, mel.shape[1]))


def _without_name(remark: str, name: str) -> str:
    """A remark as a sentence: the page has one recording, whose name need not be said."""
    text = remark.removeprefix(f"{name}: ")
    return text[:1].upper() + text[1:] + "."
