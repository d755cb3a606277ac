"""The log-mel presets against librosa, stored golden values and the MATLAB reference."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat

from speech2img.audio.filter_bank import mel_filter_bank
from speech2img.audio.io import read_audio
from speech2img.audio.mel import MEL_PRESETS, MelPreset, log_mel, mel_preset
from speech2img.errors import AudioError, ConfigError

TOLERANCE = 1e-4
DIGESTS = {
    "li2020": "6834a2ae83feb251",
    "s2igan": "cead0cb4251252b9",
    "s2igan_native16k": "c60980af4d317972",
    "tacotron2": "1cbdc37cc5d03947",
}
"""Of the first presets, as stores and weights have them since the first release."""


def speechlike(samples: int, sample_rate: int, seed: int = 0) -> np.ndarray:
    """A gliding tone with harmonics, pauses and a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / sample_rate
    tone = sum(np.sin(2 * np.pi * k * (120 * t + 20 * t**2)) / k for k in range(1, 20))
    return (0.1 * tone * (np.sin(2 * np.pi * 1.3 * t) > -0.5) + 1e-3 * rng.standard_normal(samples)).astype(np.float32)


def librosa_li2020(y: np.ndarray) -> np.ndarray:
    """The recipe of the fact sheet in librosa's own words."""
    import librosa
    from scipy import signal

    y = y - y.mean()
    y = np.append(y[0], y[1:] - 0.97 * y[:-1])
    spectrum = librosa.stft(
        y, n_fft=400, hop_length=160, win_length=400, window=signal.windows.hamming(400, sym=True), pad_mode="reflect"
    )
    bank = librosa.filters.mel(sr=16000, n_fft=400, n_mels=40, fmin=20, fmax=8000)
    return librosa.power_to_db(bank @ np.abs(spectrum) ** 2, ref=np.max)


