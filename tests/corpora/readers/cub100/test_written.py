"""Captions written for the 4,540 CUB crops, and folders that were prepared with them."""

import csv
import io
import random
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from speech2img.corpora.readers.cub100.attribute_captions import (
    attribute_caption,
    label_caption,
    label_phrases,
    read_class_facts,
    write_cub_captions,
)
from speech2img.corpora.readers.cub100.prepare import prepare_cub100 as prepare
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import read_split_pickles
from speech2img.corpora.registry import contents_of
from speech2img.errors import ConfigError, DataError

FACTS = {
    "crown_color": (("red", 80.0), ("grey", 30.0)),
    "wing_color": (("blue", 90.0),),
    "bill_shape": (("cone", 60.0),),
    "bill_length": (("shorter_than_head", 70.0),),
    "head_pattern": (("crested", 50.0),),
    "size": (("small_(5_-_9_in)", 80.0),),
    "primary_color": (("blue", 70.0),),
    "belly_color": (("white", 99.0),),
    "tail_shape": (("forked_tail", 40.0),),
}
LABELS = {
    "body shape": "small body",
    "crest shape": "no crest",
    "crown color and marking": "olive-green crown",
    "feet color": "black feet",
    "upper chest color and marking": "white chest with brown streaks",
    "upside tail color and marking": "not clearly visible tail",
    "eye color and marking": "black eyes",
}


def attribute_names() -> str:
    values = [("crown_color", "red"), ("crown_color", "blue"), ("bill_shape", "specialized"), ("bill_shape", "hooked")]
    values += [("other", str(number)) for number in range(308)]
    return "\n".join(f"{number} has_{name}::{value}" for number, (name, value) in enumerate(values, start=1))


def test_facts_hold_what_people_named():
    rows = [[60.0, 25.0, 90.0, 5.0, *[50.0] * 308], [10.0, 12.0, 0.0, 0.0, *[50.0] * 308]]
    text = "\n".join(" ".join(map(str, row)) for row in rows)
    facts = read_class_facts(attribute_names(), text, source="attributes")
    assert facts[0] == {"crown_color": (("red", 60.0), ("blue", 25.0)), "bill_shape": (("hooked", 5.0),)}
    assert facts[1] == {"crown_color": (("blue", 12.0),)}


@pytest.mark.parametrize(
    "names, text, reason",
    [
        ("1 has_a::b", "", "1 attribute names instead of 312"),
        (attribute_names(), "1 2 3", "line 1 of the class attributes: not 312"),
        (attribute_names(), " ".join(["101"] * 312), "not 312 percentages"),
        (attribute_names(), " ".join(["x"] * 312), "line 1 of the class attributes: could not convert"),
    ],
)
def test_wrong_attribute_files(names, text, reason):
    with pytest.raises(DataError, match=reason):
        read_class_facts(names, text, source="attributes")


@pytest.mark.parametrize("seed", range(40))
def test_captions_say_what_they_mention(seed):
    text, mentions = attribute_caption(FACTS, random.Random(seed))
    assert re.fullmatch(r"[a-z][a-z ,]*\.", text)
    assert 3 <= len(mentions) <= 5
    assert all(value in dict(FACTS[name]) for name, value in mentions.items())
    for name, word in (("wing_color", "blue wings"), ("belly_color", "white belly"), ("tail_shape", "forked tail")):
        assert (word in text) == (name in mentions)
    assert bool(re.search(r"\b(small|little) (blue )?bird\b", text)) == ("size" in mentions)


def test_labels_become_phrases():
    phrases = label_phrases(LABELS)
    assert phrases == ["an olive green crown", "black feet", "a white chest with brown streaks", "black eyes"]
    text = label_caption(phrases, random.Random(0))
    assert sum(phrase in text for phrase in phrases) >= 2


def test_ten_different_captions():
    captions = write_cub_captions(FACTS, random.Random(0), labels=[label_phrases(LABELS), ["a crown"]])
    assert len({text for text, _ in captions}) == 10
    assert sum(not mentions for _, mentions in captions) == 3
    assert all(mentions for _, mentions in write_cub_captions(FACTS, random.Random(0)))


def prepare_cub100(root: Path, realdata: Path, **settings) -> Manifest:
    return prepare(root, realdata, captions="written", progress=False, **settings)


