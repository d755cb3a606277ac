"""Making the songbirds corpus: complete, resumable, the same bytes whoever draws, never on top of another corpus."""

import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from speech2img.corpora.records.facts import META_KEY
from speech2img.corpora.records.items import item_to_dict
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import read_split_pickles
from speech2img.corpora.records.voices import (
    HELD_OUT_VOICES,
    HELD_OUT_WHISPERS,
    TRAINING_VOICES,
    TRAINING_WHISPERS,
    voice_folder,
)
from speech2img.corpora.songbirds import prepare as build
from speech2img.corpora.songbirds.attributes import ATTRIBUTES, FACTS
from speech2img.corpora.songbirds.prepare import plan_songbirds, prepare_songbirds, split_sizes
from speech2img.errors import ConfigError, DataError, DiskFullError


def hashes(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Manifest:
    return prepare_songbirds(tmp_path_factory.mktemp("tiny"), size="tiny", workers=1, progress=False)


@pytest.fixture(scope="module")
def small() -> Manifest:
    return plan_songbirds("nowhere", size="small")


def test_layout(tiny):
    names = (tiny.root / "CUB_200_2011/images.txt").read_text().splitlines()
    assert names == [f"{number} {item.id}.jpg" for number, item in enumerate(tiny.items, start=1)]
    labels = (tiny.root / "CUB_200_2011/image_class_labels.txt").read_text().split()
    assert labels[1::2] == [str(number) for number in range(1, 9) for _ in range(6)]
    classes = (tiny.root / "CUB_200_2011/classes.txt").read_text().splitlines()
    assert classes == [f"{number} {name}" for number, name in enumerate(tiny.class_names, start=1)]
    assert len((tiny.root / "CUB_200_2011/bounding_boxes.txt").read_text().splitlines()) == 48
    for item in tiny.items:
        assert item.image == f"CUB_200_2011/images/{item.id}.jpg"
        assert (tiny.root / "text" / f"{item.id}.txt").read_text().splitlines() == [c.text for c in item.captions]
        with Image.open(tiny.root / item.image) as picture:
            assert (picture.format, picture.size, picture.mode) == ("JPEG", (256, 256), "RGB")
        x, y, width, height = item.box
        assert 0 <= x < x + width <= 256 and 0 <= y < y + height <= 256
    assert Manifest.load(tiny.root).items == tiny.items
    assert Manifest.load(tiny.root).meta == tiny.meta


def test_split_files(tiny):
    assert Counter(item.split for item in tiny.items) == {"train": 24, "val": 6, "test_seen": 6, "test": 12}
    for split in tiny.splits:
        items = tiny.split(split)
        assert read_split_pickles(tiny.root / split) == [(item.id, item.class_id + 1) for item in items]
        published = json.loads((tiny.root / f"{split}.json").read_text())
        first, item = published["data"][0], items[0]
        assert (tiny.root / published["image_base_path"] / first["image"]).is_file()
        assert int(first["class"].split(".")[0]) - 1 == item.class_id
        assert first["text"] == [caption.text for caption in item.captions] and len(first["audio"]) == 10
        assert f"{published['audio_base_path']}/{first['audio'][3]}" == item.captions[3].audio


def test_same_bytes_whatever_the_workers_and_however_often_interrupted(tiny, tmp_path, monkeypatch):
    drawn = []
    write = build.write_quickly

    def full_after_five(path, data):
        if len(drawn) == 5:
            raise DiskFullError.about(path, "the disk is full", "free some space")
        drawn.append(path)
        write(path, data)

    with monkeypatch.context() as patch, pytest.raises(DiskFullError):
        patch.setattr(build, "write_quickly", full_after_five)
        prepare_songbirds(tmp_path, size="tiny", workers=1, progress=False)
    assert not (tmp_path / "manifest.jsonl").exists()
    drawn[0].write_bytes(drawn[0].read_bytes()[:1000])
    kept = drawn[1].stat().st_mtime_ns
    prepare_songbirds(tmp_path, size="tiny", workers=2, progress=False)
    assert drawn[1].stat().st_mtime_ns == kept
    assert hashes(tmp_path) == hashes(tiny.root)


def test_a_killed_worker_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "render_bird", lambda *args, **kwargs: os._exit(1))
    with pytest.raises(DataError, match="a working process: it was killed.*fewer --workers"):
        prepare_songbirds(tmp_path, size="tiny", workers=2, progress=False)


def test_a_lost_picture_is_drawn_again(tiny):
    path = tiny.root / tiny.items[7].image
    content = path.read_bytes()
    path.unlink()
    assert prepare_songbirds(tiny.root, size="tiny", workers=1, progress=False).items == tiny.items
    assert path.read_bytes() == content


