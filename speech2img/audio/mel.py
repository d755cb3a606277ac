"""Log-mel spectrograms by named presets: every published system's front-end, computed by one function.

The numbers are librosa's (Slaney filter bank, centred frames) without importing it. Both compute in float32 and round
differently, most in the quietest cells: over 22 s of speech the largest difference is 3e-3 dB (``li2020``), 1e-3
(``s2igan``) and 2e-3 (``tacotron2``, natural logarithm), over two seconds 1e-4. ``whisper`` is OpenAI's log-mel. A
preset travels with the weights that were trained on it, so that training and use cannot differ.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy.fft
from scipy.sparse import csr_array

from speech2img.audio.filter_bank import mel_filter_bank
from speech2img.audio.io import RESAMPLER
from speech2img.errors import AudioError, CheckpointError, ConfigError

_AMIN = 1e-10
_CMVN_EPSILON = 1e-16
_BLOCK_FRAMES = 640
_ROW_SAMPLES = 1024


@dataclass(frozen=True, kw_only=True)
class MelPreset:
    """Everything that decides a log-mel spectrogram.

    Raises
    ------
    ConfigError
        If the settings contradict each other.
    """

    name: str
    """Name in :data:`MEL_PRESETS`."""
    sample_rate: int
    """Samples per second that sound is resampled to."""
    n_fft: int
    """Length of the transform and of the window, in samples."""
    hop_length: int
    """Samples from one frame to the next."""
    n_mels: int
    """Number of mel bands."""
    fmin: float
    """Lowest frequency of the filter bank, in Hz."""
    fmax: float
    """Highest frequency of the filter bank, in Hz."""
    window: Literal["hann", "hamming_symmetric"] = "hann"
    """Window; ``hann`` is periodic as in librosa, ``hamming_symmetric`` is SciPy's ``hamming(n)``."""
    pad_mode: Literal["reflect", "constant"] = "reflect"
    """How the ends are filled so that frames are centred; librosa changed its default to ``constant`` in 0.10."""
    remove_mean: bool = False
    """Whether the mean of the waveform is subtracted first."""
    preemphasis: float = 0.0
    """Factor a of y[n] = x[n] - a x[n-1]; 0 for none."""
    power: Literal[1, 2] = 2
    """1 for the magnitude spectrum, 2 for the power spectrum."""
    log: Literal["db", "ln_add", "ln_clamp", "whisper", "none"] = "db"
    """``db``: decibels below the utterance's maximum; ``ln_add``: ln(x + floor); ``ln_clamp``: ln(max(x, floor));
    ``whisper``: log10(max(x, floor)), no less than 8 below the utterance's maximum, plus 4, divided by 4; ``none``:
    no spectrogram, the samples themselves are the frames."""
    floor: float = 1e-6
    """Floor of the natural logarithms; unused by ``db``."""
    top_db: float = 80.0
    """Range of ``db``: the result lies in -top_db..0."""
    cmvn: bool = False
    """Whether each band is brought to mean 0 and deviation 1 over the utterance."""
    pad_value: float = 0.0
    """What fills a shorter utterance in a batch: silence."""
    published_pad_value: float = 0.0
    """What the published code fills with."""
    resampler: str = RESAMPLER
    """The resampler that :func:`speech2img.audio.io.read_audio` uses; a part of the definition."""
    drop_last_frame: bool = False
    """Whether the frame that is centred behind the last sample is left out, as Whisper's front-end does."""

    def __post_init__(self) -> None:
        if min(self.sample_rate, self.n_fft, self.hop_length, self.n_mels) < 1:
            raise ConfigError.about(f"mel preset {self.name}", "sizes below 1", "give positive sizes")
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            reason = f"fmin {self.fmin} and fmax {self.fmax} at {self.sample_rate} Hz"
            raise ConfigError.about(f"mel preset {self.name}", reason, "use 0 <= fmin < fmax <= sample_rate / 2")

    @property
    def fingerprint(self) -> str:
        """Digest of all settings (16 hex digits): stores and weights of another fingerprint do not fit."""
        settings = asdict(self)
        if not self.drop_last_frame:  # younger than the first stores and weights, whose digests know nothing of it
            del settings["drop_last_frame"]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]

    def num_frames(self, num_samples: int) -> int:
        """Frames of a waveform of ``num_samples`` samples at ``sample_rate``; odd windows reach one sample less."""
        return 1 - self.drop_last_frame + (num_samples - self.n_fft % 2) // self.hop_length


def _s2igan(name: str, sample_rate: int) -> MelPreset:
    return MelPreset(
        name=name,
        sample_rate=sample_rate,
        n_fft=int(0.025 * sample_rate),
        hop_length=int(0.010 * sample_rate),
        n_mels=40,
        fmin=0.0,
        fmax=sample_rate / 2,
        log="ln_add",
        floor=1e-6,
        cmvn=True,
    )


