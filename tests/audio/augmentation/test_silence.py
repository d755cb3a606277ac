"""Silence: as long as asked for, around the speech and between its words, and nothing of the speech is lost."""

import numpy as np
import pytest

from speech2img.audio.augmentation.silence import SilenceSettings, insert_pause, quiet_place, silence, surround
from speech2img.errors import ConfigError

RATE = 16_000


def test_silence_around_has_the_length_asked_for(speech: np.ndarray) -> None:
    padded = surround(speech, RATE, before=5, after=0.5)
    assert len(padded) == len(speech) + 5.5 * RATE
    assert not padded[: 5 * RATE].any() and not padded[-RATE // 2 :].any()
    assert np.array_equal(padded[5 * RATE : -RATE // 2], speech)


@pytest.mark.parametrize("place", [0, 1, 20_000, 48_000])
def test_a_pause_parts_the_speech_and_changes_no_more_than_its_edges(speech: np.ndarray, place: int) -> None:
    paused = insert_pause(speech, RATE, place=place, seconds=0.25)
    assert len(paused) == len(speech) + RATE // 4
    assert not paused[place : place + RATE // 4].any()
    edge = RATE // 200
    assert np.array_equal(paused[: max(0, place - edge)], speech[: max(0, place - edge)])
    assert np.array_equal(paused[place + RATE // 4 + edge :], speech[place + edge :])


def test_pauses_stand_between_words(speech: np.ndarray) -> None:
    places = np.array([quiet_place(speech, RATE, rng=np.random.default_rng(n)) for n in range(50)])
    into_the_word = places / RATE % 0.4
    assert (into_the_word > 0.29).all()
    assert len(set((places / RATE // 0.4).tolist())) > 3


def test_drawn_silences_lie_within_their_ranges(speech: np.ndarray) -> None:
    settings = SilenceSettings(probability=1, low=0.5, high=1.0, low_pause=0.1, high_pause=0.2, most_pauses=3)
    lengths = set()
    for seed in range(30):
        out = silence(speech, RATE, rng=np.random.default_rng(seed), settings=settings)
        assert 1.0 * RATE - 2 <= len(out) - len(speech) <= (2.0 + 3 * 0.2) * RATE + 2
        assert not out[: RATE // 2].any() and not out[-RATE // 2 :].any()
        lengths.add(len(out))
    assert len(lengths) == 30


@pytest.mark.parametrize("length", [1, 2, 500])
def test_short_sounds(length: int) -> None:
    y = np.full(length, 0.5, np.float32)
    for seed in range(5):
        out = silence(y, RATE, rng=np.random.default_rng(seed), settings=SilenceSettings(most_pauses=5))
        assert len(out) >= length and np.isfinite(out).all()


@pytest.mark.parametrize("settings", [{"low": -1}, {"high": 0.1, "low": 0.2}, {"most_pauses": -1}])
def test_impossible_settings_are_refused(settings: dict) -> None:
    with pytest.raises(ConfigError, match="SilenceSettings"):
        SilenceSettings(**settings)
