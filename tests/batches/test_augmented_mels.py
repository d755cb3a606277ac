"""Log-mels of augmented copies: seeded by utterance and copy, whatever else is in the batch."""

from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.augmentation.augment import AugmentationSettings
from speech2img.audio.augmentation.noise import NoiseSettings
from speech2img.audio.augmentation.silence import SilenceSettings
from speech2img.audio.io import read_audio
from speech2img.audio.mel import MEL_PRESETS, log_mel
from speech2img.audio.wav import write_wav
from speech2img.batches.augmented_mels import AugmentedMels
from speech2img.errors import AudioError

PRESET = MEL_PRESETS["li2020"]
NOISY = AugmentationSettings(noise=NoiseSettings(probability=1.0), silence=SilenceSettings(probability=1.0))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Five recordings of rising tones."""
    found = []
    for number in range(5):
        time = np.arange(8000 + 800 * number) / 16_000
        tone = 0.3 * np.sin(2 * np.pi * (200 + 90 * number) * time) * (1 + np.sin(9 * time))
        found.append(tmp_path / f"{number}.wav")
        write_wav(found[-1], tone.astype(np.float32), sample_rate=16_000)
    return found


def _source(paths: list[Path], *, seed: int = 0, max_frames: int = 2048) -> AugmentedMels:
    lengths = np.array([PRESET.num_frames(8000 + 800 * number) for number in range(5)])
    return AugmentedMels(
        paths,
        lengths,
        preset=PRESET,
        settings=NOISY,
        seed=seed,
        babble=(0, 1, 2),
        max_frames=max_frames,
        pad_value=PRESET.pad_value,
    )


def test_the_recording_itself_is_not_augmented(paths: list[Path]) -> None:
    expected = log_mel(read_audio(paths[1], sample_rate=16_000), preset=PRESET)
    mel, lengths = _source(paths).batch(np.array([1]))
    assert np.array_equal(mel[0, :, : lengths[0]], expected)
    assert (mel[0, :, lengths[0] :] == PRESET.pad_value).all()


def test_a_copy_is_the_same_in_any_batch(paths: list[Path]) -> None:
    source = _source(paths)
    alone, length = source.copies(np.array([3]), np.array([9]))
    among, lengths = source.copies(np.array([0, 3, 4]), np.array([1, 9, 2]))
    assert lengths[1] == length[0]
    assert np.array_equal(among[1, :, : lengths[1]], alone[0, :, : length[0]])


def test_copies_and_seeds_differ(paths: list[Path]) -> None:
    first, second = (_source(paths).read(2, copy=copy) for copy in (1, 2))
    other = _source(paths, seed=5).read(2, copy=1)
    assert first.shape != second.shape or not np.array_equal(first, second)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_what_is_drawn_follows_from_the_generator(paths: list[Path]) -> None:
    rows = np.array([0, 2, 4])
    first, second = (_source(paths).draw(rows, generator=np.random.default_rng(3))[0] for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first[..., :20], _source(paths).batch(rows)[0][..., :20])


def test_a_long_copy_is_cut(paths: list[Path]) -> None:
    assert len(_source(paths, max_frames=30).read(4, copy=1)) == 30


def test_a_damaged_recording_is_named(paths: list[Path]) -> None:
    paths[2].write_bytes(b"RIFF")
    with pytest.raises(AudioError, match=r"2\.wav"):
        _source(paths).read(2, copy=1)
