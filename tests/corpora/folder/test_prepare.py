"""The user's own folder end to end: the documented example, real recordings, and what is refused."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from helpers.own_folder import write_file

from speech2img.audio.mel import MEL_PRESETS
from speech2img.corpora.folder.guide import EXAMPLE
from speech2img.corpora.folder.prepare import prepare_folder
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import read_split_pickles
from speech2img.errors import ConfigError, DataError
from speech2img.features.stores import mel_store


def prepare(root: Path, **options) -> Manifest:
    return prepare_folder(root, progress=False, **options)


def test_the_example_of_the_help(example):
    manifest = prepare(example)
    assert Manifest.load(example).items == manifest.items
    assert Counter(item.split for item in manifest.items) == {"train": 6, "val": 1, "test_seen": 1}
    assert Counter(item.class_name for item in manifest.items) == {"robin": 4, "wren": 4}
    captions = {item.id: item.captions for item in manifest.items}
    assert [caption.audio for caption in captions["robin/one"]] == ["robin/one_0.wav", "robin/one_1.mp3"]
    assert [(caption.recorded, caption.text) for caption in captions["robin/three"]] == [
        (True, "line 0 of three"),
        (False, "line 1 of three"),
    ]
    assert [caption.recorded for caption in captions["wren/one"]] == [True, False]
    unspoken = captions["robin/four"]
    assert [caption.recorded for caption in unspoken] == [False, False]
    assert all(re.fullmatch(r"spoken/[\w-]+/robin/four_[01].wav", caption.audio) for caption in unspoken)
    speech = manifest.meta["speech"]
    assert (speech["recordings"], speech["speakers"]) == (8, 0) and len(speech["sample_rates"]) > 3
    assert manifest.meta["leaks"]["found"] == []


def test_files_of_the_peers(example):
    manifest = prepare(example)
    for split in manifest.splits:
        items = manifest.split(split)
        assert read_split_pickles(example / split) == [(item.id, item.class_id + 1) for item in items]
        written = json.loads((example / f"{split}.json").read_text())
        for item, row in zip(items, written["data"], strict=True):
            assert (example / written["image_base_path"] / row["image"]).is_file()
            assert row["audio"] == [caption.audio for caption in item.captions]


def test_every_format_and_rate_becomes_a_mel(example):
    """Recordings of people go into the mel store as they lie: wav, flac, ogg, mp3, 8 to 48 kHz, one rate after it."""
    manifest = prepare(example, recorded_only=True)
    store = mel_store(manifest, preset="li2020", progress=False)
    assert len(store.ids) == 8 and {Path(name).suffix for name in re.findall(r"\S+", EXAMPLE)} > {".flac", ".ogg"}
    frames = MEL_PRESETS["li2020"].num_frames(8000)
    assert all(abs(length - frames) <= 15 for length in store.lengths)


def test_again_without_a_change(example):
    first = prepare(example)
    mel = example / "derived"
    mel.mkdir(exist_ok=True)
    write_file(mel / "stray.wav", 0)
    assert prepare(example).items == first.items
    assert prepare(example, seed=1).items != first.items


def test_again_with_another_split(example):
    """A part that is no more leaves nothing behind: its pictures are now trained on. What is not ours stays."""
    prepare(example)
    (example / "test_seen" / "notes.txt").write_text("mine")
    kept = json.loads((example / "val.json").read_text())
    manifest = prepare(example, val=0.0, test=0.0)
    assert manifest.splits == ["train"]
    assert len(read_split_pickles(example / "train")) == 8
    assert not list(example.glob("val*")) and not (example / "test_seen.json").exists()
    assert [path.name for path in (example / "test_seen").iterdir()] == ["notes.txt"]
    (example / "val.json").write_text(json.dumps({**kept, "image_feature_path": "val/of_another_program.pickle"}))
    prepare(example, val=0.0, test=0.0)
    assert (example / "val.json").is_file()


def test_what_goes_by_position_does_not_outlive_the_list(example, caplog):
    prepare(example, val=0.0, test=0.0)
    ours = [
        "train/image_features_teacher.pickle",
        "derived/embeddings/enc/speech_embeddings_train.pickle",
        "derived/embeddings/enc/train/audio_features_enc.pickle",
        "derived/embeddings/enc/train/audio_features_lens_enc.pickle",
    ]
    others = ["train/image_features_googlenet.pickle", "derived/features-teacher.h5", "derived/embeddings/enc/other"]
    for name in ours + others:
        (example / name).parent.mkdir(parents=True, exist_ok=True)
        (example / name).write_bytes(b"values")
    prepare(example, val=0.0, test=0.0)
    assert all((example / name).is_file() for name in ours + others) and not caplog.text
    prepare(example)
    assert not any((example / name).exists() for name in ours) and all((example / name).is_file() for name in others)
    assert all(name in caplog.text for name in ours) and "image_features_googlenet.pickle belongs to" in caplog.text


def table(root: Path, rows: list[dict[str, str]], name: str = "items.csv") -> None:
    with (root / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def speakers(root: Path, count: int = 12) -> Path:
    rows = []
    for number in range(count):
        image, audio = f"{'ab'[number % 2]}/{number}.png", f"sound/{number}.wav"
        write_file(root / image, number)
        write_file(root / audio, number)
        rows.append({"image": image, "audio": audio, "speaker": ["Ada", "Ben", "Cyd"][number % 3]})
    table(root, rows)
    return root


def test_speaker_disjoint(tmp_path):
    manifest = prepare(speakers(tmp_path), split_by="speaker", test=0.3, val=0.3)
    sides = {(caption.speaker, item.split) for item in manifest.items for caption in item.captions}
    assert len(sides) == 3 and {split for _, split in sides} == {"train", "val", "test_seen"}
    assert manifest.meta["leaks"]["found"] == [] and "speaker" in manifest.meta["leaks"]["checked"]
    heard = {item.split: {caption.held_out_voice for caption in item.captions} for item in manifest.items}
    assert heard == {"train": {False}, "val": {True}, "test_seen": {True}}


def test_named_speakers_are_held_out(tmp_path):
    manifest = prepare(speakers(tmp_path), test_speakers=("Cyd",))
    tested = manifest.split("test_seen")
    assert len(tested) == 4 and {caption.voice for item in tested for caption in item.captions} == {"Cyd"}
    with pytest.raises(ConfigError, match="--test-speakers: contradicts --split-by item"):
        prepare(tmp_path, test_speakers=("Cyd",), split_by="item")


def test_leaks_are_told(tmp_path):
    speakers(tmp_path)
    sounds = [f"sound/{number % 11}.wav" for number in range(12)]
    table(
        tmp_path,
        [
            {
                "image": f"{'ab'[number % 2]}/{number}.png",
                "audio": sounds[number],
                "speaker": "Ada",
                "split": "test" if number > 9 else "train",
            }
            for number in range(12)
        ],
    )
    (tmp_path / "a/10.png").write_bytes((tmp_path / "a/2.png").read_bytes())
    manifest = prepare(tmp_path)
    found = {leak["kind"]: (leak["shared"], leak["affected"]) for leak in manifest.meta["leaks"]["found"]}
    assert found == {"picture": (1, 1), "utterance": (1, 1), "speaker": (1, 2)}
    assert any("no validation part" in note for note in manifest.meta["notes"])


def test_unusable_files_are_all_named_or_left_out(example):
    (example / "robin/two.flac").write_bytes(b"fLaC nonsense")
    (example / "wren/two.wav").write_bytes((example / "wren/two.wav").read_bytes()[:500])
    (example / "wren/three.webp").write_bytes(b"")
    with pytest.raises(DataError, match="3 of 16 files cannot be used.*wren/three.webp.*; repair or remove") as error:
        prepare(example)
    assert "robin/two.flac" in str(error.value) and not (example / "manifest.jsonl").exists()
    listed = (example / "derived/prepare/unusable.txt").read_text().splitlines()
    assert [line.split("\t")[0] for line in listed] == ["wren/three.webp", "robin/two.flac", "wren/two.wav"]
    manifest = prepare(example, leave_out_unusable=True)
    assert {item.id for item in manifest.items} == {"robin/one", "robin/three", "robin/four", "wren/one", "wren/four"}
    assert any(note.startswith("3 files were left out") for note in manifest.meta["notes"])
    assert any(note.startswith("2 pictures without a caption were left out") for note in manifest.meta["notes"])


def test_table_that_names_missing_files(tmp_path):
    speakers(tmp_path)
    (tmp_path / "sound/3.wav").unlink()
    with pytest.raises(DataError, match=r"1 of 24 files cannot be used: sound/3.wav: No such file"):
        prepare(tmp_path)


def test_pictures_only_and_other_options(example, tree):
    for path in [
        *example.rglob("*.wav"),
        *example.rglob("*.mp3"),
        *example.rglob("*.ogg"),
        *example.rglob("*.flac"),
        *example.rglob("*.txt"),
    ]:
        path.unlink()
    manifest = prepare(example, classes="none")
    assert len(manifest) == 8 and len(manifest.class_names) == 8
    assert any("pictures only" in note for note in manifest.meta["notes"])
    assert {item.split for item in manifest.items} == {"train", "val", "test"}
    with pytest.raises(DataError, match="no picture has a recording"):
        prepare(example, recorded_only=True)
    with pytest.raises(ConfigError, match="shares 0.6 and 0.5"):
        prepare(example, test=0.6, val=0.5)
    with pytest.raises(ConfigError, match="not a table of this folder"):
        prepare(example, table="../items.csv")


def test_other_corpora_are_left_alone(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        prepare(tmp_path / "nowhere")
    Manifest(tmp_path, "songbirds", []).save()
    with pytest.raises(ConfigError, match="holds the corpus songbirds"):
        prepare(tmp_path)


def test_languages_get_their_own_voice(tmp_path):
    write_file(tmp_path / "a.png", 0)
    write_file(tmp_path / "b.png", 1)
    table(
        tmp_path,
        [
            {"image": "a.png", "text": "ein Vogel", "language": "de", "split": "train"},
            {"image": "b.png", "text": "a bird", "language": "", "split": "test"},
        ],
    )
    german, english = (item.captions[0] for item in prepare(tmp_path).items)
    assert (german.voice, german.language, german.audio) == ("de", "de", "spoken/de/a_0.wav")
    assert english.voice.startswith("en") and english.language == "en"
