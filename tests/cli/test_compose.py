"""``compose``: the encoder of one release and the generator of another become one model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.cli.main import main
from speech2img.models.encoders.registry import build_encoder
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.storage.releases.writing import save_release

SMALL = {"n_mels": 40, "channels": [8, 8, 8, 16, 16, 16, 16, 16], "embedding_dim": 1024, "pad_value": -80.0}


def _encoder(folder: Path, **config: object) -> Path:
    """A small encoder of random weights that gives embeddings of the shipped generator's size."""
    torch.manual_seed(4)
    tensors = {f"encoder.{name}": value for name, value in build_encoder(**SMALL).state_dict().items()}
    tensors |= {"target.mean": torch.zeros(1024), "target.std": torch.ones(1024)}
    settings = {"kind": "speech-encoder", "mel_preset": "li2020", "encoder": SMALL, "pad_value": -80.0}
    save_release(folder, tensors, {**settings, **config}, "# Small encoder\n")
    return folder


def test_the_model_is_the_pair_that_generate_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder = _encoder(tmp_path / "encoder")
    words = ["compose", "--encoder", str(encoder), "--generator", "songbirds", "--out", str(tmp_path / "model")]
    assert main(words) == 0
    assert "did not learn to give what the encoder of songbirds gives" in capsys.readouterr().err

    recording = (16_000, 0.3 * np.sin(np.arange(16_000) / 20) * np.sin(np.arange(16_000) / 900) ** 2)
    pair = SpeechToImage.load(encoder, generator="songbirds", device="cpu")
    whole = SpeechToImage.load(tmp_path / "model", device="cpu")
    assert np.array_equal(pair.encode(recording), whole.encode(recording))
    assert np.array_equal(np.asarray(pair(recording, seed=3)), np.asarray(whole(recording, seed=3)))


def test_an_encoder_that_imitates_the_generators_own_is_taken_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = release_sha256(find_release("songbirds"))
    encoder = _encoder(tmp_path / "encoder", trained_with={"imitated encoder": shipped})
    assert main(["compose", "--encoder", str(encoder), "--generator", "songbirds", "--out", str(tmp_path / "m")]) == 0
    assert "did not learn" not in capsys.readouterr().err
    config = load_release(tmp_path / "m")[1]
    assert config["trained_with"]["speech encoder"] == release_sha256(encoder)
    assert config["trained_with"]["generator"] == shipped


@pytest.mark.parametrize(
    ("encoder", "generator", "reason"),
    [
        ("songbirds-judge", "songbirds", "not a speech encoder"),
        ("songbirds", "songbirds-judge", "generator"),
        ("nothing", "songbirds", "nothing"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_written(
    encoder: str, generator: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    assert main(["compose", "--encoder", encoder, "--generator", generator, "--out", str(out)]) != 0
    assert reason in capsys.readouterr().err
    assert not out.exists()
