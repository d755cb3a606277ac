"""Speaking a corpus: resumable, the same for any number of workers, every wav checked."""

import contextlib
import hashlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from speech2img.audio.io import read_audio
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.errors import ConfigError, DataError, RunInterrupted, SynthesisError
from speech2img.storage.journal import Journal
from speech2img.storage.lock import run_lock
from speech2img.tts.base import BatchSynthesizer, EngineStoppedError, TryLaterError
from speech2img.tts.corpus import synthesize as corpus
from speech2img.tts.corpus.quality import check_speech
from speech2img.tts.corpus.synthesize import FAILURES_NAME, JOURNAL_NAME, synthesize_corpus


def wavs(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*.wav")}


TEXTS = [f"a bird number {number} with {'blue' * (number % 3)} wings" for number in range(14)]


def test_speaks_everything_once(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, TEXTS)
    counts = synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    assert (counts.made, counts.kept, counts.failed) == (14, 0, 0)
    y = read_audio(tmp_path / "audio/hum/c/0_0.wav", sample_rate=16_000)
    assert y.size == pytest.approx(1600 * len(TEXTS[0]), abs=2)
    assert counts.seconds == pytest.approx(0.1 * sum(map(len, TEXTS)), rel=1e-3)
    journal = Journal(tmp_path / JOURNAL_NAME).done
    digests = wavs(tmp_path)
    assert {key: fields["sha256"] for key, fields in journal.items()} == digests
    fields = journal["audio/hum/c/0_0.wav"]
    assert (fields["engine"], fields["voice"], fields["peak"]) == ("tone 1", "hum", pytest.approx(0.3, abs=0.01))
    engine = humming.Tone()
    again = synthesize_corpus(manifest, engine=engine, progress=False)
    assert (again.made, again.kept, engine.calls) == (0, 14, [])
    assert "14 kept" in str(again)


def test_any_worker_count_gives_the_same_files(humming: ModuleType, tmp_path: Path) -> None:
    for workers in (1, 5):
        manifest = humming.make(tmp_path / str(workers), TEXTS)
        synthesize_corpus(manifest, engine=humming.Tone(), workers=workers, progress=False)
    assert wavs(tmp_path / "1") == wavs(tmp_path / "5")


def test_goes_on_after_an_interruption(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, TEXTS)
    with pytest.raises(RunInterrupted, match="of 14 recordings"):
        synthesize_corpus(manifest, engine=humming.Tone(interrupt_at=8), workers=1, progress=False)
    done = len(Journal(tmp_path / JOURNAL_NAME).done)
    assert 1 <= done < 8
    engine = humming.Tone()
    counts = synthesize_corpus(manifest, engine=engine, progress=False)
    assert (counts.kept, counts.made, len(engine.calls)) == (done, 14 - done, 14 - done)
    synthesize_corpus(humming.make(tmp_path / "whole", TEXTS), engine=humming.Tone(), progress=False)
    whole = wavs(tmp_path / "whole")
    assert {name: digest for name, digest in wavs(tmp_path).items() if not name.startswith("whole")} == whole
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("interrupt_at", [None, 12])
def test_the_bar_never_tells_more_than_the_journal(
    interrupt_at: int | None, humming: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[float, int]] = []

    class Bar(corpus.Progress):
        def update(self, n: int = 1, **shown: Any) -> None:
            super().update(n, **shown)
            told.append((self.n, len(Journal(tmp_path / JOURNAL_NAME, shared=True).done)))

    monkeypatch.setattr(corpus, "Progress", Bar)
    monkeypatch.setattr(corpus, "_BATCH_ITEMS", 4)
    with contextlib.suppress(RunInterrupted):
        engine = humming.Tone(interrupt_at=interrupt_at) if interrupt_at else humming.Tone()
        synthesize_corpus(humming.make(tmp_path, TEXTS), engine=engine, workers=1)
    assert len(told) >= 2 and all(shown <= kept for shown, kept in told)
    assert interrupt_at or told[-1] == (14, 14)


def test_what_is_not_trusted_is_made_again(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, TEXTS)
    synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    before = wavs(tmp_path)
    (tmp_path / "audio/hum/c/0_0.wav").write_bytes(b"cut short")
    (tmp_path / "audio/hum/c/0_1.wav").unlink()
    journal = tmp_path / JOURNAL_NAME
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if "c/2_0.wav" not in line) + '{"key": "torn')
    (tmp_path / "audio/hum/c/2_0.wav").write_bytes(b"never reported")
    assert synthesize_corpus(manifest, engine=humming.Tone(), progress=False).made == 3
    assert wavs(tmp_path) == before
    changed = [TEXTS[0].upper(), *TEXTS[1:]]
    assert synthesize_corpus(humming.make(tmp_path, changed), engine=humming.Tone(), progress=False).made == 1
    engine = humming.Tone()
    engine.name = "tone 2"
    assert synthesize_corpus(humming.make(tmp_path, changed), engine=engine, progress=False).made == 14


