"""``CONDITIONS``: other ways in which the recordings of a test set might have been made, on the fly.

A condition changes the waveform before the model hears it, always in the same way for the same utterance and seed. To
add one, add a row: ``CONDITIONS["mine"] = Condition("my condition", "how it is made", change)``. Changes import what
they need when they run: the help of the command line is made from this table.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from speech2img.audio.inputs import Recording
    from speech2img.corpora.records.utterances import UtteranceRecord

RATE = 16_000
"""Samples per second at which recordings are changed, whatever the model hears."""
CLEAN = "clean"

Change = Callable[["np.ndarray", "np.random.Generator"], "np.ndarray"]
"""(waveform at `RATE`, source of chance) -> waveform at `RATE`."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One way to have recorded an utterance."""

    title: str
    """What tables call it."""
    protocol: str
    """How it is made, in words that stand with every number."""
    change: Change | None
    """None: the recording stays as it is, and is read by the model itself."""


def _noise(y: "np.ndarray", rng: "np.random.Generator", *, kind: str, snr_db: float) -> "np.ndarray":
    from speech2img.audio.augmentation.noise import add_noise, pink_noise, white_noise

    make = {"white": white_noise, "pink": pink_noise}[kind]
    return add_noise(y, make(len(y), RATE, rng=rng), RATE, snr_db=snr_db)


def _source(y: "np.ndarray", rng: "np.random.Generator", *, rate: int) -> "np.ndarray":
    from speech2img.audio.augmentation.bands import recorded_at

    return recorded_at(y, RATE, source_rate=rate)


def _telephone(y: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    from speech2img.audio.augmentation.bands import recorded_at, telephone_line

    return recorded_at(telephone_line(y, RATE), RATE, source_rate=8_000, coded=True)


def _codec(y: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    from speech2img.audio.augmentation.bands import low_pass

    return low_pass(y, RATE, cut=5_000.0)


def _room(y: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    from speech2img.audio.augmentation.room import impulse_response, reverberate

    rt60, direct_db = float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.0, 6.0))
    return reverberate(y, impulse_response(RATE, rt60=rt60, direct_db=direct_db, rng=rng), RATE)


def _silence(y: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    from speech2img.audio.augmentation.silence import surround

    return surround(y, RATE, before=5.0, after=0.0)


def _clipped(y: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    from speech2img.audio.augmentation.level import clip_peaks

    return clip_peaks(y, share=0.04)


def _faint(y: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    return y * 0.02


def _noise_words(kind: str, snr_db: int) -> str:
    return f"{kind} noise {snr_db} dB below the active speech level (ITU-T P.56)"


CONDITIONS: dict[str, Condition] = {
    CLEAN: Condition("as recorded", "recordings as they are", None),
    "noise20": Condition("white noise, 20 dB", _noise_words("white", 20), partial(_noise, kind="white", snr_db=20)),
    "noise10": Condition("white noise, 10 dB", _noise_words("white", 10), partial(_noise, kind="white", snr_db=10)),
    "noise5": Condition("white noise, 5 dB", _noise_words("white", 5), partial(_noise, kind="white", snr_db=5)),
    "noise0": Condition("white noise, 0 dB", _noise_words("white", 0), partial(_noise, kind="white", snr_db=0)),
    "pink10": Condition("pink noise, 10 dB", _noise_words("pink", 10), partial(_noise, kind="pink", snr_db=10)),
    "8khz": Condition("recorded at 8 kHz", "resampled to 8 kHz and back", partial(_source, rate=8_000)),
    "11khz": Condition("recorded at 11 kHz", "resampled to 11.025 kHz and back", partial(_source, rate=11_025)),
    "telephone": Condition("telephone", "300 to 3,400 Hz, 8 kHz, mu-law of eight bits", _telephone),
    "codec": Condition("low-pass, 5 kHz", "low-pass at 5 kHz", _codec),
    "room": Condition("room", "made room of RT60 0.3 to 0.6 s, direct sound 0 to 6 dB above the rest", _room),
    "silence": Condition("5 s of silence before", "5 s of digital silence before", _silence),
    "clipped": Condition("overdriven", "the loudest 4 % of the samples cut", _clipped),
    "faint": Condition("faint", "34 dB fainter", _faint),
}
"""Name -> condition, in the order of a table's columns."""


def heard_in(condition: str, record: "UtteranceRecord", *, seed: int) -> "Recording":
    """The recording of an utterance as it would have been made in a condition.

    Parameters
    ----------
    condition : str
        Name in `CONDITIONS`.
    record : UtteranceRecord
        The utterance.
    seed : int
        With the condition and the utterance's id all that chance depends on.

    Returns
    -------
    Recording
        The path for what stays as it is, otherwise samples at `RATE` under the path's name.

    Raises
    ------
    AudioError
        If the recording cannot be used.
    """
    import numpy as np

    from speech2img.audio.augmentation.level import within_full_scale
    from speech2img.audio.inputs import hear

    change = CONDITIONS[condition].change
    if change is None:
        return record.audio
    y = hear(record.audio, sample_rate=RATE).y
    digest = hashlib.sha256(f"{seed} {condition} {record.id}".encode()).digest()
    changed = within_full_scale(change(y, np.random.default_rng(int.from_bytes(digest[:16], "little"))))
    made: Mapping[str, Any] = {"array": changed, "sampling_rate": RATE, "path": str(record.audio)}
    return made
