"""Cascades: one interface with models that hear, the text with the image, and a line where nothing was read."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.recognisers import fake_whisper, recogniser_release, text_encoder_release
from PIL import Image

import speech2img
from speech2img.audio.remarks import RecordingWarning
from speech2img.audio.wav import write_wav
from speech2img.cli.main import main
from speech2img.encoded_speech import TRANSCRIPT
from speech2img.errors import AudioError, CheckpointError, ConfigError
from speech2img.pipeline import SpeechToImage
from speech2img.recognition.encoder import WHISPER_FOLDER
from speech2img.recognition.transformer import TransformerRecogniser

Maker = Callable[..., Path]


def hum(seconds: float, *, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(16_000 * seconds))).astype(np.float32)


def compose(folder: Path, recogniser: Path, make_release: Maker) -> list[str]:
    """Words of a call that puts a cascade together in ``folder / "cascade"``."""
    parts = {"recogniser": recogniser, "text-encoder": text_encoder_release(folder / "text")}
    words = [word for name, path in parts.items() for word in (f"--{name}", str(path))]
    generator = make_release(folder / "generator", kind="image-generator")
    return ["compose", *words, "--generator", str(generator), "--out", str(folder / "cascade")]


@pytest.fixture
def cascade(tmp_path: Path, make_release: Maker) -> Path:
    assert main(compose(tmp_path, recogniser_release(tmp_path / "recogniser"), make_release)) == 0
    return tmp_path / "cascade"


def test_it_has_the_interface_of_every_model(cascade: Path, tmp_path: Path) -> None:
    pipe = speech2img.load(cascade, device="cpu")
    assert "transcript" in pipe.capabilities
    wave = hum(1.2)
    image = pipe(wave, seed=1)
    text = pipe.transcribe(wave)
    own = TransformerRecogniser.load(tmp_path / "recogniser", device="cpu", beams=1)
    assert text and image.info[TRANSCRIPT] == text == own.transcribe([wave])[0].text
    assert np.array_equal(np.asarray(pipe(wave, seed=1)), np.asarray(image))

    # A list, several images, stages, previews, embeddings.
    several = pipe([wave, hum(0.8, seed=1)], seed=1)
    assert np.abs(np.asarray(several[0], dtype=int) - np.asarray(image, dtype=int)).max() <= 1
    assert several[0].info[TRANSCRIPT] == text != several[1].info[TRANSCRIPT]
    assert all(one.info[TRANSCRIPT] == text for one in pipe(wave, num_images=2, return_stages=True)[1])
    assert list(pipe.stream(wave, seed=1))[-1].info[TRANSCRIPT] == text
    assert pipe.encode(wave).shape == (16,)


def test_models_that_hear_have_no_transcript(tmp_path: Path, make_release: Maker) -> None:
    pipe = speech2img.load(make_release(tmp_path / "release"), device="cpu")
    assert "transcript" not in pipe.capabilities and pipe.transcribe(hum(1.0)) is None
    assert TRANSCRIPT not in pipe(hum(1.0)).info


def test_the_text_is_kept_in_the_png(cascade: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", hum(1.2), sample_rate=16_000)
    words = ["generate", "--model", str(cascade), str(tmp_path / "a.wav"), "--out", str(tmp_path / "out")]
    assert main([*words, "--device", "cpu"]) == 0
    with Image.open(tmp_path / "out" / "a.png") as image:
        image.load()
        assert image.info[TRANSCRIPT] == speech2img.load(cascade, device="cpu").transcribe(tmp_path / "a.wav")
        assert image.info["Software"] == "speech2img"


def test_long_recordings_are_told(cascade: Path) -> None:
    pipe = speech2img.load(cascade, device="cpu")
    with pytest.warns(RecordingWarning, match=r"5.0 s is longer than the recogniser hears at once: divided .* into 3"):
        pipe.encode(hum(5.0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipe.encode(hum(1.0))
    assert not [one for one in caught if "longer than" in str(one.message)]


def test_an_empty_transcript_is_a_line_and_the_rest_is_made(
    tmp_path: Path, make_release: Maker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fake_whisper(monkeypatch, [], tmp_path / "whisper")
    monkeypatch.setenv(WHISPER_FOLDER, str(folder))
    assert main(compose(tmp_path, folder, make_release)) == 0
    pipe = SpeechToImage.load(tmp_path / "cascade", device="cpu")
    with pytest.raises(AudioError, match="recording: no word was recognised") as caught:
        pipe(hum(1.0))
    assert "\n" not in str(caught.value)
    errors: list[int] = []
    rows = pipe.encode_paths([hum(1.0), hum(1.0)], on_error=lambda place, error: errors.append(place))
    assert errors == [0, 1] and bool(np.isnan(rows).all())
    write_wav(tmp_path / "a.wav", hum(1.0), sample_rate=16_000)
    capsys.readouterr()
    words = ["generate", "--model", str(tmp_path / "cascade"), str(tmp_path / "a.wav"), "--out", str(tmp_path / "out")]
    assert main([*words, "--device", "cpu"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert sum("a.wav: no word was recognised" in line for line in lines) == 1
    assert not any("Traceback" in line for line in lines)


def test_a_cascade_with_whisper_wants_its_folder_and_no_other(
    tmp_path: Path, make_release: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fake_whisper(monkeypatch, ["a red bird"], tmp_path / "whisper")
    assert main(compose(tmp_path, folder, make_release)) == 0
    assert str(folder) not in (tmp_path / "cascade" / "config.json").read_text(), "a release names no path"
    monkeypatch.delenv(WHISPER_FOLDER, raising=False)
    with pytest.raises(ConfigError, match=f"set {WHISPER_FOLDER} to the model folder"):
        speech2img.load(tmp_path / "cascade", device="cpu")(hum(1.0))
    monkeypatch.setenv(WHISPER_FOLDER, str(folder))
    assert speech2img.load(tmp_path / "cascade", device="cpu")(hum(1.0)).info[TRANSCRIPT] == "a red bird"
    monkeypatch.setenv(WHISPER_FOLDER, str(tmp_path / "nowhere"))
    with pytest.raises(CheckpointError, match="no such folder"):
        speech2img.load(tmp_path / "cascade", device="cpu")(hum(1.0))
    other = fake_whisper(monkeypatch, ["a red bird"], tmp_path / "other")
    config = json.loads((tmp_path / "cascade" / "config.json").read_text())
    assert len(config["encoder"]["recogniser"]["model_sha256"]) == 64
    (other / "model.bin").write_text("{ }")
    monkeypatch.setenv(WHISPER_FOLDER, str(other))
    with pytest.raises(CheckpointError):
        speech2img.load(tmp_path / "cascade", device="cpu")(hum(1.0))


def test_parts_that_are_something_else_are_a_line(
    tmp_path: Path, make_release: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    recogniser, generator = recogniser_release(tmp_path / "recogniser"), make_release(tmp_path / "generator")
    text = text_encoder_release(tmp_path / "text")
    wide = text_encoder_release(tmp_path / "wide", embedding_dim=24)
    tail = ["--generator", str(generator), "--out", str(tmp_path / "out")]
    for words, reason in (
        (["--recogniser", str(text), "--text-encoder", str(text)], "not a recogniser"),
        (["--recogniser", str(recogniser), "--text-encoder", str(recogniser)], "not a text encoder"),
        (["--recogniser", str(recogniser)], "what hears"),
        (["--recogniser", str(recogniser), "--text-encoder", str(text), "--encoder", "songbirds"], "what hears"),
        ([], "what hears"),
        (["--recogniser", str(recogniser), "--text-encoder", str(wide)], "embeddings of 16, the encoder gives 24"),
    ):
        assert main(["compose", *words, *tail]) != 0
        message = capsys.readouterr().err
        assert message.count("\n") == 1 and reason in message, message
        assert not (tmp_path / "out").exists()