def test_li2020_equals_librosa() -> None:
    y = speechlike(37_123, 16_000)
    mel = log_mel(y, preset=MEL_PRESETS["li2020"])
    assert mel.dtype == np.float32
    assert mel.shape == (40, 1 + 37_123 // 160)
    np.testing.assert_allclose(mel, librosa_li2020(y), atol=TOLERANCE, rtol=0)
    assert mel.max() == 0
    assert mel.min() >= -80.0


@pytest.mark.parametrize("name", ["s2igan", "s2igan_native16k"])
@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
def test_s2igan_equals_librosa(name: str, pad_mode: str) -> None:
    import librosa

    preset = replace(MEL_PRESETS[name], pad_mode=pad_mode)
    rate = preset.sample_rate
    y = speechlike(41_000, rate, seed=1)
    power = librosa.feature.melspectrogram(
        y=y, sr=rate, n_fft=int(0.025 * rate), hop_length=int(0.01 * rate), n_mels=40, pad_mode=pad_mode
    )
    log = np.log(power + 1e-6)
    expected = (log - log.mean(axis=1, keepdims=True)) / (log.std(axis=1, keepdims=True) + 1e-16)
    np.testing.assert_allclose(log_mel(y, preset=preset), expected, atol=TOLERANCE, rtol=0)


def test_tacotron2_equals_librosa() -> None:
    import librosa

    y = speechlike(30_001, 22_050, seed=2)
    magnitude = librosa.feature.melspectrogram(
        y=y, sr=22_050, n_fft=1024, hop_length=256, n_mels=80, fmin=0, fmax=8000, power=1, pad_mode="reflect"
    )
    expected = np.log(np.maximum(magnitude, 1e-5))
    np.testing.assert_allclose(log_mel(y, preset=MEL_PRESETS["tacotron2"]), expected, atol=TOLERANCE, rtol=0)


def openai_log_mel(y: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """Whisper's front-end as its paper and its published filter bank give it, in torch and float64."""
    import torch

    sound, window = torch.from_numpy(y).double(), torch.hann_window(400, dtype=torch.float64)
    spectrum = torch.stft(sound, 400, 160, window=window, return_complex=True, pad_mode="reflect")[:, :-1]
    log = (torch.from_numpy(bank).double() @ spectrum.abs().square()).clamp_min(1e-10).log10()
    return ((log.clamp_min(float(log.max()) - 8) + 4) / 4).numpy()


def test_whisper_equals_openai_s_front_end(realdata: Path) -> None:
    with zipfile.ZipFile(realdata / "mel_reference.zip") as archive:
        published = np.load(io.BytesIO(archive.read("whisper/mel_filters.npz")))["mel_80"]
        y = read_audio(archive.read("whisper/jfk.flac"), sample_rate=16_000)
    bank = mel_filter_bank(sample_rate=16_000, n_fft=400, n_mels=80, fmin=0, fmax=8000)
    np.testing.assert_allclose(bank, published, atol=1e-7)
    mel = log_mel(y, preset=MEL_PRESETS["whisper"])
    assert mel.dtype == np.float32 and mel.shape == (80, len(y) // 160)
    np.testing.assert_allclose(mel, openai_log_mel(y, published), atol=TOLERANCE, rtol=0)


def test_whisper_s_silence_is_what_fills_a_shorter_utterance() -> None:
    silent = log_mel(np.zeros(1600, np.float32), preset=MEL_PRESETS["whisper"])
    assert silent.shape == (80, 10)
    np.testing.assert_allclose(silent, MEL_PRESETS["whisper"].pad_value, atol=1e-6)


@pytest.mark.parametrize(("name", "largest"), [("li2020", 3e-3), ("s2igan", 1e-3), ("tacotron2", 2e-3)])
def test_over_22_seconds_the_agreement_with_librosa_is_what_the_module_says(name: str, largest: float) -> None:
    import librosa

    preset = MEL_PRESETS[name]
    differences = []
    for noise in (1e-2, 1e-3, 1e-4):
        time = np.arange(22 * preset.sample_rate) / preset.sample_rate
        tone = np.sin(2 * np.pi * 300 * time * (1 + 0.01 * np.sin(3 * time))) * (0.5 + 0.5 * np.sin(2 * time))
        y = (0.3 * tone + noise * np.random.default_rng(0).standard_normal(len(time))).astype(np.float32)
        if name == "li2020":
            expected = librosa_li2020(y)
        else:
            settings = {"n_fft": preset.n_fft, "hop_length": preset.hop_length, "n_mels": preset.n_mels}
            bands = librosa.feature.melspectrogram(
                y=y, sr=preset.sample_rate, fmax=preset.fmax, power=preset.power, pad_mode="reflect", **settings
            )
            expected = np.log(np.maximum(bands, 1e-5) if name == "tacotron2" else bands + 1e-6)
            if preset.cmvn:
                expected = (expected - expected.mean(axis=1, keepdims=True)) / expected.std(axis=1, keepdims=True)
        differences.append(np.abs(log_mel(y, preset=preset) - expected))
    assert largest / 10 < max(float(difference.max()) for difference in differences) < largest
    assert np.quantile(np.stack(differences), 0.99) < largest / 4


@pytest.mark.parametrize("clip", ["LJ001-0002", "LJ001-0008"])
def test_golden_values_of_human_speech(realdata: Path, clip: str) -> None:
    golden = np.load(realdata / "mel_golden.npz")
    with zipfile.ZipFile(realdata / "ljspeech8.zip") as archive:
        y = read_audio(archive.read(f"wavs/{clip}.wav"), sample_rate=22_050)
    for pad_mode in ("constant", "reflect"):
        preset = replace(MEL_PRESETS["s2igan"], pad_mode=pad_mode)
        expected = golden[f"{clip}/logmel40_cmvn_{pad_mode}"].T
        np.testing.assert_allclose(log_mel(y, preset=preset), expected, atol=TOLERANCE, rtol=0)
        power = np.exp(log_mel(y, preset=replace(preset, cmvn=False))) - 1e-6
        np.testing.assert_allclose(power, golden[f"{clip}/mel40_power_{pad_mode}"], atol=2e-6, rtol=TOLERANCE)
    bank = mel_filter_bank(sample_rate=22_050, n_fft=551, n_mels=40, fmin=0, fmax=11_025)
    np.testing.assert_allclose(bank, golden[f"{clip}/filterbank40"], atol=1e-7)
    magnitude = np.maximum(golden[f"{clip}/mel80_tacotron_magnitude"], 1e-5)
    mel = log_mel(y, preset=MEL_PRESETS["tacotron2"])
    np.testing.assert_allclose(np.exp(mel), magnitude, atol=1e-8, rtol=TOLERANCE)


def test_filter_banks_of_the_matlab_reference(realdata: Path) -> None:
    checked = 0
    with zipfile.ZipFile(realdata / "mel_reference.zip") as archive:
        for name in (n for n in archive.namelist() if "feature-melfb-" in n):
            data = loadmat(io.BytesIO(archive.read(name)), chars_as_strings=True)
            if int(data["htk"][0, 0]):
                continue
            bank = mel_filter_bank(
                sample_rate=int(data["sr"][0, 0]),
                n_fft=int(data["nfft"][0, 0]),
                n_mels=int(data["nfilts"][0, 0]),
                fmin=float(data["fmin"][0, 0]),
                fmax=float(data["fmax"][0, 0]),
            )
            reference = data["wts"][:, : bank.shape[1]]
            np.testing.assert_allclose(bank, reference, atol=1e-6, rtol=1e-5, err_msg=name)
            checked += 1
    assert checked >= 30


@given(samples=st.integers(400, 6000), name=st.sampled_from(["li2020", "s2igan_native16k"]), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_any_length_gives_finite_frames(samples: int, name: str, seed: int) -> None:
    preset = MEL_PRESETS[name]
    mel = log_mel(speechlike(samples, 16_000, seed), preset=preset)
    assert mel.shape == (40, preset.num_frames(samples))
    assert np.isfinite(mel).all()


@pytest.mark.parametrize("samples", [2200, 2201, 66_000])
def test_windows_of_odd_length_end_a_frame_earlier(samples: int) -> None:
    preset = MEL_PRESETS["s2igan"]
    assert log_mel(speechlike(samples, 22_050), preset=preset).shape == (40, preset.num_frames(samples))


@given(gain=st.floats(0.5, 1.0), offset=st.floats(-0.3, 0.3))
@settings(max_examples=20, deadline=None)
def test_li2020_ignores_loudness_and_offset(gain: float, offset: float) -> None:
    y = speechlike(8000, 16_000)
    expected = log_mel(y, preset=MEL_PRESETS["li2020"])
    changed = log_mel((gain * y + offset).astype(np.float32), preset=MEL_PRESETS["li2020"])
    loud = expected > -50
    np.testing.assert_allclose(changed[loud], expected[loud], atol=0.05)


def test_a_waveform_is_its_own_frames() -> None:
    y, preset = speechlike(5000, 16_000), MEL_PRESETS["waveform"]
    frames = log_mel(y, preset=preset)
    assert frames.shape == (1, 5000) == (1, preset.num_frames(5000)) and np.array_equal(frames[0], y)
    frames[0, 0] += 1
    assert y[0] != frames[0, 0]


def test_silence_is_finite() -> None:
    for preset in MEL_PRESETS.values():
        assert np.isfinite(log_mel(np.zeros(5000, np.float32), preset=preset)).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((2, 800), np.float32), "one channel"),
        (np.zeros(0, np.float32), "shorter than one window"),
        (np.zeros(399, np.float32), "shorter than one window"),
        (np.full(800, np.nan, np.float32), "not finite"),
    ],
)
def test_bad_waveforms(y: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        log_mel(y, preset=MEL_PRESETS["li2020"])


def test_digests_of_presets_never_change() -> None:
    digests = {name: MEL_PRESETS[name].fingerprint for name in ("li2020", "s2igan", "s2igan_native16k", "tacotron2")}
    assert digests == DIGESTS


def test_presets_are_told_apart() -> None:
    assert len({preset.fingerprint for preset in MEL_PRESETS.values()}) == len(MEL_PRESETS)
    assert mel_preset("li2020").pad_value == -80.0
    assert mel_preset("li2020").published_pad_value == 0.0
    with pytest.raises(ConfigError, match="li2020, s2igan"):
        mel_preset("li2021")
    with pytest.raises(ConfigError, match="fmin"):
        MelPreset(name="x", sample_rate=8000, n_fft=200, hop_length=80, n_mels=8, fmin=20, fmax=8000)
