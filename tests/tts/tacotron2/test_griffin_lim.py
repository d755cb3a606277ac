"""Griffin-Lim: sound whose log-mel is the given one, without any weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.audio.io import read_audio
from speech2img.audio.mel import log_mel, mel_preset
from speech2img.errors import ConfigError
from speech2img.tts.tacotron2.griffin_lim import GriffinLim

PRESET = mel_preset("tacotron2")


def vowel(seconds: float = 0.8) -> np.ndarray:
    """Harmonics of a gliding voice with three formants."""
    time = np.arange(int(seconds * PRESET.sample_rate)) / PRESET.sample_rate
    phase = 2 * np.pi * np.cumsum(110 + 40 * np.sin(2 * np.pi * 1.5 * time)) / PRESET.sample_rate
    partials = [np.sin(k * phase) / (1 + ((110 * k - 700) / 400) ** 2) for k in range(1, 40)]
    return (0.1 * np.sum(partials, axis=0) * np.hanning(time.size) ** 0.3).astype(np.float32)


def error_of(y: np.ndarray, true: np.ndarray) -> float:
    """Mean absolute difference of the log-mels."""
    frames = min(y.size, true.size) // PRESET.hop_length
    return float(np.abs(log_mel(y, preset=PRESET)[:, :frames] - log_mel(true, preset=PRESET)[:, :frames]).mean())


def test_the_sound_has_the_frames_it_was_made_from() -> None:
    y = vowel()
    mel = torch.from_numpy(log_mel(y, preset=PRESET))
    vocoder = GriffinLim(PRESET)
    sound = vocoder(mel)
    assert sound.shape == (mel.shape[1] * 256,) and sound.dtype == np.float32
    assert error_of(sound, y) < 0.2
    noise = np.random.default_rng(0).standard_normal(y.size).astype(np.float32) * y.std()
    assert error_of(noise, y) > 1.0
    assert error_of(sound, y) < error_of(GriffinLim(PRESET, iterations=1, momentum=0.0)(mel), y)
    assert np.array_equal(sound, vocoder(mel))


def test_a_real_clip(realdata: Path, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(realdata / "ljspeech8.zip") as archive:
        y = read_audio(archive.read("wavs/LJ001-0008.wav"), sample_rate=PRESET.sample_rate)
    assert error_of(GriffinLim(PRESET)(torch.from_numpy(log_mel(y, preset=PRESET))), y) < 0.15


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 9])
def test_short_frames(frames: int) -> None:
    sound = GriffinLim(PRESET, iterations=3)(torch.full((80, frames), -4.0))
    assert sound.shape == (256 * frames,) and np.isfinite(sound).all()
    silent = GriffinLim(PRESET, iterations=3)(torch.full((80, frames), PRESET.pad_value))
    assert np.abs(silent).max() < 1e-3


def test_magnitudes_are_an_inverse_of_the_filters() -> None:
    mel = torch.from_numpy(log_mel(vowel(), preset=PRESET))
    vocoder = GriffinLim(PRESET)
    spectrum = vocoder.magnitudes(mel)
    assert spectrum.shape == (513, mel.shape[1]) and bool((spectrum >= 0).all())
    bands = vocoder._bank_MF @ spectrum
    assert float((bands - mel.exp()).norm() / mel.exp().norm()) < 0.02


def test_what_cannot_be_turned_back_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be turned back"):
        GriffinLim(mel_preset("li2020"))
    with pytest.raises(ConfigError, match="cannot be turned back"):
        GriffinLim(replace(PRESET, power=2))
    for wrong in ({"iterations": 0}, {"momentum": 1.0}):
        with pytest.raises(ConfigError, match="iterations"):
            GriffinLim(PRESET, **wrong)  # type: ignore[arg-type]
