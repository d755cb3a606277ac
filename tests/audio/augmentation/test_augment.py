"""Augmented copies: always the same, whatever came before; sound of full scale 1, however extreme the settings."""

import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.audio.augmentation.augment import EFFECTS, AugmentationSettings, augment
from speech2img.audio.io import read_audio
from speech2img.config import dump_toml, settings_from_dict, settings_to_dict
from speech2img.errors import AudioError, ConfigError

RATE = 16_000
OFF = AugmentationSettings(
    **{
        field.name: dataclasses.replace(getattr(AugmentationSettings(), field.name), probability=0)
        for field in dataclasses.fields(AugmentationSettings)
    }
)


def only(*names: str) -> AugmentationSettings:
    """Some effects always, the others never."""
    chosen = {name: dataclasses.replace(getattr(AugmentationSettings(), name), probability=1) for name in names}
    return dataclasses.replace(OFF, **chosen)


def test_every_effect_has_settings_and_every_setting_an_effect() -> None:
    assert {field.name for field in dataclasses.fields(AugmentationSettings)} == set(EFFECTS)


def test_a_copy_depends_on_its_keys_alone(speech: np.ndarray) -> None:
    others = [speech[::-1].copy(), 0.3 * speech]
    keys = [(seed, index, copy) for seed in (0, 1) for index in (0, 7) for copy in (0, 1)]

    def make(key: tuple[int, int, int]) -> np.ndarray:
        return augment(speech, RATE, seed=key[0], index=key[1], copy=key[2], babble=others)

    forwards = {key: make(key) for key in keys}
    np.random.default_rng(5).shuffle(keys)
    np.random.seed(9)  # the global state is of no account
    for key in keys:
        assert np.array_equal(make(key), forwards[key])
    assert len({wave.tobytes() for wave in forwards.values()}) == len(keys)


def test_an_effect_that_is_switched_off_changes_nothing_that_others_draw(speech: np.ndarray) -> None:
    alone = augment(speech, RATE, seed=0, index=3, copy=1, settings=only("gain"))
    quiet = dataclasses.replace(OFF.silence, probability=1, most_pauses=0)
    with_silence = augment(
        speech, RATE, seed=0, index=3, copy=1, settings=dataclasses.replace(only("gain"), silence=quiet)
    )
    loud = [float(np.abs(y).max()) for y in (alone, with_silence)]
    assert loud[0] == pytest.approx(loud[1])
    assert len(with_silence) > len(alone)


def test_without_effects_the_waveform_is_a_copy(speech: np.ndarray) -> None:
    same = augment(speech, RATE, seed=0, index=0, copy=0, settings=OFF)
    assert np.array_equal(same, speech) and same is not speech


@pytest.mark.parametrize("name", EFFECTS)
def test_every_effect_alone_changes_the_sound_and_leaves_what_it_was_given(speech: np.ndarray, name: str) -> None:
    given_before = speech.copy()
    changed = augment(speech, RATE, seed=1, index=2, copy=3, settings=only(name), babble=[speech])
    assert np.array_equal(speech, given_before)
    assert changed.shape != speech.shape or not np.allclose(changed, speech, atol=1e-4)
    if name not in ("speed", "silence"):
        assert changed.shape == speech.shape


def test_probabilities_are_those_of_the_settings(speech: np.ndarray) -> None:
    rare = dataclasses.replace(OFF, gain=dataclasses.replace(OFF.gain, probability=0.3))
    short = speech[:100]
    changed = [
        not np.array_equal(augment(short, RATE, seed=0, index=n, copy=0, settings=rare), short) for n in range(400)
    ]
    assert 0.22 < np.mean(changed) < 0.38


@settings(max_examples=30)
@given(
    length=st.integers(1, 9000),
    level=st.sampled_from([0.0, 1e-7, 1e-3, 1.0, 1.5]),
    rate=st.sampled_from([4000, 8000, 16_000, 22_050, 48_000]),
    seed=st.integers(0, 2**40),
    index=st.integers(0, 200_000),
)
def test_any_sound_comes_out_finite_and_within_full_scale(
    length: int, level: float, rate: int, seed: int, index: int
) -> None:
    y = np.float32(level * np.clip(np.random.default_rng(length).standard_normal(length), -1, 1))
    out = augment(y, rate, seed=seed, index=index, copy=1, settings=only(*EFFECTS), babble=[y, np.ones(3, np.float32)])
    assert out.dtype == np.float32 and out.ndim == 1 and out.size >= 1
    assert np.isfinite(out).all() and np.abs(out).max() <= 1
    assert y.any() or not out.any()


@pytest.mark.parametrize(
    "wave", [np.zeros(0), np.zeros((2, 9)), np.array([np.nan, 0.0]), np.array([np.inf]), np.zeros(9, np.int16), [0, 1]]
)
def test_what_is_no_waveform_is_refused(wave: object) -> None:
    with pytest.raises(AudioError, match="waveform to augment"):
        augment(wave, RATE, seed=0, index=0, copy=0)  # type: ignore[arg-type]


def test_settings_are_written_and_read_back_as_any_others() -> None:
    changed = dataclasses.replace(OFF, noise=dataclasses.replace(OFF.noise, kinds=("pink",), high=12.5))
    assert settings_from_dict(AugmentationSettings, settings_to_dict(changed)) == changed
    assert "# Least ratio of speech to noise" in dump_toml(changed)
    with pytest.raises(ConfigError, match="probability"):
        settings_from_dict(AugmentationSettings, {"room": {"probability": 3.0}})


def test_people_stay_themselves_in_length_and_level(realdata: Path) -> None:
    with zipfile.ZipFile(realdata / "ljspeech8.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".wav"))
        waves = [read_audio(archive.read(name), sample_rate=RATE) for name in names[:4]]
    for index, wave in enumerate(waves):
        out = augment(wave, RATE, seed=0, index=index, copy=0, babble=waves[:index] + waves[index + 1 :])
        assert 0.9 * len(wave) <= len(out) <= 1.1 * len(wave) + 5 * RATE
        assert 1e-3 < np.abs(out).max() <= 1