def test_pictures_differ(tiny):
    pixels = np.stack([np.asarray(Image.open(tiny.root / item.image).resize((8, 8))) for item in tiny.items[:24]])
    distances = np.abs(pixels[:, None].astype(int) - pixels[None]).mean(axis=(2, 3, 4))
    assert distances[~np.eye(24, dtype=bool)].min() > 1


@pytest.mark.parametrize("settings", [{"size": "small"}, {"size": "tiny", "seed": 1}])
def test_another_size_or_seed_is_refused(tiny, settings):
    with pytest.raises(ConfigError, match="holds songbirds .size tiny, seed 0, .*asked for was songbirds"):
        prepare_songbirds(tiny.root, progress=False, **settings)


def test_another_corpus_is_refused(tmp_path):
    (tmp_path / "CUB_200_2011/images").mkdir(parents=True)
    with pytest.raises(ConfigError, match="holds a corpus that is not songbirds.*another --root"):
        prepare_songbirds(tmp_path, size="tiny", progress=False)


@pytest.mark.parametrize(
    "settings, what",
    [({"size": "huge"}, "tiny, quick, small, full"), ({"seed": -1}, "negative"), ({"workers": 0}, "1 or more")],
)
def test_senseless_settings(tmp_path, settings, what):
    with pytest.raises(ConfigError, match=what):
        prepare_songbirds(tmp_path, progress=False, **settings)
    assert not list(tmp_path.iterdir())


def test_small_is_what_it_was_before_there_were_other_languages(small):
    assert small.meta[META_KEY] == FACTS.to_dict()
    meta = {key: value for key, value in small.meta.items() if key != META_KEY}  # came later
    content = [item_to_dict(item) for item in small.items] + [meta]
    assert hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest().startswith("38bea190b4c09d69")


def test_quick_says_two_things_of_a_picture_and_one_of_them_in_an_unseen_voice_where_it_is_tested():
    plan = plan_songbirds("nowhere", size="quick")
    assert len(plan.class_names) == 56 and {len(item.captions) for item in plan.items} == {2}
    train = [caption for item in plan.items if item.split == "train" for caption in item.captions]
    assert len(train) == 52 * 33 * 2 and not any(caption.held_out_voice for caption in train)
    tested = [item for item in plan.items if item.split in ("test_seen", "test")]
    assert all(sum(caption.held_out_voice for caption in item.captions) == 1 for item in tested)
    said = {len(caption.mentions) - 1 for caption in train}
    assert said == {2, 3, 4, 5}


def test_plan_of_small(small):
    assert len(small.class_names) == 64
    assert Counter(item.split for item in small.items) == {
        "train": 52 * 33,
        "val": 52 * 4,
        "test_seen": 52 * 7,
        "test": 12 * 44,
    }
    classes = {split: {item.class_id for item in small.split(split)} for split in small.splits}
    assert classes["train"] == classes["val"] == classes["test_seen"] and not classes["train"] & classes["test"]
    assert split_sizes(34) == (26, 3, 5)


def test_every_utterance_carries_the_light(small):
    for item in small.items:
        assert set(item.attributes) == set(ATTRIBUTES)
        for caption in item.captions:
            assert caption.manner == caption.mentions["light"] == item.attributes["light"]
            assert ("whisper" in caption.voice) == (caption.manner == "night")
            assert all(item.attributes[name] == value for name, value in caption.mentions.items())
            assert caption.audio == (
                f"CUB_200_2011_audio/audio/{voice_folder(caption.voice)}/{item.id}_{caption.index}.wav"
            )


def test_held_out_voices_speak_half_of_the_test_captions_only(small):
    held_out, training = {*HELD_OUT_VOICES, *HELD_OUT_WHISPERS}, {*TRAINING_VOICES[::5], *TRAINING_WHISPERS[::5]}
    heard = {True: set(), False: set()}
    for item in small.items:
        flags = [caption.held_out_voice for caption in item.captions]
        assert sum(flags) == (5 if item.split in ("test_seen", "test") else 0)
        for caption in item.captions:
            heard[caption.held_out_voice].add(caption.voice)
    assert heard == {True: held_out, False: training}


def test_rate_and_pitch_vary_within_the_manner(small):
    noon = [caption for item in small.items for caption in item.captions if caption.manner == "noon"]
    assert {caption.pitch for caption in noon} == set(range(68, 85))
    assert 216 <= min(caption.rate for caption in noon) < 220 and 250 < max(caption.rate for caption in noon) <= 254
