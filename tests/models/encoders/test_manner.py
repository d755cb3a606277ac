"""Features of the manner of speaking, against sounds made for the purpose."""

import numpy as np
import pytest
import torch

from speech2img.audio.mel import MEL_PRESETS, log_mel
from speech2img.models.encoders.manner import NUM_FEATURES, manner_features

LOUDNESS, RELATIVE, CHANGE, CENTRE, TILT, PITCH, VOICING = range(NUM_FEATURES)
TIME = np.arange(16_000) / 16_000


def features(sound: np.ndarray) -> torch.Tensor:
    """Mean over the inner frames of one sound, (7,)."""
    mel = torch.from_numpy(log_mel(sound.astype(np.float32), preset=MEL_PRESETS["whisper"]))
    return manner_features(mel[None], torch.tensor([mel.shape[1]]))[0, 5:-5].mean(dim=0)


def voice(pitch: float) -> np.ndarray:
    """A buzz of falling harmonics in a little noise."""
    buzz = sum(np.sin(2 * np.pi * k * pitch * TIME) / k for k in range(1, int(7000 / pitch)))
    return 0.1 * np.asarray(buzz) + 1e-3 * np.random.default_rng(0).standard_normal(len(TIME))


def test_a_higher_voice_has_a_higher_pitch() -> None:
    pitches = [float(features(voice(pitch))[PITCH]) for pitch in (180, 220, 280, 360)]
    assert pitches == sorted(pitches) and pitches[-1] - pitches[0] > 0.5


def test_whispered_speech_is_voiced_less() -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(len(TIME))
    assert features(voice(250))[VOICING] > 2 * features(noise)[VOICING]


def test_ten_times_the_amplitude_is_half_a_unit_of_loudness() -> None:
    soft, loud = features(0.1 * voice(200)), features(voice(200))
    assert float(loud[LOUDNESS] - soft[LOUDNESS]) == pytest.approx(0.5, abs=0.01)
    assert abs(float(loud[RELATIVE])) < 0.01


def test_noise_changes_faster_and_lies_higher_than_a_steady_voice() -> None:
    noise = features(0.1 * np.random.default_rng(1).standard_normal(len(TIME)))
    steady = features(voice(200))
    for number in (CHANGE, CENTRE, TILT):
        assert noise[number] > steady[number]


def test_padding_changes_nothing_and_is_zero() -> None:
    mel = torch.randn(1, 80, 30)
    batch = torch.full((2, 80, 40), float("nan"))
    batch[0, :, :30], batch[1] = mel[0], torch.randn(80, 40)
    both = manner_features(batch, torch.tensor([30, 40]))
    torch.testing.assert_close(both[0, :30], manner_features(mel, torch.tensor([30]))[0])
    assert not both[0, 30:].any()
