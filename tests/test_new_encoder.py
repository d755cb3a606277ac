"""A speech encoder from outside the package: one line in ``ENCODERS`` makes its releases hear."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from speech2img.errors import CheckpointError
from speech2img.models.encoders.base import SpeechEncoder, SpeechEncoding
from speech2img.models.encoders.registry import ENCODERS
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.writing import save_release


class ToyEncoder(SpeechEncoder):
    """One layer a frame, and their mean over the valid ones."""

    def __init__(self, *, n_mels: int = 40, embedding_dim: int = 16) -> None:
        super().__init__()
        self.n_mels, self.embedding_dim = n_mels, embedding_dim
        self.frame = nn.Linear(n_mels, embedding_dim)

    def forward(self, mel_BMT: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Contract: `SpeechEncoder`."""
        lengths = self.checked_lengths(mel_BMT, lengths_B)
        valid_B1T = (torch.arange(mel_BMT.shape[2]) < lengths[:, None])[:, None]
        words_BDT = self.frame(mel_BMT.transpose(1, 2)).transpose(1, 2).tanh() * valid_B1T
        return SpeechEncoding(words_BDT.sum(dim=2) / lengths[:, None], words_BDT, lengths)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release of the toy, which the registry knows."""
    monkeypatch.setitem(ENCODERS, "toy", lambda: ToyEncoder)
    torch.manual_seed(3)
    tensors = {f"encoder.{name}": value for name, value in ToyEncoder().state_dict().items()}
    config = {"kind": "speech-encoder", "encoder": {"network": "toy", "embedding_dim": 16}, "mel_preset": "li2020"}
    save_release(tmp_path / "toy", tensors, config, "# card")
    return tmp_path / "toy"


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    """Tones of two lengths."""
    paths = [tmp_path / "short.wav", tmp_path / "long.wav"]
    for number, path in enumerate(paths):
        time = np.arange(16000 * (1 + number)) / 16000
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * (200 + 150 * number) * time), 16000)
    return paths


def test_it_hears_the_same_alone_and_in_any_batch(toy: Path, recordings: list[Path]) -> None:
    pipe = SpeechToImage.load(toy, device="cpu")
    together = pipe.encode_paths(recordings)
    assert together.shape == (2, 16)
    for recording, vector in zip(recordings, together, strict=True):
        np.testing.assert_allclose(pipe.encode(recording), vector, atol=1e-5)
    assert not np.allclose(together[0], together[1])


def test_images_are_made_of_what_it_hears(
    toy: Path, recordings: list[Path], tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    generator = make_release(tmp_path / "generator", kind="image-generator")
    pipe = SpeechToImage.load(toy, generator=generator, device="cpu")
    first, second = pipe(recordings, seed=1)
    assert first.size == second.size == (128, 128) and first != second


def test_without_its_line_the_release_names_what_is_known(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ENCODERS, "toy")
    with pytest.raises(CheckpointError, match="one of li2020, .*got 'toy'"):
        SpeechToImage.load(toy, device="cpu")
