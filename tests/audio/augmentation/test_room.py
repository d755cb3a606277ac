"""Rooms: reverberation time and direct sound as asked for, length and level as they were."""

import numpy as np
import pytest

from speech2img.audio.augmentation.active_level import active_level
from speech2img.audio.augmentation.room import RoomSettings, impulse_response, reverberate, room
from speech2img.errors import ConfigError

RATE = 16_000


def reverberation_time(response: np.ndarray) -> float:
    """RT60 by Schroeder's backward integration, from the fall between -5 and -25 dB of the reflected sound."""
    energy = np.cumsum(np.square(response[1:])[::-1])[::-1]
    fall_db = 10 * np.log10(energy / energy[0])
    seconds = np.arange(len(fall_db)) / RATE
    part = (fall_db <= -5) & (fall_db >= -25)
    slope = np.polyfit(seconds[part], fall_db[part], 1)[0]
    return float(-60 / slope)


@pytest.mark.parametrize("rt60", [0.3, 0.5, 0.8])
def test_sound_decays_by_60_decibels_in_the_time_asked_for(rt60: float) -> None:
    found = [
        reverberation_time(impulse_response(RATE, rt60=rt60, direct_db=0, rng=np.random.default_rng(n)))
        for n in range(20)
    ]
    assert np.median(found) == pytest.approx(rt60, rel=0.15)


@pytest.mark.parametrize("direct_db", [-3, 0, 12])
@pytest.mark.parametrize("rt60", [0.1, 0.8])
def test_direct_sound_comes_first_and_is_as_strong_as_asked_for(rt60: float, direct_db: float) -> None:
    response = impulse_response(RATE, rt60=rt60, direct_db=direct_db, rng=np.random.default_rng(1))
    assert response[0] == 1 and len(response) == round(rt60 * RATE)
    assert 10 * np.log10(1 / np.sum(response[1:] ** 2)) == pytest.approx(direct_db, abs=1e-6)


def test_reflections_stand_apart_before_the_tail() -> None:
    response = impulse_response(RATE, rt60=0.5, direct_db=0, rng=np.random.default_rng(0))
    early = np.abs(response[1 : RATE // 100])
    assert 1 <= np.count_nonzero(early) < 15
    assert np.count_nonzero(response[RATE // 50 :]) == len(response) - RATE // 50


def test_length_and_level_stay_and_pauses_fill(speech: np.ndarray) -> None:
    settings = RoomSettings(probability=1, low=0.6, high=0.6, low_direct_db=0, high_direct_db=0)
    wet = room(speech, RATE, rng=np.random.default_rng(0), settings=settings)
    assert wet.shape == speech.shape and wet.dtype == np.float32
    change = 20 * np.log10(active_level(wet, RATE) / active_level(speech, RATE))
    assert change == pytest.approx(0, abs=0.1)
    pauses = np.arange(len(speech)) / RATE % 0.4 > 0.35
    assert not speech[pauses].any()
    assert np.sqrt(np.mean(wet[pauses] ** 2)) > 0.01


def test_a_single_direct_sound_changes_nothing(speech: np.ndarray) -> None:
    assert np.allclose(reverberate(speech, np.array([1.0, 0.0]), RATE), speech, atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 100])
def test_short_sounds_and_silence(length: int) -> None:
    for y in (np.zeros(length, np.float32), np.full(length, 0.5, np.float32)):
        wet = room(y, RATE, rng=np.random.default_rng(0), settings=RoomSettings())
        assert wet.shape == y.shape and np.isfinite(wet).all() and wet.any() == y.any()


@pytest.mark.parametrize("settings", [{"low": 0.0}, {"low": 0.9, "high": 0.2}, {"high_direct_db": 99}])
def test_impossible_settings_are_refused(settings: dict) -> None:
    with pytest.raises(ConfigError, match="RoomSettings"):
        RoomSettings(**settings)
