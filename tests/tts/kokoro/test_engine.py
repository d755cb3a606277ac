"""The Kokoro engine over stand-ins of its packages: voices, manner, and what is missing."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers.fake_kokoro import make_model

from speech2img.corpora.records.voices import ENGLISH_VOICES
from speech2img.errors import CheckpointError, ConfigError, SynthesisError
from speech2img.tts.base import Synthesizer
from speech2img.tts.corpus.synthesize import synthesize_corpus
from speech2img.tts.kokoro.engine import KokoroSynthesizer
from speech2img.tts.kokoro.voices import HELD_OUT_VOICES, TRAINING_VOICES

NAMES = sorted((*TRAINING_VOICES, *HELD_OUT_VOICES))
TEXT = "a small red bird"


@pytest.fixture
def model(kokoro_packages: None, tmp_path: Path) -> Path:
    return make_model(tmp_path / "kokoro", NAMES)


def calls() -> list[Any]:
    import kokoro_onnx  # type: ignore[import-not-found, unused-ignore]

    made: list[Any] = kokoro_onnx.Kokoro.calls
    return made


def note(y: np.ndarray) -> float:
    return float(np.fft.rfft(y).__abs__().argmax() * 24_000 / y.size)


def test_it_is_an_engine_that_names_what_decides_its_samples(model: Path) -> None:
    with KokoroSynthesizer(model) as engine:
        assert isinstance(engine, Synthesizer)
        assert engine.name.startswith("kokoro 0.6.9 ") and engine.sample_rate == 24_000
        assert engine.voices() == sorted([*TRAINING_VOICES, *(f"{name}+whisper" for name in TRAINING_VOICES)])
        assert KokoroSynthesizer(model, voices=["bm_lewis"]).name == engine.name


def test_rate_and_pitch_are_followed(model: Path) -> None:
    engine = KokoroSynthesizer(model)
    plain = engine.synthesize(TEXT, voice="af_sky")
    assert plain.dtype == np.float32 and np.abs(plain).max() == pytest.approx(0.5, abs=0.01)
    slow = engine.synthesize(TEXT, voice="af_sky", rate=105)
    assert slow.size / plain.size == pytest.approx(175 / 105, rel=0.01)
    low = engine.synthesize(TEXT, voice="af_sky", pitch=25)
    assert low.size / plain.size == pytest.approx(1.0, rel=0.01)
    assert note(low) / note(plain) == pytest.approx(2 ** (-2 / 12), rel=0.02)
    for rate, speed in ((80, 0.5), (450, 2.0)):
        engine.synthesize(TEXT, voice="bm_lewis", rate=rate)
        assert calls()[-1] == (TEXT, float(NAMES.index("bm_lewis")), speed, "en-gb")
    assert calls()[0] == (TEXT, float(NAMES.index("af_sky")), 1.0, "en-us")


def test_a_whisper_is_the_voice_without_its_note(model: Path) -> None:
    engine = KokoroSynthesizer(model)
    plain, breath = (engine.synthesize(TEXT, voice=name) for name in ("af_sky", "af_sky+whisper"))
    assert breath.shape == plain.shape and (breath == engine.synthesize(TEXT, voice="af_sky+whisper")).all()
    assert np.abs(np.fft.rfft(breath)).max() < 0.3 * np.abs(np.fft.rfft(plain)).max()


def test_voices_of_espeak_become_all_of_the_training_voices_of_their_kind(model: Path) -> None:
    engine = KokoroSynthesizer(model)
    cast = {name: engine.voice_for(name) for name in ENGLISH_VOICES.training}
    assert set(cast.values()) == set(TRAINING_VOICES)
    assert engine.voice_for("en-us+f3")[1] == "f" and engine.voice_for("en-us+m3")[1] == "m"
    assert engine.voice_for("en-us+whisperf").endswith("+whisper") and engine.voice_for("en+whisperf")[1] == "f"
    assert engine.voice_for("af_sky") == "af_sky" and engine.voice_for("af_sky+whisper") == "af_sky+whisper"
    assert {engine.voice_for(name) for name in ENGLISH_VOICES.held_out} <= set(TRAINING_VOICES)


def test_where_held_out_voices_may_speak_they_speak_what_training_never_hears(model: Path) -> None:
    engine = KokoroSynthesizer(model, allow_held_out=True)
    assert {engine.voice_for(name) for name in ENGLISH_VOICES.training} == set(TRAINING_VOICES)
    unheard = (*ENGLISH_VOICES.held_out, *ENGLISH_VOICES.held_out_whispers)
    assert {engine.voice_for(name).removesuffix("+whisper") for name in unheard} <= set(HELD_OUT_VOICES)
    assert engine.voice_for("af_heart") == "af_heart"
    only = KokoroSynthesizer(model, voices=["held-out"], allow_held_out=True)
    assert {only.voice_for(name) for name in ENGLISH_VOICES.training} == set(HELD_OUT_VOICES)


@pytest.mark.parametrize(
    ("voice", "words"),
    [
        ("af_heart", "held out, for measuring only; .*--allow-held-out"),
        ("af_heart+whisper", "held out"),
        ("bm_lewis", "is not among --voices"),
        ("af_skye", "no English voice of Kokoro .*give --voice with one of af_sky"),
        ("jf_alpha", "no English voice"),
        ("de", "no English voice"),
        ("baidu-4", "no English voice"),
        ("", "no English voice"),
    ],
)
def test_a_name_that_nobody_stands_for_is_refused(model: Path, voice: str, words: str) -> None:
    with pytest.raises(SynthesisError, match=words):
        KokoroSynthesizer(model, voices=["af_sky"]).voice_for(voice)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "0 characters"),
        ("a" * 1001, {}, "1001 characters"),
        ("unspeakable", {}, "Kokoro failed .Nothing to synthesize"),
        (TEXT, {"voice": "af_heart"}, "no such voice"),
        (TEXT, {"rate": 79}, "rate 79: out of range"),
        (TEXT, {"pitch": 100}, "pitch 100"),
        (TEXT, {"pitch_range": -1}, "pitch_range -1"),
    ],
)
def test_what_it_cannot_speak_is_told(model: Path, text: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(SynthesisError, match=words):
        KokoroSynthesizer(model).synthesize(text, **{"voice": "af_sky", **options})


def test_a_corpus_is_spoken_and_its_failures_are_listed(model: Path, humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path / "corpus", [TEXT, "a mute bird", "an unspeakable bird"], voice="en-us+f1")
    counts = synthesize_corpus(manifest, engine=KokoroSynthesizer(model), workers=3, progress=False)
    assert (counts.made, counts.failed) == (1, 2)
    again = synthesize_corpus(manifest, engine=KokoroSynthesizer(model), progress=False)
    assert (again.kept, again.given_up) == (1, 2)


def test_a_missing_package_is_told_with_its_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SynthesisError, match='kokoro-onnx is not installed; install it with: pip install "kokoro-onnx'):
        KokoroSynthesizer(tmp_path)


def test_a_package_that_does_not_load_is_told(kokoro_packages: None, tmp_path: Path) -> None:
    (tmp_path / "site" / "kokoro_onnx.py").write_text("raise OSError('libespeak-ng.so: cannot open')")
    with pytest.raises(SynthesisError, match="does not load .libespeak-ng.so"):
        KokoroSynthesizer(make_model(tmp_path / "kokoro", NAMES))


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("<html>", "is no ONNX model that runs .Protobuf parsing failed"),
        ("onnx pixels:tensor(float)", "another model than Kokoro's: it asks for pixels"),
        ("onnx tokens:tensor(int64) style:tensor(float) speed:tensor(int32)", "whole numbers as speed"),
    ],
)
def test_another_file_than_kokoros_is_refused(kokoro_packages: None, tmp_path: Path, inputs: str, words: str) -> None:
    with pytest.raises(CheckpointError, match=f"kokoro-v1.0.onnx: .*{words}"):
        KokoroSynthesizer(make_model(tmp_path / "kokoro", NAMES, inputs=inputs))


def test_voices_that_may_not_speak_are_refused_at_once(model: Path) -> None:
    with pytest.raises(ConfigError, match="--voices: af_heart: held out"):
        KokoroSynthesizer(model, voices=["af_heart"])