@pytest.fixture
def miniature(tmp_path) -> Path:
    """A data folder with 4 photographs of two classes in place of 4,540."""
    folder = tmp_path / "data"
    (folder / "text").mkdir(parents=True)
    labels = '{"002.Laysan_Albatross/x.jpg": {"feet color": "black feet"}}'
    (folder / "text/cub_concept_labels_210.json").write_text(labels)
    names = ["Black_footed_Albatross/0000.jpg", "Laysan_Albatross/0000.jpg", "Laysan_Albatross/0001.jpg"]
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow("file,cub_class_id,class_name,zero_shot_split,repo_split,cub_image_name_if_known".split(","))
    with zipfile.ZipFile(folder / "cub100_crops227.zip", "w") as archive:
        for name in names:
            first = name.startswith("Black")
            writer.writerow([name, 1 if first else 2, name.split("/")[0], "test" if first else "train", "train", ""])
            picture = io.BytesIO()
            Image.new("RGB", (227, 227), "blue").save(picture, "JPEG")
            archive.writestr(f"images/{name}", picture.getvalue())
        archive.writestr("manifest.csv", table.getvalue())
    with zipfile.ZipFile(folder / "cub_meta.zip", "w") as archive:
        parts = [("crown_color", 60), ("wing_color", 60), ("belly_color", 60), ("breast_color", 60), ("back_color", 72)]
        colors = ("red", "blue", "grey", "black", "white", "brown", "buff")
        names = [f"has_{part}::{colors[k] if k < 7 else k}" for part, count in parts for k in range(count)]
        archive.writestr(
            "CUB_200_2011/attributes/attributes.txt", "\n".join(f"{k} {name}" for k, name in enumerate(names, start=1))
        )
        row = " ".join("40" if name.split("::")[1] in colors else "0" for name in names)
        archive.writestr("CUB_200_2011/attributes/class_attribute_labels_continuous.txt", "\n".join([row] * 200))
    return folder


def test_miniature(miniature, tmp_path):
    root = tmp_path / "corpus"
    manifest = prepare_cub100(root, miniature)
    assert [(item.id, item.class_id, item.split) for item in manifest.items][0] == (
        "001.Black_footed_Albatross/Black_footed_Albatross_0000",
        0,
        "test",
    )
    assert Counter(item.split for item in manifest.items) == {"test": 1, "train": 1, "val": 1}
    for item in manifest.items:
        assert (root / item.image).is_file() and len(item.captions) == 10
        assert item.box == (0.0, 0.0, 227.0, 227.0) and item.attributes is None
        assert all(caption.manner is None for caption in item.captions)
        assert sum(caption.held_out_voice for caption in item.captions) == (5 if item.split == "test" else 0)
    assert "whole picture" in manifest.meta["boxes"]
    assert read_split_pickles(root / "val")[0][1] == 2
    (root / manifest.items[0].image).unlink()
    assert prepare_cub100(root, miniature).items == Manifest.load(root).items == manifest.items
    assert (root / manifest.items[0].image).is_file()
    with pytest.raises(ConfigError, match="cub100 .seed 0"):
        prepare_cub100(root, miniature, seed=1)


def test_a_folder_prepared_before_keeps_its_captions(miniature, tmp_path):
    root = tmp_path / "corpus"
    before = prepare_cub100(root, miniature)
    files = {path: path.read_bytes() for path in root.rglob("*.*") if path.is_file() and path.suffix != ".lock"}
    assert prepare(root, miniature, progress=False).items == before.items
    assert {path: path.read_bytes() for path in files} == files
    assert contents_of(Manifest.load(root))["captions"].startswith("written from CUB's class attributes")
    assert "not by people" in before.meta["notes"][0]
    with pytest.raises(DataError, match="cub100_crop_names.csv: no such file"):
        prepare(root, miniature, captions="human", progress=False)


def replace_member(path: Path, name: str, data: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in {**members, name: data}.items():
            archive.writestr(member, content)


@pytest.mark.parametrize(
    "name, data, reason",
    [
        ("images/Laysan_Albatross/0001.jpg", b"no picture", "0001.jpg is no JPEG picture"),
        ("manifest.csv", b"", "manifest.csv lists no pictures"),
        ("manifest.csv", b"file,cub_class_id\na.jpg,1\n", "manifest.csv line 2"),
        ("manifest.csv", b"file,cub_class_id,zero_shot_split\n../a.jpg,1,train\n", "line 2"),
        ("manifest.csv", b"\xff\xfe", "damaged or of a kind that is not read"),
    ],
)
def test_damaged_archive(miniature, tmp_path, name, data, reason):
    replace_member(miniature / "cub100_crops227.zip", name, data)
    with pytest.raises(DataError, match=f"cub100_crops227.zip: .*{reason}"):
        prepare_cub100(tmp_path / "corpus", miniature)


@pytest.mark.parametrize("name", ["cub100_crops227.zip", "cub_meta.zip", "text/cub_concept_labels_210.json"])
def test_missing_and_broken_data(miniature, tmp_path, name):
    (miniature / name).write_bytes(b"nonsense")
    with pytest.raises(DataError, match=name):
        prepare_cub100(tmp_path / "corpus", miniature)
    (miniature / name).unlink()
    with pytest.raises(DataError, match=name):
        prepare_cub100(tmp_path / "corpus", miniature)
    assert not (tmp_path / "corpus").exists()


def test_real_attributes_make_varied_captions(realdata):
    with zipfile.ZipFile(realdata / "cub_meta.zip") as archive:
        folder = "CUB_200_2011/attributes"
        names = archive.read(f"{folder}/attributes.txt").decode()
        percentages = archive.read(f"{folder}/class_attribute_labels_continuous.txt").decode()
    facts = read_class_facts(names, percentages, source="cub_meta.zip")
    assert len(facts) == 200
    cardinal = facts[16]
    assert dict(cardinal["primary_color"])["red"] > 50
    for number, fact in enumerate(facts):
        captions = write_cub_captions(fact, random.Random(number))
        assert len({text for text, _ in captions}) == 10
        assert not any(re.search(r"[_:()]|  | ,|\ba [aeiou]", text) for text, _ in captions)