def test_what_a_killed_call_left_unfinished_is_removed(humming: ModuleType, tmp_path: Path) -> None:
    folder = (tmp_path / JOURNAL_NAME).parent
    folder.mkdir(parents=True)
    (folder / ".places.tmp-656f685f.json").write_text("{")
    (folder / ".note").write_text("mine")
    synthesize_corpus(humming.make(tmp_path, TEXTS[:2]), engine=humming.Tone(), progress=False)
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [".note"]


def test_failures_are_listed_and_tried_again(humming: ModuleType, tmp_path: Path) -> None:
    texts = [*TEXTS[:5], "a mute bird"]
    counts = synthesize_corpus(humming.make(tmp_path, texts), engine=humming.Tone(), progress=False)
    assert (counts.made, counts.failed) == (5, 1)
    assert "1 FAILED" in str(counts)
    (line,) = (tmp_path / FAILURES_NAME).read_text().splitlines()
    assert "silent" in json.loads(line)["reason"]
    assert json.loads(line)["text"] == "a mute bird"
    counts = synthesize_corpus(humming.make(tmp_path, TEXTS[:6]), engine=humming.Tone(), progress=False)
    assert (counts.made, counts.kept, counts.failed) == (1, 5, 0)
    assert not (tmp_path / FAILURES_NAME).exists()


def test_what_failed_for_good_is_left_alone_until_asked(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, [*TEXTS[:5], "a mute bird"])
    synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    (line,) = [fields for fields in Journal(tmp_path / JOURNAL_NAME).done.values() if fields["status"] == "failed"]
    assert (line["engine"], line["voice"]) == ("tone 1", "hum") and "silent" in line["reason"]
    engine = humming.Tone()
    counts = synthesize_corpus(manifest, engine=engine, progress=False)
    assert (counts.made, counts.kept, counts.failed, counts.given_up, engine.calls) == (0, 5, 0, 1, [])
    assert "1 had FAILED before" in str(counts) and "--retry-failed" in str(counts)
    assert len((tmp_path / FAILURES_NAME).read_text().splitlines()) == 1
    counts = synthesize_corpus(manifest, engine=engine, retry_failed=True, progress=False)
    assert (counts.kept, counts.failed, counts.given_up, engine.calls) == (5, 1, 0, ["a mute bird"])


def test_overwriting_speaks_everything_again(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, [*TEXTS[:5], "a mute bird"])
    synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    before = wavs(tmp_path)
    counts = synthesize_corpus(manifest, engine=humming.Tone(), overwrite=True, progress=False)
    assert (counts.made, counts.kept, counts.failed) == (5, 0, 1)
    assert wavs(tmp_path) == before


def test_another_engine_needs_leave_to_replace(humming: ModuleType, tmp_path: Path) -> None:
    """An engine named by mistake destroys nothing; a replacement once begun goes on like any other work."""
    manifest = humming.make(tmp_path, TEXTS)
    synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    before = wavs(tmp_path)
    with pytest.raises(DataError, match="14 by tone 1; give --overwrite"):
        synthesize_corpus(manifest, engine=humming.Choir(), progress=False)
    assert wavs(tmp_path) == before
    whistle = humming.Tone(interrupt_at=8)
    whistle.name = "whistle 1"
    with pytest.raises(RunInterrupted):
        synthesize_corpus(manifest, engine=whistle, overwrite=True, workers=1, progress=False)
    counts = synthesize_corpus(manifest, engine=whistle, progress=False)
    assert (counts.made + counts.kept, counts.failed) == (14, 0) and 1 <= counts.kept < 8
    assert {fields["engine"] for fields in Journal(tmp_path / JOURNAL_NAME).done.values()} == {"whistle 1"}


def test_a_busy_engine_is_asked_again_at_the_end(humming: ModuleType, tmp_path: Path) -> None:
    engine = humming.Tone()
    texts = ["a busy bird", *TEXTS[:3], "a mute, busy bird", "one more"]
    counts = synthesize_corpus(humming.make(tmp_path, texts), engine=engine, workers=1, progress=False)
    assert (counts.made, counts.failed) == (5, 1)
    assert engine.calls == [*texts, "a busy bird", "a mute, busy bird"]
    assert engine.closed == 0


def test_what_may_succeed_later_is_tried_in_the_next_call(humming: ModuleType, tmp_path: Path) -> None:
    class Engaged(humming.Tone):
        def synthesize(self, text: str, **options: Any) -> np.ndarray:
            if "bird" in text:
                raise TryLaterError.about(f"text {text!r}", "the line is busy", "call again")
            return super().synthesize(text, **options)

    manifest = humming.make(tmp_path, ["a bird", "a tree"])
    counts = synthesize_corpus(manifest, engine=Engaged(), progress=False)
    assert (counts.made, counts.failed) == (1, 1)
    assert json.loads((tmp_path / FAILURES_NAME).read_text())["status"] == "later"
    counts = synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    assert (counts.made, counts.kept, counts.failed, counts.given_up) == (1, 1, 0, 0)


