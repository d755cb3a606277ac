"""What a picture listened to: its regions, the page that shows them, and ``generate --attention``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.attending_models import attending_release
from PIL import Image

from speech2img.attending import attention_of, attention_page, heard_wave, region_weights
from speech2img.audio.wav import write_wav
from speech2img.cli.main import main
from speech2img.errors import ConfigError
from speech2img.pipeline import SpeechToImage


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attending_release(tmp_path_factory.mktemp("attending") / "model")


@pytest.fixture(scope="module")
def recording(model: Path) -> Path:
    path = model.parent / "bird.wav"
    time = np.arange(2 * 16_000) / 16_000
    write_wav(path, 0.3 * np.sin(2000 * time * (1 + time)), sample_rate=16_000)
    return path


def test_attention_is_that_of_the_picture(model: Path, recording: Path) -> None:
    pipe = SpeechToImage.load(model, device="cpu")
    assert pipe.capabilities == {"images", "stages", "attention"}
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
    # The waveform stands above it, loud where the sound is.
    wave = np.zeros(4800, np.float32)
    wave[2400:] = np.tile([0.5, -0.5], 1200)
    with_wave = attention_page(np.full((32, 32, 3), 90, np.uint8), weights, wave)
    assert len(with_wave) == len(page) + 48
    ink = (with_wave[256 + 16 : 256 + 56, 44 : 44 + 480].mean(axis=2) < 128).sum(axis=0)
    assert (ink[:240] == 1).all() and (ink[240:] >= 38).all()
    # A region that listened everywhere alike is white everywhere, and one that hardly preferred a stretch is pale.
    assert (page[256 + 16 + 14 + 5, 44 : 44 + 480] == 255).all()
    nearly = np.full_like(weights, 1.0 / len(weights))
    nearly[2] *= 1.3
    pale = attention_page(np.full((32, 32, 3), 90, np.uint8), nearly / nearly.sum(axis=0))
    strips = pale[256 + 16 + 3 : 256 + 16 + 3 + 14 * 16, 44 : 44 + 480]
    assert 200 < strips.min() < 250


def test_the_wave_is_what_the_model_hears(recording: Path) -> None:
    whole = heard_wave(recording, sample_rate=8000, trim=False)
    assert len(whole) == 16_000 and np.abs(whole).max() < 0.4
    silent = {"array": np.concatenate([np.zeros(16_000), whole, np.zeros(16_000)]), "sampling_rate": 8000}
    assert len(heard_wave(silent, sample_rate=8000, trim=False)) == 48_000
    assert 16_000 <= len(heard_wave(silent, sample_rate=8000, trim=True)) < 30_000


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
