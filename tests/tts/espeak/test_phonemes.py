"""Captions that an engine cannot read: phonemes, which espeak-ng alone speaks, and other languages."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import SynthesisError
from speech2img.tts.base import is_phonemic
from speech2img.tts.corpus.synthesize import JOURNAL_NAME, synthesize_corpus
from speech2img.tts.espeak.engine import EspeakSynthesizer


@pytest.mark.parametrize("text", ["[[t'aka]]", "[[t'aka mil'una]].", "[[t'aka]], [[mil'una]]."])
def test_phonemes(text: str) -> None:
    assert is_phonemic(text)


@pytest.mark.parametrize("text", [
    "", ".", "[[]]", "[[a]", "[a]", "a [[t'aka]]", "[[t'aka]] a", "[[a]][[b]]", "[[a]],[[b]]", "[[a[[b]]]]", "[[a]]..",
    "this bird has a [[red]] crown.", "[[a]],  ", "\n[[a]]", "[[a]]\n",
])  # fmt: skip
def test_everything_else_is_plain_text(text: str) -> None:
    assert not is_phonemic(text)


@given(st.text(alphabet="[]a, .'", max_size=40))
def test_any_text_is_judged(text: str) -> None:
    if is_phonemic(text):
        blocks = text.removesuffix(".").split(", [[")
        assert text.startswith("[[") and text.removesuffix(".").endswith("]]") and all(blocks)


@pytest.mark.skipif(importlib.util.find_spec("espeakng_loader") is None, reason="needs the wheel espeakng-loader")
def test_espeak_speaks_phonemes_only_where_all_is_phonemes() -> None:
    with EspeakSynthesizer() as engine:
        said = engine.synthesize("[[t'aka]].", voice="it")
        assert said.tobytes() != engine.synthesize("t'aka.", voice="it").tobytes()
        assert said.size < engine.synthesize("[[t'aka]], [[mil'una]].", voice="it").size
        mixed = engine.synthesize("a [[t'aka]] b", voice="it")
        assert mixed.tobytes() != engine.synthesize("a b", voice="it").tobytes()


def test_no_other_engine_is_given_phonemes(humming: ModuleType, tmp_path: Path) -> None:
    engine = humming.Tone()
    manifest = humming.make(tmp_path, ["a bird", "[[t'aka mil'una]]."])
    with pytest.raises(SynthesisError, match="captions are phonemes of espeak-ng, which tone cannot read.*espeak"):
        synthesize_corpus(manifest, engine=engine, progress=False)
    assert engine.calls == [] and not (tmp_path / JOURNAL_NAME).exists()


def test_no_engine_is_given_a_language_that_it_cannot_read(humming: ModuleType, tmp_path: Path) -> None:
    engine = humming.Tone()
    manifest = humming.make(tmp_path, ["ein vogel"])
    manifest.meta["language"] = "de"
    with pytest.raises(SynthesisError, match="captions are of the language 'de', tone reads en and hu only; .*espeak"):
        synthesize_corpus(manifest, engine=engine, progress=False)
    assert engine.calls == [] and not (tmp_path / JOURNAL_NAME).exists()
    manifest.meta["language"] = "hu"
    assert synthesize_corpus(manifest, engine=engine, progress=False).made == 1