def test_a_broken_engine_stops_the_job_and_blames_no_caption(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, [f"tree {number}" for number in range(61)])
    engine = humming.Tone()
    engine.hum = lambda text, voice, pitch: humming.Tone().hum("mute" if len(engine.calls) > 1 else text, voice, pitch)
    with pytest.raises(EngineStoppedError, match="20 captions in a row"):
        synthesize_corpus(manifest, engine=engine, workers=1, progress=False)
    assert len(engine.calls) < 40
    assert engine.closed == 1
    assert len((tmp_path / FAILURES_NAME).read_text().splitlines()) == 20
    counts = synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    assert (counts.made, counts.kept, counts.given_up) == (60, 1, 0)


def test_a_broken_engine_costs_no_recording_that_was_to_be_spoken_anew(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, [f"tree {number}" for number in range(61)])
    synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    before = wavs(tmp_path)
    engine = humming.Tone()
    engine.hum = lambda text, voice, pitch: humming.Tone().hum("mute", voice, pitch)
    with pytest.raises(EngineStoppedError, match="20 captions in a row"):
        synthesize_corpus(manifest, engine=engine, overwrite=True, progress=False)
    assert wavs(tmp_path) == before
    counts = synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    assert (counts.failed, counts.given_up) == (0, 0) and wavs(tmp_path) == before


@pytest.mark.parametrize("engine", ["Tone", "Choir"])
def test_bad_captions_do_not_stop_the_job_however_many(humming: ModuleType, tmp_path: Path, engine: str) -> None:
    texts = [*(f"mute {number}" for number in range(45)), *TEXTS]
    counts = synthesize_corpus(humming.make(tmp_path, texts), engine=getattr(humming, engine)(), progress=False)
    assert (counts.made, counts.failed) == (14, 45)


def test_a_failure_leaves_no_recording_of_the_former_text(humming: ModuleType, tmp_path: Path) -> None:
    synthesize_corpus(humming.make(tmp_path, TEXTS[:2]), engine=humming.Tone(), progress=False)
    synthesize_corpus(humming.make(tmp_path, [TEXTS[0], "mute"]), engine=humming.Tone(), progress=False)
    assert set(wavs(tmp_path)) == {"audio/hum/c/0_0.wav"}


def test_batches_of_like_length_each_text_with_its_seeds(humming: ModuleType, tmp_path: Path) -> None:
    texts = [*TEXTS[:9], "a long way", "an endless way", "a wordless one", "a mute one"]
    choir = humming.Choir()
    assert isinstance(choir, BatchSynthesizer) and not isinstance(humming.Tone(), BatchSynthesizer)
    counts = synthesize_corpus(humming.make(tmp_path, texts), engine=choir, progress=False)
    assert (counts.made, counts.failed) == (10, 3)
    assert all(len(batch) <= 4 for batch in choir.batches) and choir.calls == []
    seeds: dict[str, list[int]] = {}
    for text, seed in sum(choir.batches, []):
        seeds.setdefault(text, []).append(seed)
    assert [seeds[text] for text in texts[8:]] == [[0], [0, 1], [0, 1, 2], [0, 1, 2], [0, 1, 2]]
    first_window = [text for batch in choir.batches[:4] for text, _ in batch]
    assert first_window == sorted(texts, key=len)
    reasons = {
        json.loads(line)["text"]: json.loads(line)["reason"]
        for line in (tmp_path / FAILURES_NAME).read_text().splitlines()
    }
    assert "decoder steps" in reasons["an endless way"] and "nothing to say" in reasons["a wordless one"]
    synthesize_corpus(humming.make(tmp_path / "one", texts), engine=humming.Tone(), progress=False)
    together = {name: digest for name, digest in wavs(tmp_path).items() if not name.startswith("one")}
    assert together.items() <= wavs(tmp_path / "one").items()


def test_one_job_a_corpus_and_one_caption_a_recording(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, TEXTS)
    with run_lock((tmp_path / JOURNAL_NAME).parent), pytest.raises(ConfigError, match="working here"):
        synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    item = manifest.items[0]
    twice = Item("c/x", "x.jpg", 0, "c", "train", None, None, item.captions)
    with pytest.raises(DataError, match="two captions"):
        synthesize_corpus(Manifest(tmp_path, "test", [item, twice]), engine=humming.Tone(), progress=False)
    for workers in (0, 100_000):
        with pytest.raises(SynthesisError, match=f"workers {workers}: .*give 1 to 256"):
            synthesize_corpus(manifest, engine=humming.Tone(), workers=workers, progress=False)


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
        (np.tile(SOUND, 31), "a" * 200, "not plausible"),
        (np.concatenate([SOUND, np.zeros(50_000, np.float32), SOUND]), "a" * 20, "2.3 s of silence"),
        (np.concatenate([SOUND, SOUND * 1e-3, SOUND * 1e-3, SOUND * 1e-3]), "a" * 20, "3.0 s of silence"),
    ],
)
def test_gates(y: np.ndarray, text: str, message: str) -> None:
    check_speech(SOUND, 22_050, "a text")
    with pytest.raises(SynthesisError, match=message):
        check_speech(y, 22_050, text)
