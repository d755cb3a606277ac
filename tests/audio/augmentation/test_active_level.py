"""Active speech level: pauses do not count, and what cannot be measured gives an honest number."""

import numpy as np
import pytest

from speech2img.audio.augmentation.active_level import active_level

RATE = 16_000


def decibels(value: float) -> float:
    return 20 * np.log10(value)


def burst(*seconds: float, level: float = 0.1) -> np.ndarray:
    """Noise and silence in turn."""
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal(int(s * RATE)) * (level if n % 2 == 0 else 0) for n, s in enumerate(seconds)]
    return np.concatenate(parts)


@pytest.mark.parametrize("level", [0.3, 0.01, 3e-4])
def test_of_steady_sound_it_is_the_root_mean_square(level: float) -> None:
    assert decibels(active_level(burst(5, level=level), RATE)) == pytest.approx(decibels(level), abs=0.15)


@pytest.mark.parametrize("pause", [1, 4, 12])
def test_pauses_do_not_count(pause: int) -> None:
    level = decibels(active_level(burst(2, pause, 2), RATE))
    assert level == pytest.approx(-20, abs=0.5)  # each pause counts as speech for its first 200 ms and the decay
    plain = np.sqrt(np.mean(np.square(burst(2, pause, 2))))
    assert plain < 10 ** (level / 20)


@pytest.mark.parametrize("pause", [0.5, 3])
def test_it_grows_with_the_sound(pause: float) -> None:
    y = burst(1, pause, 1)
    assert decibels(active_level(4 * y, RATE)) - decibels(active_level(y, RATE)) == pytest.approx(12.04, abs=0.1)


def test_faint_noise_in_the_pauses_changes_little() -> None:
    y = burst(2, 4, 2)
    noisy = y + 0.001 * np.random.default_rng(1).standard_normal(len(y))
    assert decibels(active_level(noisy, RATE)) == pytest.approx(decibels(active_level(y, RATE)), abs=0.2)


@pytest.mark.parametrize("y", [np.zeros(0), np.zeros(1), np.zeros(9000), np.full(9000, 1e-7)])
def test_silence_has_none(y: np.ndarray) -> None:
    assert active_level(y, RATE) == 0


@pytest.mark.parametrize("y", [np.ones(1), np.ones(50), np.eye(1, 8000)[0], np.ones(30_000)])
def test_what_is_short_or_odd_has_a_finite_one(y: np.ndarray) -> None:
    level = active_level(y, RATE)
    assert 0 < level <= 1.05