def _waveform(name: str, sample_rate: int) -> MelPreset:
    return MelPreset(
        name=name,
        sample_rate=sample_rate,
        n_fft=int(0.025 * sample_rate),
        hop_length=1,
        n_mels=1,
        fmin=0.0,
        fmax=8000.0,
        log="none",
        drop_last_frame=True,
    )


MEL_PRESETS: dict[str, MelPreset] = {
    preset.name: preset
    for preset in (
        MelPreset(  # Li et al. 2020 (arXiv:2004.03413): 25 ms Hamming, 10 ms hop, dB below the utterance's maximum
            name="li2020",
            sample_rate=16_000,
            n_fft=400,
            hop_length=160,
            n_mels=40,
            fmin=20.0,
            fmax=8000.0,
            window="hamming_symmetric",
            remove_mean=True,
            preemphasis=0.97,
            pad_value=-80.0,
            published_pad_value=0.0,
        ),
        _s2igan("s2igan", 22_050),  # Wang et al. 2020, CUB and Oxford: 551 samples, 220 hop, ln, CMVN
        _s2igan("s2igan_native16k", 16_000),  # the same at the native rate of Flickr8k and Places
        MelPreset(  # Shen et al. 2018 as in NVIDIA's Tacotron 2: magnitude, ln clamped at 1e-5
            name="tacotron2",
            sample_rate=22_050,
            n_fft=1024,
            hop_length=256,
            n_mels=80,
            fmin=0.0,
            fmax=8000.0,
            power=1,
            log="ln_clamp",
            floor=1e-5,
            pad_value=float(np.log(1e-5)),
            published_pad_value=0.0,
        ),
        MelPreset(  # Whisper (Radford et al. 2022, arXiv:2212.04356): power, log10, the upper 8 decades, scaled
            name="whisper",
            sample_rate=16_000,
            n_fft=400,
            hop_length=160,
            n_mels=80,
            fmin=0.0,
            fmax=8000.0,
            log="whisper",
            floor=1e-10,
            pad_value=-1.5,
            published_pad_value=0.0,
            drop_last_frame=True,
        ),
        _waveform("waveform", 16_000),  # HuBERT (Hsu et al. 2021): the samples themselves, 25 ms at least
        _waveform("waveform_22050", 22_050),  # the speech Transformer of the Keras example, which frames them itself
    )
}


def mel_preset(name: str) -> MelPreset:
    """Look a preset up; :class:`~speech2img.errors.ConfigError` lists the names if there is none."""
    try:
        return MEL_PRESETS[name]
    except KeyError:
        fix = f"choose one of {', '.join(MEL_PRESETS)}"
        raise ConfigError.about(f'mel preset "{name}"', "no such preset", fix) from None


def released_preset(name: object, *, n_mels: int, source: object) -> MelPreset:
    """The front-end that the config of released weights names.

    Parameters
    ----------
    name : object
        What stands under ``mel_preset``.
    n_mels : int
        Mel bands that the network takes.
    source : object
        What the weights are called, for the message.

    Raises
    ------
    CheckpointError
        If there is none of that name, or it gives another number of bands.
    """
    preset = MEL_PRESETS.get(name) if isinstance(name, str) else None
    if preset is None:
        reason = f"its config asks for the mel preset {name!r:.80}"
        raise CheckpointError.about(source, reason, f"known presets: {', '.join(MEL_PRESETS)}")
    if preset.n_mels != n_mels:
        reason = f"it takes {n_mels} mel bands, and its mel preset {name!r} gives {preset.n_mels}"
        raise CheckpointError.about(source, reason, "use the front-end that these weights were trained with")
    return preset


def log_mel(y: np.ndarray, *, preset: MelPreset) -> np.ndarray:
    """Log-mel spectrogram of one utterance.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float, range -1..1]
        Mono waveform at ``preset.sample_rate`` Hz, at least one window (``preset.n_fft`` samples) long.
    preset : MelPreset
        The front-end.

    Returns
    -------
    np.ndarray [shape=(n_mels, frames), float32]
        ``frames = preset.num_frames(n)``. Decibels below the maximum for ``li2020``, scaled decades for ``whisper``,
        natural logarithms otherwise.

    Raises
    ------
    AudioError
        If ``y`` is not one channel, not finite, or shorter than one window.

    Notes
    -----
    Framing, window, transform and filter bank follow librosa's ``feature.melspectrogram``; the transform is SciPy's
    in float32, which is the fastest for one utterance (windows of 551 samples included).
    """
    subject = "sound"
    if y.ndim != 1:
        raise AudioError.about(subject, f"shape {y.shape} is not one channel", "average the channels first")
    if y.size < preset.n_fft:
        reason = f"{y.size} samples, shorter than one window of {preset.n_fft}"
        raise AudioError.about(subject, reason, f"give at least {1000 * preset.n_fft / preset.sample_rate:.0f} ms")
    y = y.astype(np.float32, copy=False)
    mean = _mean(y)
    if not math.isfinite(mean):
        raise AudioError.about(subject, "samples that are not finite", "remove NaN and infinity first")
    if preset.log == "none":
        return y[None].copy()
    return _logarithm(_mel_energies(_padded(y, mean if preset.remove_mean else 0.0, preset), preset), preset)


