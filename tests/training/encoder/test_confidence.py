"""A release that tells how sure it is: learned from recordings, kept in the release, said by ``generate``."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.wav import encode_wav
from speech2img.cli.main import main
from speech2img.errors import CheckpointError, DataError
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.composition import compose_release
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release
from speech2img.training.encoder.confidence import add_confidence

RATE = 16_000


def syllables(seed: int) -> np.ndarray:
    """A swelling hum, which the toy should know."""
    rng = np.random.default_rng(seed)
    time = np.arange(RATE // 2) / RATE
    hum = sum(np.sin(2 * np.pi * rng.uniform(140, 160) * k * time) for k in range(1, 8))
    return np.float32(0.03 * hum * (0.2 + np.square(time * 2)) + 1e-3 * rng.standard_normal(len(time)))


def hiss(seed: int) -> np.ndarray:
    return np.float32(0.1 * np.random.default_rng(1000 + seed).standard_normal(RATE // 2))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, make_release: Callable[..., Path]) -> Path:
    folder = make_release(tmp_path_factory.mktemp("confident") / "tiny")
    add_confidence(folder, map(syllables, range(60)), map(hiss, range(60)), components=8, device="cpu")
    return folder


def test_a_release_knows_what_it_was_taught(release: Path) -> None:
    pipe = SpeechToImage.load(release, device="cpu")
    known, strange = (pipe.confidence([make(n) for n in range(100, 120)]) for make in (syllables, hiss))
    assert known is not None and strange is not None and known.shape == (20,)
    assert known.min() > strange.max()
    assert pipe.confidence_head is not None
    assert strange.max() < float(pipe.confidence_head.low) < np.median(known)
    assert "# card" in (release / "CARD.md").read_text()


def test_what_cannot_be_used_has_none(release: Path) -> None:
    pipe = SpeechToImage.load(release, device="cpu")
    speech = pipe.encode_speech([syllables(0), b"RIFF"], frames=False, on_error=lambda number, error: None)
    confidence = pipe.confidence(speech)
    assert confidence is not None and np.isfinite(confidence[0]) and np.isnan(confidence[1])


def test_generate_names_what_is_doubtful_and_makes_the_image(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bird.wav").write_bytes(encode_wav(syllables(0), sample_rate=RATE))
    (tmp_path / "sea.wav").write_bytes(encode_wav(hiss(0), sample_rate=RATE))
    given = [str(tmp_path / name) for name in ("bird.wav", "sea.wav")]
    assert main(["generate", "--model", str(release), *given, "--out", str(tmp_path / "out")]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("speech2img: sea: confidence ") and "the image may have nothing to do with it" in line
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"bird.png", "sea.png"}


def test_weights_without_it_say_nothing(tmp_path: Path, make_release: Callable[..., Path]) -> None:
    pipe = SpeechToImage.load(make_release(tmp_path / "plain"), device="cpu")
    assert pipe.confidence(syllables(0)) is None


def test_it_goes_where_the_encoder_goes(release: Path, tmp_path: Path, make_release: Callable[..., Path]) -> None:
    generator = make_release(tmp_path / "generator", kind="image-generator")
    compose_release(release, generator, tmp_path / "whole")
    pipe = SpeechToImage.load(tmp_path / "whole", device="cpu")
    confidence, own = pipe.confidence(syllables(9)), SpeechToImage.load(release, device="cpu").confidence(syllables(9))
    assert confidence is not None and own is not None and np.array_equal(confidence, own)


def test_too_few_recordings_and_another_size_are_refused(release: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="recordings outside: 3, too few to learn from"):
        add_confidence(release, map(syllables, range(60)), map(hiss, range(3)), device="cpu")
    other = tmp_path / "other"
    shutil.copytree(release, other)
    tensors, config = load_release(other)
    tensors = {name: value for name, value in tensors.items() if not name.startswith("confidence.")}
    from speech2img.models.encoders.confidence import ConfidenceHead

    tensors |= {f"confidence.{name}": value for name, value in ConfidenceHead(9, 2).state_dict().items()}
    save_release(other, tensors, {**config, "confidence": {"embedding_dim": 9, "components": 2}}, "# card")
    with pytest.raises(CheckpointError, match="confidence is of embeddings of 9, not 16"):
        SpeechToImage.load(other, device="cpu")
