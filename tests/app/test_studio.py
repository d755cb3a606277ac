"""A request from its recording to the pictures that are kept: those of the library, or a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.attending_models import attending_release
from PIL import Image

from speech2img.app import studio as studio_module
from speech2img.app.hearing import HeardSpeech
from speech2img.app.provenance import read_provenance, sha256
from speech2img.app.settings import AppSettings
from speech2img.app.studio import Example, PaintRequest, Preview, Studio, Typed, Upload, whole
from speech2img.app.takes import Take
from speech2img.attending import attention_of, attention_page, heard_wave
from speech2img.errors import AudioError, ConfigError, OutOfMemoryError
from speech2img.pipeline import SpeechToImage


def _paint(studio: Studio, source: Any, **given: Any) -> list[Any]:
    request = {"model": studio.models.names[0], "num_images": 2, **given}
    return list(studio.paint(PaintRequest(source=source, **request)))


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_an_upload_becomes_the_pictures_of_the_library(studio: Studio, toy: str, ogg: Path) -> None:
    heard, *previews, take = _paint(studio, Upload(name="bird.ogg", data=ogg.read_bytes()), seed="7")
    assert isinstance(heard, HeardSpeech) and all(isinstance(preview, Preview) for preview in previews)
    assert [preview.images.shape for preview in previews] == [(2, 64, 64, 3), (2, 128, 128, 3)]
    expected = SpeechToImage.load(toy, device="cpu")(ogg, seed=7, num_images=2)
    for path, image in zip(take.pictures, expected, strict=True):
        assert np.abs(_pixels(path) - np.asarray(image)).max() <= 1
    read = read_provenance(take.pictures[1].read_bytes())
    assert read["seed"] == "7" and read["recording_sha256"] == sha256(ogg.read_bytes())
    assert take.recording.name == "recording.ogg" and take.recording.read_bytes() == ogg.read_bytes()


def test_a_model_that_attends_shows_what_each_picture_listened_to(ogg: Path, tmp_path: Path) -> None:
    model = str(attending_release(tmp_path / "model"))
    studio = Studio(AppSettings(models=(model,), device="cpu"), tmp_path)
    assert "attention" in studio.models.described(model)["capabilities"]
    heard, *_, take = _paint(studio, Example(path=ogg), seed=5)
    pipe = SpeechToImage.load(model, device="cpu")
    speech = pipe.encode_speech([ogg])
    wave = heard_wave(ogg, sample_rate=pipe.mel.sample_rate, trim=True)
    np.testing.assert_allclose(heard.samples, wave, atol=1e-5)
    for number, path in enumerate(take.sheets):
        image = np.asarray(Image.open(take.pictures[number]))
        expected = attention_page(image, attention_of(pipe, speech, seed=5, number=number), wave).astype(int)
        assert np.abs(_pixels(path) - expected).max() <= 3
    assert len(take.sheets) == 2 and take.facts["attention"] is True
    studio.close()


def test_a_model_that_does_not_attend_shows_nothing_of_it(studio: Studio, ogg: Path) -> None:
    *_, take = _paint(studio, Example(path=ogg), num_images=1)
    assert take.sheets == [] and "attention" not in take.facts
    assert not list(take.folder.glob("*attention*"))


def test_typed_words_are_spoken_and_kept(studio: Studio) -> None:
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed: nothing can be spoken")
    *_, take = _paint(studio, Typed(text="a red\n bird", rate="200"))
    assert take.facts["text"] == "a red bird" and take.facts["voice"] == "espeak en-us, 200 words a minute, pitch 50"
    assert take.recording.name == "recording.wav"


def test_an_example_needs_no_child(studio: Studio, ogg: Path) -> None:
    *_, take = _paint(studio, Example(path=ogg))
    assert isinstance(take, Take) and studio.decoder._spare is None


def test_only_examples_of_the_package_are_known(ogg: Path) -> None:
    assert Example.named(ogg.name) == Example(path=ogg)
    for name in ("", "recordings.json", f"../recordings/{ogg.name}", str(ogg)):
        with pytest.raises(ConfigError, match="example: .* is not known; choose one of the list"):
            Example.named(name)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seed": "seven"}, "seed: 'seven' does not fit; give a whole number of at least 0"),
        ({"seed": -1}, "seed: -1 does not fit"),
        ({"seed": "1" * 5000}, "seed: '1111"),
        ({"num_images": 9}, "pictures: 9 does not fit; give a whole number of 1 to 8"),
        ({"num_images": None}, "pictures: None"),
        ({"steps": 8}, "steps: the generator of .* does not draw in steps"),
        ({"guidance": 2}, "guidance: the generator of .* has none"),
        ({"model": "/etc"}, "model: '/etc' is not served here"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_heard(studio: Studio, given: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        _paint(studio, Upload(name="x", data=b""), **given)


@pytest.mark.parametrize("data", [b"", b"words", bytes(44) * 1000])
def test_no_recording_is_a_sentence(studio: Studio, data: bytes) -> None:
    with pytest.raises(AudioError, match="x.wav: "):
        _paint(studio, Upload(name="x.wav", data=data))
    assert not list(studio.takes.folder.iterdir())


def test_a_request_that_takes_too_long_is_ended(studio: Studio, ogg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio_module, "REQUEST_SECONDS", -1)
    with pytest.raises(ConfigError, match="this request: took more than -1 s; ask for fewer pictures"):
        _paint(studio, Example(path=ogg))
    assert not studio.models.at_work.locked()


def test_a_visitor_who_leaves_holds_nothing(studio: Studio, ogg: Path) -> None:
    left = studio.paint(PaintRequest(source=Example(path=ogg), model=studio.models.names[0]))
    assert isinstance(next(left), HeardSpeech) and isinstance(next(left), Preview)
    assert not studio.models.at_work.locked()
    assert isinstance(_paint(studio, Example(path=ogg))[-1], Take)


def test_a_full_device_is_a_sentence(studio: Studio, ogg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(studio_module, "hear_speech", full)
    with pytest.raises(OutOfMemoryError, match="the device: has no memory left; ask for fewer pictures"):
        _paint(studio, Example(path=ogg))


@pytest.mark.parametrize(
    ("value", "number"), [(3, 3), (3.0, 3), ("3", 3), (" 3 ", 3), (2**62, 2**62), (str(2**62), 2**62)]
)
def test_numbers_as_pages_send_them(value: Any, number: int) -> None:
    assert whole("seed", value, 0, 2**63 - 1) == number


@pytest.mark.parametrize(
    "value", [None, True, 1.5, "1.5", "", "NaN", "inf", float("nan"), "0x10", [1], {}, "١٢٣x", "1e400"]
)
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(ConfigError, match="seed: .* does not fit"):
        whole("seed", value, 0, 10)
