"""Typed words are spoken, and what cannot be spoken is a sentence."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from speech2img.app.speakers import Speakers
from speech2img.audio.io import decode_audio
from speech2img.audio.limits import AudioLimits
from speech2img.audio.wav import write_wav
from speech2img.errors import ConfigError, SynthesisError


@pytest.fixture(scope="module")
def speakers() -> Iterator[Speakers]:
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed: nothing can be spoken")
    made = Speakers()
    yield made
    made.close()


def _say(speakers: Speakers, text: str, **given: object) -> bytes:
    return speakers.speak(text, **{"engine": "espeak", "voice": "en-us", **given})  # type: ignore[arg-type]


def test_words_become_a_recording(speakers: Speakers) -> None:
    wav = _say(speakers, "a small\nred   bird")
    sound = decode_audio("x", wav, AudioLimits())
    assert 0.5 < len(sound.mono) / sound.rate < 5
    assert wav == _say(speakers, "a small red bird") != _say(speakers, "a small red bird", rate=300)
    assert _say(speakers, "a bird 🐦 in the snow")


@pytest.mark.parametrize("text", ["", "  \n "])
def test_no_words(speakers: Speakers, text: str) -> None:
    with pytest.raises(ConfigError, match="text: is empty; type what you see"):
        _say(speakers, text)


def test_too_many_letters(speakers: Speakers) -> None:
    with pytest.raises(ConfigError, match="text: 5,000 letters; use at most 500"):
        _say(speakers, "a" * 5000)


def test_what_takes_too_long_to_say(speakers: Speakers) -> None:
    with pytest.raises(SynthesisError, match="s to say, 30 s at most are heard; shorten it, or speak faster"):
        _say(speakers, "hummingbirds " * 38, rate=80)


@pytest.mark.parametrize("voice", ["klingon", "en-us+", "../../etc", ""])
def test_no_such_voice(speakers: Speakers, voice: str) -> None:
    with pytest.raises(SynthesisError, match="espeak-ng has no such voice"):
        _say(speakers, "a bird", voice=voice)


def test_no_such_engine(speakers: Speakers) -> None:
    with pytest.raises(ConfigError, match="the engine 'kokoro' is not ready here; choose espeak"):
        _say(speakers, "a bird", engine="kokoro")
    assert speakers.engines() == ["espeak"] and speakers.voices("espeak")[0] == "en-us"


def test_where_nothing_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match="'espeak' is not ready here; pip install \"espeakng-loader>=0.2\", then start"
    ):
        _say(Speakers(), "a bird")


@pytest.mark.parametrize("given", ["kokoro", "kokoro=", "espeak=x", "nothing=x", ""])
def test_models_of_voices_are_given_by_engine(given: str) -> None:
    with pytest.raises(ConfigError, match="--voice-model: .*; give ENGINE=FOLDER or command=LINE, ENGINE being one of"):
        Speakers([given])


def test_an_engine_with_a_model_is_offered() -> None:
    assert Speakers(["kokoro=voices"]).engines()[-1] == "kokoro"


def test_any_program_speaks(tmp_path: Path) -> None:
    write_wav(tmp_path / "said.wav", np.sin(np.arange(16_000) / 5).astype(np.float32), sample_rate=16_000)
    program = Speakers([f"command=cp {tmp_path / 'said.wav'} {{wav}}"])
    assert program.engines()[-1] == "command" and program.offered("command") == ("cp", ["cp"])
    assert len(decode_audio("x", program.speak("a bird", engine="command", voice="cp"), AudioLimits()).mono) == 16_000
    asks = Speakers(["command=cp {voice} {wav}"])
    assert asks.offered("command") == ("", [])  # the program alone knows its voices


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed: apt-get install flite")
def test_flite_speaks() -> None:
    wav = Speakers(["command=flite -t {text} -o {wav}"]).speak("a small red bird", engine="command", voice="flite")
    sound = decode_audio("x", wav, AudioLimits())
    assert 0.5 < len(sound.mono) / sound.rate < 5
