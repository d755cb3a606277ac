"""Which voices speak a corpus, and what is left alone."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from speech2img.audio.io import read_audio
from speech2img.corpora.records.items import recorded_caption
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.errors import SynthesisError
from speech2img.tts.corpus.jobs import CORPUS_SAMPLE_RATE
from speech2img.tts.corpus.synthesize import FAILURES_NAME, synthesize_corpus

from .test_synthesize import TEXTS, wavs


def test_the_manifest_takes_the_voices_of_the_engine(humming: ModuleType, tmp_path: Path) -> None:
    """Voices that stand for others are in the manifest at last, and none is called unheard that training hears."""
    held = replace(humming.make(tmp_path, TEXTS[:2], voice="en-gb", split="test").items[0], id="t/0")
    held = replace(
        held,
        captions=tuple(
            replace(caption, held_out_voice=True, audio=f"t/en-gb/{caption.index}.wav") for caption in held.captions
        ),
    )
    manifest = Manifest(tmp_path, "test", [*humming.make(tmp_path, TEXTS[:4], voice="en-us+f3").items, held])
    manifest.save()
    counts = synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    assert counts.made == 6
    spoken = Manifest.load(tmp_path)
    captions = [caption for item in spoken.items for caption in item.captions]
    assert {caption.voice for caption in captions} == {"hum"}
    assert [caption.audio for caption in captions][-1] == "t/hum/1.wav"
    assert not any(caption.held_out_voice for caption in captions)
    assert set(wavs(tmp_path)) == {caption.audio for caption in captions}
    assert synthesize_corpus(spoken, engine=humming.Tone(), progress=False).kept == 6
    assert synthesize_corpus(manifest, engine=humming.Tone(), progress=False).kept == 6


def test_one_voice_for_all(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, TEXTS)
    synthesize_corpus(manifest, engine=humming.Tone(), voice="low", progress=False)
    assert {caption.voice for item in Manifest.load(tmp_path).items for caption in item.captions} == {"low"}
    assert all(name.startswith("audio/low/") for name in wavs(tmp_path))
    with pytest.raises(SynthesisError, match="hums no such voice"):
        synthesize_corpus(manifest, engine=humming.Tone(), voice="loud", progress=False)


def test_captions_in_a_voice_that_is_not_there_are_listed(humming: ModuleType, tmp_path: Path) -> None:
    strange = humming.make(tmp_path, ["a bird", "a tree"], voice="martian").items[0]
    manifest = Manifest(tmp_path, "test", [replace(strange, id="x/0"), *humming.make(tmp_path, TEXTS).items])
    for _ in range(2):
        counts = synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
        assert (counts.made + counts.kept, counts.failed) == (14, 2)
    assert "hums no such voice" in (tmp_path / FAILURES_NAME).read_text()
    with pytest.raises(SynthesisError, match="hums no such voice"):
        synthesize_corpus(Manifest(tmp_path, "test", [strange]), engine=humming.Tone(), progress=False)


def test_captions_without_a_place_are_left_alone(humming: ModuleType, tmp_path: Path) -> None:
    silent = Caption(0, "unspoken", "hum", None, 175, 50, 50, {}, None)
    manifest = Manifest(tmp_path, "test", [Item("c/0", "0.jpg", 0, "c", "train", None, None, (silent,))])
    engine = humming.Tone()
    assert synthesize_corpus(manifest, engine=engine, progress=False).made == 0
    assert engine.calls == []


def test_what_a_person_recorded_is_left_alone(humming: ModuleType, tmp_path: Path) -> None:
    """One person's recording may even belong to two pictures."""
    captions = (
        recorded_caption(0, "mine.ogg", text="my words"),
        Caption(1, "its words", "hum", "b.wav", 175, 50, 50, {}, None),
    )
    items = [
        Item("c/0", "0.jpg", 0, "c", "train", None, None, captions),
        Item("c/1", "1.jpg", 0, "c", "train", None, None, captions[:1]),
    ]
    engine = humming.Tone()
    counts = synthesize_corpus(Manifest(tmp_path, "test", items), engine=engine, progress=False)
    assert (counts.made, counts.kept, engine.calls) == (1, 0, ["its words"])
    assert not (tmp_path / "mine.ogg").exists()


def test_espeak_speaks_a_corpus(humming: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed")
    from speech2img.tts.espeak.engine import EspeakSynthesizer

    manifest = humming.make(tmp_path, TEXTS[:4])
    items = [
        Item(
            i.id,
            i.image,
            0,
            "c",
            "train",
            None,
            None,
            tuple(Caption(c.index, c.text, "en-us+whisper", c.audio, 150, 40, 30, {}, "whispered") for c in i.captions),
        )
        for i in manifest.items
    ]
    with EspeakSynthesizer() as engine:
        counts = synthesize_corpus(Manifest(tmp_path, "test", items), engine=engine, progress=False)
    assert (counts.made, counts.failed) == (4, 0)
    assert read_audio(tmp_path / "audio/hum/c/0_0.wav", sample_rate=16_000).size > 16_000
    assert CORPUS_SAMPLE_RATE == 16_000
