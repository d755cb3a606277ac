"""Conditions: each does to a recording what its words say, the same for the same utterance in any order."""

from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.io import read_audio
from speech2img.audio.wav import write_wav
from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.errors import AudioError
from speech2img.metrics.evaluate.conditions.registry import CONDITIONS, RATE, heard_in


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> UtteranceRecord:
    """Three seconds of harmonics up to 8 kHz, at 22,050 Hz."""
    seconds = np.arange(3 * 22_050) / 22_050
    hum = sum(np.sin(2 * np.pi * 150 * k * seconds + k * k) for k in range(1, 53))
    path = tmp_path_factory.mktemp("speech") / "bird.wav"
    write_wav(path, np.float32(0.3 * hum / np.abs(hum).max()), sample_rate=22_050)
    return UtteranceRecord("bird_0", "bird", path, "a bird", path, 0, "bird", "test")


def changed(condition: str, record: UtteranceRecord, seed: int = 0) -> np.ndarray:
    heard = heard_in(condition, record, seed=seed)
    assert heard["sampling_rate"] == RATE and heard["path"] == str(record.audio)
    return np.asarray(heard["array"], np.float64)


def band_energy(y: np.ndarray, low: float, high: float) -> float:
    hertz = np.fft.rfftfreq(len(y), 1 / RATE)
    return float(np.square(np.abs(np.fft.rfft(y)))[(hertz >= low) & (hertz < high)].sum())


def test_what_stays_as_it_is_is_left_to_the_model(record: UtteranceRecord) -> None:
    assert heard_in("clean", record, seed=0) == record.audio


@pytest.mark.parametrize(
    ("condition", "snr_db"), [("noise20", 20), ("noise10", 10), ("noise5", 5), ("noise0", 0), ("pink10", 10)]
)
def test_noise_has_its_ratio(record: UtteranceRecord, condition: str, snr_db: int) -> None:
    y = read_audio(record.audio, sample_rate=RATE)
    added = changed(condition, record) - y
    assert 10 * np.log10(np.mean(y**2) / np.mean(added**2)) == pytest.approx(snr_db, abs=0.3)


@pytest.mark.parametrize(("condition", "cut"), [("8khz", 4200), ("11khz", 5700), ("telephone", 5000), ("codec", 5400)])
def test_bands_end_where_they_should(record: UtteranceRecord, condition: str, cut: float) -> None:
    y = changed(condition, record)
    assert band_energy(y, cut, 8000) < 1e-3 * band_energy(y, 0, 8000)
    assert band_energy(y, cut - 2500, cut - 1500) > 1e-2 * band_energy(y, 0, 8000)


def test_silence_room_level_and_peaks(record: UtteranceRecord) -> None:
    y = read_audio(record.audio, sample_rate=RATE)
    silent = changed("silence", record)
    assert len(silent) == len(y) + 5 * RATE and not silent[: 5 * RATE].any()
    assert np.abs(changed("faint", record)).max() == pytest.approx(0.02 * np.abs(y).max(), rel=1e-5)
    assert np.mean(np.abs(changed("clipped", record)) >= np.abs(changed("clipped", record)).max()) > 0.03
    assert not np.allclose(changed("room", record), y, atol=0.01)


@pytest.mark.parametrize("condition", [name for name, row in CONDITIONS.items() if row.change is not None])
def test_a_change_depends_on_utterance_and_seed_alone(record: UtteranceRecord, condition: str) -> None:
    first = changed(condition, record)
    assert np.array_equal(first, changed(condition, record)) and np.abs(first).max() <= 1
    other = changed(condition, record, seed=1)
    drawn = condition.startswith(("noise", "pink", "room"))
    assert np.array_equal(first, other) != drawn


def test_a_recording_that_is_none_is_named(record: UtteranceRecord, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    with pytest.raises(AudioError, match="bad.wav"):
        heard_in("room", UtteranceRecord("x", "x", bad, "", bad, 0, "x", "test"), seed=0)
