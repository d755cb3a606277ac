"""Frames that a training has left: found under what they depend on, and as good as hearing again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from speech2img.errors import DataError
from speech2img.features.plain_frames import FOLDER, NOTE, PlainFrames, find_plain_frames, note_plain_frames, plain_key
from speech2img.features.speech_frames import write_frames
from speech2img.models.encoders.pretrained import PretrainedEncoder

LENGTHS = np.array([60, 31, 8, 44])
IDS = ["a_0", "a_1", "b_0", "b_1"]


@pytest.fixture
def encoder() -> PretrainedEncoder:
    torch.manual_seed(0)
    config = {"n_mels": 12, "width": 64, "num_layers": 2, "max_positions": 400}
    return PretrainedEncoder(front_end_config=config, width=16, num_layers=1, num_heads=2, embedding_dim=24).eval()


class Mels:
    """Random log-mels, and which of them were asked for."""

    lengths, n_mels = LENGTHS, 12

    def __init__(self) -> None:
        self.mels = np.random.default_rng(0).standard_normal((4, 12, 60)).astype(np.float32)
        self.asked: list[int] = []

    def batch(self, rows: np.ndarray, *, frames: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        self.asked += rows.tolist()
        return self.mels[rows][..., : LENGTHS[rows].max()], LENGTHS[rows]

    draw: Any = None


class Parts:
    """One part of stored frames, as `write_frames` takes it."""

    def __init__(self, frames: list[np.ndarray]) -> None:
        self.frames = frames

    def features(self, output: str, number: int) -> np.ndarray:
        return np.concatenate(self.frames) if output == "frames" else np.array([[len(part)] for part in self.frames])


def _store(root: Path, encoder: PretrainedEncoder, mels: Mels, names: list[str], *, key: str) -> Path:
    """Keep frames of recordings under some names, in the order of ``IDS``."""
    home = root / "derived" / FOLDER / "some"
    home.mkdir(parents=True)
    rows = np.arange(len(names))
    with torch.inference_mode():
        mel, lengths = mels.batch(rows)
        mixed = encoder.mixed_frames(torch.from_numpy(mel), torch.from_numpy(lengths))
    frames = [part[:count].numpy() for part, count in zip(mixed.frames_BSF, mixed.lengths_B, strict=True)]
    write_frames(home, Parts(frames), [rows], ids=names, sha256="ab" * 32)  # type: ignore[arg-type]
    note_plain_frames(home, key=key, names=names, sha256="ab" * 32)
    mels.asked.clear()
    return home


def test_stored_frames_are_not_heard_again_and_give_the_same(tmp_path: Path, encoder: PretrainedEncoder) -> None:
    mels = Mels()
    _store(tmp_path, encoder, mels, ["a_0#0", "a_1#0"], key="k")
    stored = find_plain_frames(tmp_path, key="k")
    assert set(stored) == {"a_0", "a_1"}
    rows = np.array([2, 0, 3, 1])
    some = PlainFrames(encoder, mels, IDS, stored).encode(rows, device=torch.device("cpu"))
    assert mels.asked == [2, 3]
    all_heard = PlainFrames(encoder, mels, IDS, {}).encode(rows, device=torch.device("cpu"))
    assert some.word_lengths.tolist() == all_heard.word_lengths.tolist()
    torch.testing.assert_close(some.sentence, all_heard.sentence, atol=2e-3, rtol=0)
    with torch.inference_mode():
        direct = encoder(*(torch.from_numpy(part) for part in mels.batch(rows)))
    torch.testing.assert_close(all_heard.sentence, direct.sentence, atol=1e-5, rtol=0)


def test_copies_are_no_recordings_and_another_key_finds_nothing(tmp_path: Path, encoder: PretrainedEncoder) -> None:
    _store(tmp_path, encoder, Mels(), ["a_0#0", "a_0#1", "a_1#0"], key="k")
    found = find_plain_frames(tmp_path, key="k")
    assert {name: row for name, (_, row) in found.items()} == {"a_0": 0, "a_1": 2}
    assert find_plain_frames(tmp_path, key="other") == {} == find_plain_frames(tmp_path / "elsewhere", key="k")


def test_the_key_says_what_frames_depend_on(encoder: PretrainedEncoder) -> None:
    keys = [
        plain_key(encoder, recordings=recordings, front_end=front_end, longest=longest)
        for recordings, front_end, longest in (("a", "b", 9), ("c", "b", 9), ("a", "c", 9), ("a", "b", 8))
    ]
    with torch.no_grad():
        encoder.mix.weights.copy_(torch.tensor([0.0, 0.0, 2.0]))
    keys.append(plain_key(encoder, recordings="a", front_end="b", longest=9))
    assert len(set(keys)) == 5
    rounded = encoder.mix.weights.detach().half().float()
    with torch.no_grad():
        encoder.mix.weights.copy_(rounded)
    assert plain_key(encoder, recordings="a", front_end="b", longest=9) == keys[-1]


def test_a_damaged_note_is_one_line(tmp_path: Path, encoder: PretrainedEncoder) -> None:
    home = _store(tmp_path, encoder, Mels(), ["a_0#0"], key="k")
    (home / NOTE).write_text("[]")
    with pytest.raises(DataError, match="is damaged; remove the folder"):
        find_plain_frames(tmp_path, key="k")
