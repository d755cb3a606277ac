"""What a picture listened to: its regions, the page that shows them, and ``generate --attention``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from speech2img.attending import attention_of, attention_page, region_weights
from speech2img.audio.wav import write_wav
from speech2img.cli.main import main
from speech2img.errors import ConfigError
from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.models.generators.attngan.generator import AttnGANGenerator
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.writing import save_release


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small encoder, and a generator of two stages whose second one looks sharply."""
    folder = tmp_path_factory.mktemp("attending") / "model"
    torch.manual_seed(0)
    encoder = {"channels": [8] * 8, "embedding_dim": 16, "last_stride": 1}
    generator = {"embedding_dim": 16, "condition_dim": 6, "noise_dim": 10, "width": 4, "num_stages": 2}
    listener, network = Li2020Encoder(**encoder), AttnGANGenerator(**generator)  # type: ignore[arg-type]
    for parameter in (*listener.parameters(), *network.parameters()):
        if parameter.dim() > 1:  # as they are drawn, all frames and all places are nearly the same
            torch.nn.init.kaiming_normal_(parameter)
    tensors = {f"encoder.{name}": value for name, value in listener.state_dict().items()}
    tensors |= {f"generator.{name}": value for name, value in network.state_dict().items()}
    config = {"kind": "speech-to-image", "encoder": encoder, "mel_preset": "li2020"}
    save_release(folder, tensors, {**config, "generator": {"network": "attngan", **generator}}, "# card", half=False)
    return folder


@pytest.fixture(scope="module")
def recording(model: Path) -> Path:
    path = model.parent / "bird.wav"
    time = np.arange(2 * 16_000) / 16_000
    write_wav(path, 0.3 * np.sin(2000 * time * (1 + time)), sample_rate=16_000)
    return path


def test_attention_is_that_of_the_picture(model: Path, recording: Path) -> None:
    pipe = SpeechToImage.load(model, device="cpu")
    speech = pipe.encode_speech([recording])
    assert speech.frames is not None
    weights = attention_of(pipe, speech, seed=3)
    assert weights.shape == (len(speech.frames[0]), 64, 64)
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-5)
    assert weights.std(axis=(1, 2)).max() > 0  # places look at different frames
    # Another seed and another number are other pictures.
    assert not np.array_equal(weights, attention_of(pipe, speech, seed=4))
    assert not np.array_equal(weights, attention_of(pipe, speech, seed=3, number=1))
    with pytest.raises(ConfigError, match="2 utterances; give one"):
        attention_of(pipe, speech[[0, 0]])


def test_regions_are_means_of_their_places() -> None:
    weights = np.random.default_rng(0).random((5, 8, 8)).astype(np.float32)
    parts = region_weights(weights)
    assert parts.shape == (16, 5)
    np.testing.assert_allclose(parts[6], weights[:, 2:4, 4:6].mean(axis=(1, 2)), rtol=1e-5)


def test_the_page_shows_where_a_region_listened() -> None:
    weights = np.full((10, 64, 64), 1e-3, np.float32)
    weights[2, :16, :16] = 1.0  # the first region, at the third of ten frames
    page = attention_page(np.full((32, 32, 3), 90, np.uint8), weights)
    strip = page[256 + 16 + 5, 44 : 44 + 480]
    dark = np.flatnonzero(strip.mean(axis=1) < 128)
    assert (dark.min(), dark.max()) == (96, 143)
    # A region that listened everywhere alike is dark everywhere.
    assert (page[256 + 16 + 14 + 5, 44 : 44 + 480] == 0).all()


def test_generate_writes_a_page_beside_each_picture(
    model: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pictures"
    argv = ["generate", str(recording), "--model", str(model), "--out", str(out), "--device", "cpu", "--attention"]
    assert main([*argv, "--num-images", "2"]) == 0
    names = ["bird_0.png", "bird_0_attention.png", "bird_1.png", "bird_1_attention.png"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert len(capsys.readouterr().out.splitlines()) == 4
    pages = [np.asarray(Image.open(out / name)) for name in names[1::2]]
    assert pages[0].shape == pages[1].shape and not np.array_equal(*pages)
    # Written again they replace their own; a file of somebody else's is not lost.
    (out / "bird_1_attention.png").write_bytes(b"mine")
    assert main([*argv, "--num-images", "2"]) == 2
    assert "bird_1_attention.png" in capsys.readouterr().err and (out / "bird_1_attention.png").read_bytes() == b"mine"


def test_weights_that_attend_to_nothing_say_so(
    make_release: Callable[..., Path], recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = make_release(tmp_path / "release")
    argv = ["generate", str(recording), "--model", str(release), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main([*argv, "--attention"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "attends to nothing; omit it" in lines[-1] and not (tmp_path / "out").exists()
