"""Oxford-102: a folder as its authors packed it is read; whatever is missing or contradicts itself is named."""

import json
import os
import zipfile
from collections import Counter

import numpy as np
import pytest
from scipy.io import savemat

from speech2img.corpora.readers.oxford102 import UNSEEN_CLASSES, prepare_oxford102
from speech2img.corpora.readers.zero_shot import ZeroShotOptions
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import read_names, read_split_pickles
from speech2img.errors import DataError

SEEN_SIZES = (86,) * 64 + (85,) * 18
UNSEEN_SIZES = (58,) * 15 + (57,) * 5


@pytest.fixture
def prepare(flower_counts):
    return lambda root, **options: prepare_oxford102(
        root, ZeroShotOptions(progress=False, **options), counts=flower_counts
    )


def test_read(oxford, prepare):
    manifest = prepare(oxford)
    assert Manifest.load(oxford).items == manifest.items
    assert Counter(item.split for item in manifest.items) == {"train": 27, "val": 3, "test": 10}
    assert [item.id for item in manifest.items[:6]] == [
        *(f"class_00001/image_{number:05d}" for number in range(36, 41)),
        "class_00003/image_00021",
    ]
    item = manifest.items[5]
    assert (item.image, item.class_id, item.class_name, item.split, item.box) == (
        "jpg/image_00021.jpg",
        2,
        "class_00003",
        "test",
        None,
    )
    assert item.captions[3].text == "a bird with 3 feathers and 21 eyes"
    assert item.captions[3].audio.endswith("/class_00003/image_00021_3.wav")
    assert manifest.meta["leaks"]["found"] == []


def test_split_files_of_the_peers(oxford, prepare):
    manifest = prepare(oxford)
    train, test = (read_split_pickles(oxford / part) for part in ("train", "test"))
    assert len(train) == 30 and {number for _, number in train} == {21, 22}
    assert test[5] == ("class_00003/image_00021", 3)
    content = json.loads((oxford / "test.json").read_text())
    entry = content["data"][5]
    assert (oxford / content["image_base_path"] / entry["img"]).is_file()
    assert entry["class"] == "3" and len(entry["wav"]) == len(entry["text"]) == 10
    assert [item.id for item in manifest.items if item.split == "test"] == [name for name, _ in test]


def test_captions_of_a_zip(make_oxford, tmp_path, prepare):
    zipped = prepare(make_oxford(tmp_path / "a", zipped=True))
    assert zipped.items == prepare(make_oxford(tmp_path / "b")).items
    assert (zipped.meta["captions"], (tmp_path / "a/text_c10").exists()) == ("text_c10.zip", False)


def test_captions_missing_in_the_zip_are_named(make_oxford, tmp_path, prepare):
    root = make_oxford(tmp_path, zipped=True)
    with zipfile.ZipFile(root / "text_c10.zip", "w") as archive:
        archive.writestr("text_c10/class_00001/image_00036.txt", "a flower")
    with pytest.raises(DataError, match=r"missing or empty: 39 of 40 captions .*text_c10/class_00001/image_00037.txt"):
        prepare(root)


def test_captions_of_li2020_where_there_is_nothing_else(make_oxford, tmp_path, prepare):
    root = make_oxford(tmp_path, zipped=True)
    first = prepare(root)
    (root / "text_c10.zip").unlink()
    for path in root.glob("*.pickle"):
        path.unlink()
    assert prepare(root).items == first.items


def test_labels_and_sets_must_fit(oxford, prepare):
    savemat(oxford / "imagelabels.mat", {"labels": np.array([[1, 2, 103]])})
    with pytest.raises(DataError, match="imagelabels.mat: class numbers from 1 to 103 instead of 1 to 102"):
        prepare(oxford)
    savemat(oxford / "imagelabels.mat", {"labels": np.array([[1, 2, 3]])})
    with pytest.raises(DataError, match="0 pictures in 0 classes for train instead of 30 in 2"):
        prepare(oxford)


def test_nothing_there(tmp_path, prepare):
    with pytest.raises(DataError, match=r"\(imagelabels.mat, setid.mat\).*102flowers.tgz.*robots.ox.*the captions"):
        prepare(tmp_path)


def test_real_flowers(realdata, make_oxford, tmp_path, prepare):
    """40 real photographs in place of the made ones (of another flower collection: the real one cannot be had)."""
    root = make_oxford(tmp_path)
    with zipfile.ZipFile(realdata / "flowers12_224.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::24]
        for number, name in enumerate(names, start=1):
            (root / f"jpg/image_{number:05d}.jpg").write_bytes(archive.read(name))
    assert len(names) == 40
    manifest = prepare(root)
    assert manifest.meta["leaks"] == {
        "checked": ["picture", "utterance"],
        "found": [],
        "unknown": {"speaker": "synthetic voices", "photographer": "the corpus does not name them"},
    }
    states = [json.loads(line) for line in (root / "files.jsonl").read_text().splitlines()]
    assert [state["sides"] for state in states if state["sides"]] == [[224, 224]] * 40


def test_published_numbers_at_full_size(make_oxford, tmp_path):
    """8,189 pictures, 7,034 of 82 kinds and 1,155 of 20; the sizes of the single kinds are made up."""
    sizes = UNSEEN_SIZES + SEEN_SIZES
    labels = [label for label, size in enumerate(sizes, start=1) for _ in range(size)]
    root = make_oxford(tmp_path, labels[:1], zipped=True)
    picture = root / "jpg/image_00001.jpg"
    for number in range(2, len(labels) + 1):
        os.link(picture, root / f"jpg/image_{number:05d}.jpg")
    np.random.default_rng(0).shuffle(labels)
    savemat(root / "imagelabels.mat", {"labels": np.array([labels], np.uint8)})
    order = np.arange(1, len(labels) + 1)
    sets = {"trnid": order[None, :1020], "valid": order[None, 1020:2040], "tstid": order[None, 2040:]}
    savemat(root / "setid.mat", sets)
    with zipfile.ZipFile(root / "text_c10.zip", "w") as archive:
        for number, label in enumerate(labels, start=1):
            archive.writestr(f"class_{label:05d}/image_{number:05d}.txt", f"flower {number}\n")
    manifest = prepare_oxford102(root, ZeroShotOptions(progress=False))
    assert (len(read_names(root / "train/filenames.pickle")), len(manifest.split("test"))) == (7_034, 1_155)
    assert {leak["kind"] for leak in manifest.meta["leaks"]["found"]} == {"picture"}
    savemat(root / "setid.mat", {**sets, "valid": sets["trnid"]})
    with pytest.raises(DataError, match="setid.mat: its sets .* each picture once"):
        prepare_oxford102(root, ZeroShotOptions(progress=False))


def test_unseen_classes_are_those_that_s2igan_tests_on(realdata, tmp_path):
    """S2IGAN's evaluation list names two pictures of every test class, with the back-slashes of Windows."""
    member = "evaluation/flowers/filenames_ground_truth_image_FLO.pickle"
    with zipfile.ZipFile(realdata / "s2igan_eval_lists.zip") as archive:
        archive.extract(member, tmp_path)
    names = read_names(tmp_path / member)
    assert len(names) == 40 and names[0] == "class_00001/image_06762"
    assert {int(name[6:11]) for name in names} == UNSEEN_CLASSES
