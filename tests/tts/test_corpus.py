"""Speaking a corpus: resumable, the same for any number of workers, every wav checked."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.io import read_audio
from speech2img.corpora.items import recorded_caption
from speech2img.corpora.manifest import Caption, Item, Manifest
from speech2img.errors import ConfigError, DataError, RunInterrupted, SynthesisError
from speech2img.storage.journal import Journal
from speech2img.storage.lock import run_lock
from speech2img.tts.corpus import FAILURES_NAME, JOURNAL_NAME, synthesize_corpus
from speech2img.tts.jobs import CORPUS_SAMPLE_RATE
from speech2img.tts.quality import check_speech


class Tone:
    """An engine that hums one note a word and keeps account of its calls."""

    name = "tone 1"
    sample_rate = 22_050

    def __init__(self, *, interrupt_at: int | None = None) -> None:
        self.calls: list[str] = []
        self.interrupt_at = interrupt_at

    def voices(self) -> list[str]:
        return ["hum"]

    def voice_for(self, voice: str) -> str:
        return voice

    def close(self) -> None:
        pass

    def synthesize(
        self, text: str, *, voice: str, rate: int = 175, pitch: int = 50, pitch_range: int = 50
    ) -> np.ndarray:
        self.calls.append(text)
        if len(self.calls) == self.interrupt_at:
            raise KeyboardInterrupt
        if "mute" in text:
            return np.zeros(22_050, np.float32)
        t = np.arange(int(22_050 * 0.1 * len(text))) / 22_050
        return (0.3 * np.sin(2 * np.pi * (100 + len(text) + pitch) * t)).astype(np.float32)


def make(root: Path, texts: list[str]) -> Manifest:
    items = []
    for number in range(0, len(texts), 2):
        captions = tuple(
            Caption(k, text, "hum", f"audio/hum/c/{number}_{k}.wav", 175, 50, 50, {}, None)
            for k, text in enumerate(texts[number : number + 2])
        )
        items.append(Item(f"c/{number}", f"images/{number}.jpg", 0, "c", "train", None, None, captions))
    return Manifest(root, "test", items)


def wavs(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*.wav")}


TEXTS = [f"a bird number {number} with {'blue' * (number % 3)} wings" for number in range(14)]


def test_speaks_everything_once(tmp_path: Path) -> None:
    manifest = make(tmp_path, TEXTS)
    counts = synthesize_corpus(manifest, engine=Tone(), progress=False)
    assert (counts.made, counts.kept, counts.failed) == (14, 0, 0)
    y = read_audio(tmp_path / "audio/hum/c/0_0.wav", sample_rate=16_000)
    assert y.size == pytest.approx(1600 * len(TEXTS[0]), abs=2)
    assert counts.seconds == pytest.approx(0.1 * sum(map(len, TEXTS)), rel=1e-3)
    journal = Journal(tmp_path / JOURNAL_NAME).done
    digests = wavs(tmp_path)
    assert {key: fields["sha256"] for key, fields in journal.items()} == digests
    fields = journal["audio/hum/c/0_0.wav"]
    assert (fields["engine"], fields["voice"], fields["peak"]) == ("tone 1", "hum", pytest.approx(0.3, abs=0.01))
    engine = Tone()
    again = synthesize_corpus(manifest, engine=engine, progress=False)
    assert (again.made, again.kept, engine.calls) == (0, 14, [])
    assert "14 kept" in str(again)


def test_any_worker_count_gives_the_same_files(tmp_path: Path) -> None:
    for workers in (1, 5):
        synthesize_corpus(make(tmp_path / str(workers), TEXTS), engine=Tone(), workers=workers, progress=False)
    assert wavs(tmp_path / "1") == wavs(tmp_path / "5")


def test_goes_on_after_an_interruption(tmp_path: Path) -> None:
    manifest = make(tmp_path, TEXTS)
    with pytest.raises(RunInterrupted, match="of 14 recordings"):
        synthesize_corpus(manifest, engine=Tone(interrupt_at=8), workers=1, progress=False)
    done = len(Journal(tmp_path / JOURNAL_NAME).done)
    assert 1 <= done < 8
    engine = Tone()
    counts = synthesize_corpus(manifest, engine=engine, progress=False)
    assert (counts.kept, counts.made, len(engine.calls)) == (done, 14 - done, 14 - done)
    synthesize_corpus(make(tmp_path / "whole", TEXTS), engine=Tone(), progress=False)
    whole = wavs(tmp_path / "whole")
    assert {name: digest for name, digest in wavs(tmp_path).items() if not name.startswith("whole")} == whole
    assert not list(tmp_path.rglob("*.part"))


def test_what_is_not_trusted_is_made_again(tmp_path: Path) -> None:
    manifest = make(tmp_path, TEXTS)
    synthesize_corpus(manifest, engine=Tone(), progress=False)
    before = wavs(tmp_path)
    (tmp_path / "audio/hum/c/0_0.wav").write_bytes(b"cut short")
    (tmp_path / "audio/hum/c/0_1.wav").unlink()
    journal = tmp_path / JOURNAL_NAME
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if "c/2_0.wav" not in line) + '{"key": "torn')
    (tmp_path / "audio/hum/c/2_0.wav").write_bytes(b"never reported")
    assert synthesize_corpus(manifest, engine=Tone(), progress=False).made == 3
    assert wavs(tmp_path) == before
    changed = [TEXTS[0].upper(), *TEXTS[1:]]
    assert synthesize_corpus(make(tmp_path, changed), engine=Tone(), progress=False).made == 1
    engine = Tone()
    engine.name = "tone 2"
    assert synthesize_corpus(make(tmp_path, changed), engine=engine, progress=False).made == 14


def test_failures_are_listed_and_tried_again(tmp_path: Path) -> None:
    texts = [*TEXTS[:5], "a mute bird"]
    counts = synthesize_corpus(make(tmp_path, texts), engine=Tone(), progress=False)
    assert (counts.made, counts.failed) == (5, 1)
    assert "1 FAILED" in str(counts)
    (line,) = (tmp_path / FAILURES_NAME).read_text().splitlines()
    assert "silent" in json.loads(line)["reason"]
    assert json.loads(line)["text"] == "a mute bird"
    counts = synthesize_corpus(make(tmp_path, TEXTS[:6]), engine=Tone(), progress=False)
    assert (counts.made, counts.kept, counts.failed) == (1, 5, 0)
    assert not (tmp_path / FAILURES_NAME).exists()


def test_a_broken_engine_stops_the_job(tmp_path: Path) -> None:
    texts = ["mute " * (1 + number) for number in range(60)]
    engine = Tone()
    with pytest.raises(SynthesisError, match="20 captions in a row"):
        synthesize_corpus(make(tmp_path, texts), engine=engine, workers=1, progress=False)
    assert len(engine.calls) < 40
    assert len((tmp_path / FAILURES_NAME).read_text().splitlines()) == 20


def test_one_job_a_corpus_and_one_caption_a_recording(tmp_path: Path) -> None:
    manifest = make(tmp_path, TEXTS)
    with run_lock((tmp_path / JOURNAL_NAME).parent), pytest.raises(ConfigError, match="working here"):
        synthesize_corpus(manifest, engine=Tone(), progress=False)
    item = manifest.items[0]
    twice = Item("c/x", "x.jpg", 0, "c", "train", None, None, item.captions)
    with pytest.raises(DataError, match="two captions"):
        synthesize_corpus(Manifest(tmp_path, "test", [item, twice]), engine=Tone(), progress=False)
    with pytest.raises(SynthesisError, match="workers 0"):
        synthesize_corpus(manifest, engine=Tone(), workers=0, progress=False)


def test_captions_without_a_place_are_left_alone(tmp_path: Path) -> None:
    silent = Caption(0, "unspoken", "hum", None, 175, 50, 50, {}, None)
    manifest = Manifest(tmp_path, "test", [Item("c/0", "0.jpg", 0, "c", "train", None, None, (silent,))])
    engine = Tone()
    assert synthesize_corpus(manifest, engine=engine, progress=False).made == 0
    assert engine.calls == []


def test_what_a_person_recorded_is_left_alone(tmp_path: Path) -> None:
    """One person's recording may even belong to two pictures."""
    captions = (recorded_caption(0, "mine.ogg", text="my words"), Caption(1, "its words", "hum", "b.wav", 175, 50, 50,
                                                                          {}, None))
    items = [Item("c/0", "0.jpg", 0, "c", "train", None, None, captions),
             Item("c/1", "1.jpg", 0, "c", "train", None, None, captions[:1])]
    engine = Tone()
    counts = synthesize_corpus(Manifest(tmp_path, "test", items), engine=engine, progress=False)
    assert (counts.made, counts.kept, engine.calls) == (1, 0, ["its words"])
    assert not (tmp_path / "mine.ogg").exists()


