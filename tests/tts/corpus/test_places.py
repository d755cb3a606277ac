"""Where recordings may be written: at their own places, and never over what no call has made."""

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speech2img.corpora.records.items import recorded_caption
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import DataError, DiskFullError, RunInterrupted, Speech2ImgError
from speech2img.storage import atomic
from speech2img.storage.journal import Journal
from speech2img.tts.corpus import places
from speech2img.tts.corpus.synthesize import JOURNAL_NAME, synthesize_corpus

TEXTS = [f"a bird number {number}" for number in range(6)]
Change = Callable[[Manifest, int, str], Manifest]


@pytest.fixture
def corpus(humming: ModuleType, tmp_path: Path) -> Path:
    """A corpus with pictures, whose captions are not spoken yet."""
    root = tmp_path / "corpus"
    manifest = humming.make(root, TEXTS)
    for item in manifest.items:
        (root / item.image).parent.mkdir(parents=True, exist_ok=True)
        (root / item.image).write_bytes(b"a picture")
    manifest.save()
    return root


def with_audio(root: Path, *audio: str) -> Manifest:
    """The corpus with these places for the last captions."""
    lines = (root / "manifest.jsonl").read_text().splitlines()
    items = [json.loads(line) for line in lines[1:]]
    captions = [caption for item in items for caption in item["captions"]]
    for caption, place in zip(captions[-len(audio) :], audio, strict=True):
        caption["audio"] = place
    (root / "manifest.jsonl").write_text("\n".join([lines[0], *map(json.dumps, items)]) + "\n")
    return Manifest.load(root)


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "audio",
    [
        "manifest.jsonl",
        "images/0.jpg",
        "./images/0.jpg",
        "derived/speech/journal.jsonl",
        "derived/speech/run.lock",
        "derived/mels/x.wav",
        "derived/../derived/x.wav",
        "README",
        ".wav",
        "audio/hum/c/0_0.wav",
        "./audio/hum/c/0_0.wav",
        "audio//hum/c/./0_0.wav",
        "audio/hum/c/0_0.WAV",
        "AUDIO/hum/c/0_0.wav",
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_recording_has_a_place_of_its_own(humming: ModuleType, corpus: Path, audio: str, overwrite: bool) -> None:
    with pytest.raises(DataError, match="manifest.jsonl: "):
        synthesize_corpus(with_audio(corpus, audio), engine=humming.Tone(), overwrite=overwrite, progress=False)
    assert not list(corpus.rglob("*.wav"))
    assert (corpus / "images/0.jpg").read_bytes() == b"a picture"


def test_two_ways_to_compose_a_letter_are_one_place(humming: ModuleType, corpus: Path) -> None:
    with pytest.raises(DataError, match="two captions have the same recording"):
        synthesize_corpus(with_audio(corpus, "caf\u00e9.wav", "cafe\u0301.wav"), engine=humming.Tone(), progress=False)


def test_a_picture_and_a_persons_recording_are_no_place(humming: ModuleType, corpus: Path) -> None:
    manifest = Manifest.load(corpus)
    first, *others = manifest.items
    own = replace(first, captions=(recorded_caption(0, "audio/hum/c/2_0.wav"), first.captions[1]))
    odd = replace(first, image="audio/hum/c/2_1.wav")
    for changed in (own, odd):
        with pytest.raises(DataError, match="would replace another file: audio/hum/c/2_"):
            synthesize_corpus(Manifest(corpus, "test", [changed, *others]), engine=humming.Tone(), progress=False)


@pytest.mark.parametrize("audio", ["/tmp/x.wav", "../x.wav", "a/../../x.wav", "./x.wav"])
def test_a_place_given_by_a_program_is_checked_too(humming: ModuleType, corpus: Path, audio: str) -> None:
    (item, *_) = Manifest.load(corpus).items
    changed = replace(item, captions=(replace(item.captions[0], audio=audio),))
    with pytest.raises(DataError, match="no plain path within the corpus"):
        synthesize_corpus(Manifest(corpus, "test", [changed]), engine=humming.Tone(), progress=False)


def test_no_link_leads_out_of_the_corpus(humming: ModuleType, corpus: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (corpus / "audio").symlink_to(outside)
    with pytest.raises(DataError, match="is a link out of the corpus"):
        synthesize_corpus(Manifest.load(corpus), engine=humming.Tone(), progress=False)
    assert not list(outside.iterdir())


def test_links_within_the_corpus_make_no_two_places_of_one(humming: ModuleType, corpus: Path, tmp_path: Path) -> None:
    (corpus / "there").mkdir()
    (corpus / "here").symlink_to("there")
    manifest = with_audio(corpus, "here/a.wav", "there/a.wav")
    with pytest.raises(DataError, match="two captions have the same recording: here/a.wav, there/a.wav"):
        synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    (corpus / "inner").symlink_to("derived")
    with pytest.raises(DataError, match="lies under derived/"):
        synthesize_corpus(with_audio(corpus, "inner/a.wav", "there/a.wav"), engine=humming.Tone(), progress=False)
    whole = tmp_path / "link"
    whole.symlink_to(corpus)
    with_audio(corpus, "here/a.wav", "there/b.wav")
    assert synthesize_corpus(Manifest.load(whole), engine=humming.Tone(), progress=False).made == 6


def test_what_no_call_has_made_stays(humming: ModuleType, corpus: Path, tmp_path: Path) -> None:
    """Neither a person's wav nor a link nor a folder is replaced, with leave to overwrite or without."""
    place = corpus / "audio/hum/c/0_0.wav"
    place.parent.mkdir(parents=True)
    target = tmp_path / "elsewhere.wav"
    target.write_bytes(b"mine")
    for put in (lambda: place.write_bytes(b"mine"), lambda: place.symlink_to(target), place.mkdir):
        put()
        for overwrite in (False, True):
            engine = humming.Tone()
            with pytest.raises(
                DataError, match="not made here is at the place of 1 recordings: audio/hum/c/0_0.wav; move"
            ):
                synthesize_corpus(Manifest.load(corpus), engine=engine, overwrite=overwrite, progress=False)
            assert engine.calls == [] and list(corpus.rglob("*.wav")) == [place]
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
    assert target.read_bytes() == b"mine"


def test_a_wav_like_ours_is_ours_only_if_it_says_the_same(humming: ModuleType, corpus: Path) -> None:
    """What a killed call of an earlier version left is kept; another sound of the same format is not replaced."""
    manifest = Manifest.load(corpus)
    synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    before = content(corpus)
    shutil.rmtree(corpus / "derived")
    assert synthesize_corpus(manifest, engine=humming.Tone(), progress=False).made == 6
    assert {key: data for key, data in content(corpus).items() if key.endswith(".wav")} == {
        key: data for key, data in before.items() if key.endswith(".wav")
    }
    shutil.rmtree(corpus / "derived")
    other = before["audio/hum/c/2_0.wav"][:-2] + b"\1\0"
    (corpus / "audio/hum/c/0_0.wav").write_bytes(other)
    with pytest.raises(DataError, match="at the place of 1 recordings: audio/hum/c/0_0.wav"):
        synthesize_corpus(manifest, engine=humming.Tone(), workers=1, progress=False)
    assert (corpus / "audio/hum/c/0_0.wav").read_bytes() == other


def test_a_failed_caption_removes_no_file_of_others(humming: ModuleType, corpus: Path) -> None:
    manifest = Manifest.load(corpus)
    synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    shutil.rmtree(corpus / "derived")
    mute = humming.make(corpus, ["a mute bird", *TEXTS[1:]])
    assert synthesize_corpus(mute, engine=humming.Tone(), progress=False).failed == 1
    assert (corpus / "audio/hum/c/0_0.wav").exists()


def test_a_place_once_filled_is_known_without_its_line(humming: ModuleType, corpus: Path) -> None:
    """A kill between a recording and its line, and another text afterwards: the recording is made again."""
    manifest = Manifest.load(corpus)
    with pytest.raises(RunInterrupted):
        synthesize_corpus(manifest, engine=humming.Tone(interrupt_at=4), workers=1, progress=False)
    (corpus / JOURNAL_NAME).unlink()
    changed = humming.make(corpus, [text.upper() for text in TEXTS])
    assert synthesize_corpus(changed, engine=humming.Tone(), progress=False).made == 6


def test_lines_of_earlier_versions_are_known_by_any_spelling(humming: ModuleType, corpus: Path) -> None:
    manifest = Manifest.load(corpus)
    synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    journal = corpus / JOURNAL_NAME
    journal.write_text(journal.read_text().replace('"audio/hum/c/0_0', '"./audio//hum/c/0_0'))
    (corpus / "derived/speech/places.json").unlink()
    assert synthesize_corpus(manifest, engine=humming.Tone(), progress=False).kept == 6


@pytest.mark.parametrize("damage", [b"", b"[1", b"{}", b"[[]]", b"\xff", b"[" * 100_000])
def test_a_damaged_list_of_places_claims_nothing(humming: ModuleType, corpus: Path, damage: bytes) -> None:
    manifest = Manifest.load(corpus)
    (corpus / "derived/speech").mkdir(parents=True)
    (corpus / "derived/speech/places.json").write_bytes(damage)
    assert synthesize_corpus(manifest, engine=humming.Tone(), progress=False).made == 6


@pytest.mark.parametrize(
    "line",
    [
        {"status": "done"},
        {"status": "done", "seconds": "long"},
        {"status": "done", "seconds": 1e300},
        {"status": "done", "seconds": True, "bytes": 4},
        {"status": ["done"]},
        {"status": None},
        {"status": "done", "seconds": 1.0, "bytes": "x", "request": {}, "engine": []},
        {"status": "failed", "request": [], "reason": {}},
    ],
)
def test_lines_of_a_journal_that_say_nonsense_count_as_none(
    humming: ModuleType, corpus: Path, line: dict[str, Any]
) -> None:
    manifest = Manifest.load(corpus)
    Journal(corpus / JOURNAL_NAME).add("audio/hum/c/0_0.wav", **line)
    counts = synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    assert (counts.made, counts.failed) == (6, 0)


@given(
    name=st.sampled_from([JOURNAL_NAME, "derived/speech/places.json"]),
    edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 40), st.binary(max_size=12)), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_journal_says_nothing_of_others_is_lost(
    humming: ModuleType, corpus: Path, name: str, edits: list[tuple[int, int, bytes]]
) -> None:
    """A job goes on, or says one error; pictures and a person's wav stay, and no recording says another text."""
    manifest = Manifest.load(corpus)
    for folder in ("audio", "derived"):
        shutil.rmtree(corpus / folder, ignore_errors=True)
    synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
    before = {key: data for key, data in content(corpus).items() if not key.startswith("derived/")}
    data = (corpus / name).read_bytes()
    for at, cut, junk in edits:
        at %= len(data) + 1
        data = data[:at] + junk + data[at + cut :]
    (corpus / name).write_bytes(data)
    with contextlib.suppress(DataError):
        counts = synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
        assert (counts.made + counts.kept + counts.failed + counts.given_up) == 6
    after = content(corpus)
    assert {key: after[key] for key in before if key in after and key.endswith(".wav")}.items() <= before.items()
    assert all(after[key] == before[key] for key in before if not key.endswith(".wav"))


def test_no_room_leaves_nothing_half(humming: ModuleType, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = Path.replace

    def full(part: Path, target: Path) -> Path:
        if part.suffix == ".part" and "2_0" in target.name:
            raise OSError(atomic.NO_ROOM[0], "No space left on device")
        return replaced(part, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskFullError, match="2_0.wav: the disk is full"):
        synthesize_corpus(Manifest.load(corpus), engine=humming.Tone(), workers=1, progress=False)
    assert not list(corpus.rglob("*.part")) and len(Journal(corpus / JOURNAL_NAME).done) == 2
    monkeypatch.undo()
    assert synthesize_corpus(Manifest.load(corpus), engine=humming.Tone(), progress=False).made == 4


@pytest.mark.parametrize("audio", [f"{'n' * 300}.wav", "images/0.jpg/x.wav", "run.lock/x.wav"])
def test_places_that_cannot_be_are_named(humming: ModuleType, corpus: Path, audio: str) -> None:
    (corpus / "run.lock").write_text("")
    with pytest.raises(Speech2ImgError, match=audio[:8]):
        synthesize_corpus(with_audio(corpus, audio), engine=humming.Tone(), progress=False)


def test_a_link_in_place_of_the_unfinished_file_is_not_followed(
    humming: ModuleType, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    named = places.hashlib.sha256(b"0_0.wav").hexdigest()[:16]
    (corpus / "audio/hum/c").mkdir(parents=True)
    (corpus / f"audio/hum/c/.{named}.part").symlink_to(victim)
    assert synthesize_corpus(Manifest.load(corpus), engine=humming.Tone(), progress=False).made == 6
    assert victim.read_bytes() == b"mine"
