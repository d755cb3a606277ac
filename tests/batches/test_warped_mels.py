"""Log-mels warped along bands and frames: a tone goes where the factor says, a tempo changes lengths, and no more."""

import numpy as np
import pytest

from speech2img.audio.mel import MEL_PRESETS, log_mel
from speech2img.batches.speech import Mels
from speech2img.batches.warped_mels import WarpedMels, read_between, warped_places

PRESET = MEL_PRESETS["whisper"]


class Store:
    """Random log-mels of 30, 100 and 64 frames."""

    lengths = np.array([30, 100, 64])

    def read(self, index: int) -> np.ndarray:
        rng = np.random.default_rng(index)
        return rng.uniform(0, 1, (int(self.lengths[index]), PRESET.n_mels)).astype(np.float32)


def tone(hertz: float) -> np.ndarray:
    """Log-mel of half a second of a tone, the mean over its inner frames."""
    wave = np.sin(2 * np.pi * hertz * np.arange(8000) / PRESET.sample_rate).astype(np.float32)
    return log_mel(0.5 * wave, preset=PRESET)[:, 10:40].mean(axis=1)


def warped(tract: float, tempo: float, *, max_frames: int = 3000) -> WarpedMels:
    mels = Mels(Store(), max_frames=3000, pad_value=PRESET.pad_value)
    return WarpedMels(mels, preset=PRESET, tract=tract, tempo=tempo, max_frames=max_frames)


@pytest.mark.parametrize("name", ["whisper", "li2020", "s2igan", "tacotron2"])
def test_a_factor_of_one_changes_nothing(name: str) -> None:
    preset = MEL_PRESETS[name]
    np.testing.assert_allclose(warped_places(preset, 1.0), np.arange(preset.n_mels), atol=1e-9)


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.1, 1.25])
@pytest.mark.parametrize("hertz", [400.0, 1000.0, 2500.0])
def test_a_tone_is_heard_where_a_tone_of_so_many_times_its_frequency_is(hertz: float, factor: float) -> None:
    moved = read_between(tone(hertz)[:, None], warped_places(PRESET, factor))[:, 0]
    expected = tone(hertz * factor)
    assert abs(int(moved.argmax()) - int(expected.argmax())) <= 1
    assert int(moved.argmax()) != int(tone(hertz).argmax())


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.3, 1.5])
def test_bands_keep_their_order_and_the_ends(factor: float) -> None:
    places = warped_places(PRESET, factor)
    assert (np.diff(places) >= 0).all() and places[0] >= 0 and places[-1] == pytest.approx(PRESET.n_mels - 1, abs=0.6)


def test_between_two_rows_lies_their_mean_weighted_by_distance() -> None:
    values = np.array([[0.0, 10.0], [4.0, 30.0]], dtype=np.float32)
    read = read_between(values, np.array([0.0, 0.25, 1.0]))
    np.testing.assert_allclose(read, [[0, 10], [1, 15], [4, 30]])
    np.testing.assert_allclose(read_between(values[:1], np.array([0.0])), values[:1])


def test_a_tempo_changes_lengths_alone() -> None:
    source, rows = warped(0.0, 0.3), np.array([0, 1, 2])
    mel, lengths = source.draw(rows, generator=np.random.default_rng(0))
    assert (np.abs(lengths / Store.lengths - 1) <= 1 / 0.7 - 1 + 0.02).all() and (lengths != Store.lengths).any()
    for values, length, row in zip(mel, lengths, rows, strict=True):
        original = Store().read(int(row))
        np.testing.assert_allclose(values[:, 0], original[0], atol=1e-6)
        np.testing.assert_allclose(values[:, length - 1], original[-1], atol=1e-6)
        assert (values[:, length:] == PRESET.pad_value).all()


def test_draws_differ_and_come_again_from_the_same_generator() -> None:
    source, rows = warped(0.2, 0.2), np.array([1, 1])
    first, second, again = (source.draw(rows, generator=np.random.default_rng(seed)) for seed in (0, 1, 0))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[0].shape != second[0].shape or not np.allclose(first[0], second[0])
    assert not np.allclose(first[0][0, :, :50], first[0][1, :, :50])


def test_what_is_not_drawn_is_as_recorded_and_long_ones_are_cut() -> None:
    mel, lengths = warped(0.2, 0.2).batch(np.array([2]))
    np.testing.assert_array_equal(mel[0, :, :64], Store().read(2).T)
    assert lengths.tolist() == [64]
    _, cut = warped(0.0, 0.5, max_frames=40).draw(np.array([1, 1]), generator=np.random.default_rng(0))
    assert cut.max() <= 40