SOUND = (0.3 * np.sin(np.arange(22_050) / 20)).astype(np.float32)


@pytest.mark.parametrize(
    ("y", "text", "message"),
    [
        (np.zeros(0, np.float32), "text", "no finite mono sound"),
        (np.full(9000, np.nan, np.float32), "text", "no finite mono sound"),
        (np.zeros((2, 9000), np.float32), "text", "no finite mono sound"),
        (SOUND * 1e-3, "text", "silent"),
        (np.sign(SOUND), "text", "clipped"),
        (SOUND[:300], "text", "not plausible"),
        (np.tile(SOUND, 9), "text", "not plausible"),
        (SOUND, "a" * 100, "not plausible"),
    ],
)
def test_gates(y: np.ndarray, text: str, message: str) -> None:
    check_speech(SOUND, 22_050, "a text")
    with pytest.raises(SynthesisError, match=message):
        check_speech(y, 22_050, text)


def test_espeak_speaks_a_corpus(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    from speech2img.tts.espeak import EspeakSynthesizer

    manifest = make(tmp_path, TEXTS[:4])
    items = [
        Item(i.id, i.image, 0, "c", "train", None, None, tuple(
            Caption(c.index, c.text, "en-us+whisper", c.audio, 150, 40, 30, {}, "whispered") for c in i.captions))
        for i in manifest.items
    ]
    with EspeakSynthesizer() as engine:
        counts = synthesize_corpus(Manifest(tmp_path, "test", items), engine=engine, progress=False)
    assert (counts.made, counts.failed) == (4, 0)
    assert read_audio(tmp_path / "audio/hum/c/0_0.wav", sample_rate=16_000).size > 16_000
    assert CORPUS_SAMPLE_RATE == 16_000