def _mean(y: np.ndarray) -> float:
    """Mean of a waveform, added up by rows: four times as fast as sample by sample."""
    whole = y.size - y.size % _ROW_SAMPLES
    rows = y[:whole].reshape(-1, _ROW_SAMPLES).sum(axis=0)
    return float(rows.sum() + y[whole:].sum()) / y.size


def _padded(y: np.ndarray, mean: float, preset: MelPreset) -> np.ndarray:
    """Waveform less `mean`, with pre-emphasis, and half a window of padding at both ends."""
    side = preset.n_fft // 2
    padded = np.empty(y.size + 2 * side, np.float32)
    sound = padded[side : side + y.size]
    # y[n] - m - a (y[n-1] - m) = y[n] - a y[n-1] - (1 - a) m
    np.multiply(y[:-1], np.float32(-preset.preemphasis), out=sound[1:])
    sound[1:] += y[1:]
    if mean:
        sound[1:] -= np.float32((1 - preset.preemphasis) * mean)
    sound[0] = y[0] - np.float32(mean)
    backwards = sound[::-1]
    padded[:side] = backwards[-1 - side : -1] if preset.pad_mode == "reflect" else 0
    padded[side + y.size :] = backwards[1 : 1 + side] if preset.pad_mode == "reflect" else 0
    return padded


def _mel_energies(padded: np.ndarray, preset: MelPreset) -> np.ndarray:
    """Bands (n_mels, frames) of a padded waveform, some frames at a time so that they stay in the cache."""
    window, bank = _tables(preset)
    count = 1 - preset.drop_last_frame + (padded.size - preset.n_fft) // preset.hop_length
    steps = (preset.hop_length * padded.itemsize, padded.itemsize)
    # Frames as views into the samples, a block at a time, so that the spectrum stays in the cache.
    frames = np.ndarray((count, preset.n_fft), padded.dtype, padded, strides=steps)
    magnitude = np.empty((1 + preset.n_fft // 2, count), np.float32)
    at_once = -(-count // -(-count // _BLOCK_FRAMES))
    windowed = np.empty((at_once, preset.n_fft), np.float32)
    for start in range(0, count, at_once):
        block = frames[start : start + at_once]
        # Transposed, the spectrum comes out with frames side by side, as the filter bank needs them.
        spectrum = scipy.fft.rfft(np.multiply(block, window, out=windowed[: len(block)]).T, axis=0)
        np.abs(spectrum, out=magnitude[:, start : start + at_once])
    # From magnitudes to bands.
    if preset.power == 2:
        np.square(magnitude, out=magnitude)
    mel: np.ndarray = bank @ magnitude
    return mel


def _logarithm(mel: np.ndarray, preset: MelPreset) -> np.ndarray:
    """The preset's logarithm of energies, in their place where it can be."""
    # Logarithm, with the floor of the preset.
    if preset.log == "ln_add":
        mel += np.float32(preset.floor)
        np.log(mel, out=mel)
    else:
        np.maximum(mel, np.float32(_AMIN if preset.log == "db" else preset.floor), out=mel)
        np.log(mel, out=mel) if preset.log == "ln_clamp" else np.log10(mel, out=mel)
    # Range and scale of the preset.
    if preset.log == "whisper":
        np.maximum(mel, mel.max() - np.float32(8), out=mel)
        mel += 4
        mel /= 4
    if preset.log == "db":
        mel *= 10
        mel -= mel.max()
        np.maximum(mel, np.float32(-preset.top_db), out=mel)
    if preset.cmvn:
        mel = (mel - mel.mean(axis=1, keepdims=True)) / (mel.std(axis=1, keepdims=True) + _CMVN_EPSILON)
    return np.ascontiguousarray(mel, dtype=np.float32)


@lru_cache(maxsize=16)
def _tables(preset: MelPreset) -> tuple[np.ndarray, csr_array]:
    """Window (n_fft,) and filter bank (n_mels, 1 + n_fft // 2) of a preset.

    The bank is sparse: two filters a bin are a twentieth of the work of all, and no linear algebra library starts
    threads that fight with those of the caller.
    """
    phase = 2.0 * np.pi * np.arange(preset.n_fft)
    if preset.window == "hann":
        window = 0.5 - 0.5 * np.cos(phase / preset.n_fft)
    else:
        window = 0.54 - 0.46 * np.cos(phase / max(1, preset.n_fft - 1))
    bank = mel_filter_bank(
        sample_rate=preset.sample_rate, n_fft=preset.n_fft, n_mels=preset.n_mels, fmin=preset.fmin, fmax=preset.fmax
    )
    return window.astype(np.float32), csr_array(bank)
