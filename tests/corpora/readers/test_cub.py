"""CUB-200-2011: a folder as its authors packed it is read; whatever is missing or contradicts itself is named."""

import io
import json
import os
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from speech2img.corpora.readers.cub import UNSEEN_CLASSES, prepare_cub
from speech2img.corpora.readers.zero_shot import ZeroShotOptions
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import read_split_pickles
from speech2img.errors import ConfigError, DataError, Speech2ImgError
from speech2img.storage.foreign.pickles import save_pickle

BOXES = "CUB_200_2011/bounding_boxes.txt"
PICTURE = "CUB_200_2011/images/002.Laysan_Albatross/Laysan_Albatross_0003_3.jpg"
TEXT = "text/002.Laysan_Albatross/Laysan_Albatross_0004_4.txt"


@pytest.fixture(scope="session")
def prepare(cub_counts):
    return lambda root, **options: prepare_cub(root, ZeroShotOptions(progress=False, **options), counts=cub_counts)


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new, 1))


def test_read(cub, prepare):
    manifest = prepare(cub)
    assert Manifest.load(cub).items == manifest.items
    assert Counter(item.split for item in manifest.items) == {"train": 46, "val": 4, "test": 25}
    assert {item.class_name for item in manifest.split("test")} == {"001.Black_footed_Albatross"}
    assert manifest.class_names[2] == "005.Crested_Auklet"
    item = manifest.split("test")[0]
    assert item.box == (2.0, 3.0, 38.0, 20.0) and item.attributes is None
    assert [caption.text for caption in item.captions] == [f"a bird with {k} feathers and 0 eyes" for k in range(10)]
    assert sum(caption.held_out_voice for caption in item.captions) == 5
    assert not any(caption.held_out_voice for caption in manifest.split("train")[0].captions)
    assert all(caption.manner is None and 147 <= caption.rate <= 173 for caption in item.captions)
    assert manifest.meta["notes"] == []


def test_split_files_of_the_peers(cub, prepare):
    """Their ``train`` is the published one: our validation pictures are in it, and once more on their own."""
    manifest = prepare(cub)
    train, val, test = (read_split_pickles(cub / part) for part in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (50, 4, 25) and set(val) < set(train)
    assert {number for _, number in train} == {2, 5} and {number for _, number in test} == {1}
    entries = json.loads((cub / "train.json").read_text())["data"]
    assert [entry["image"] for entry in entries] == [f"{name}.jpg" for name, _ in train]
    captions = manifest.items[25].captions
    assert entries[0]["class"] == "002.Laysan_Albatross" and entries[0]["text"] == [one.text for one in captions]
    assert [f"CUB_200_2011_audio/audio/{path}" for path in entries[0]["audio"]] == [one.audio for one in captions]


def test_again_with_the_published_pickles(cub, prepare):
    first = prepare(cub)
    kept = (cub / "train/filenames.pickle").read_bytes()
    assert prepare(cub).items == first.items
    assert (cub / "train/filenames.pickle").read_bytes() == kept
    names = read_split_pickles(cub / "test")
    save_pickle(cub / "test/filenames.pickle", [name for name, _ in names][:-1])
    save_pickle(cub / "test/class_info.pickle", [number for _, number in names][:-1])
    with pytest.raises(DataError, match=r"\(pickles\) are not the published zero-shot split: 1 picture"):
        prepare(cub)
    assert len(read_split_pickles(cub / "test")) == len(names) - 1


def test_wrong_count(cub):
    with pytest.raises(DataError, match="50 pictures in 2 classes for train instead of 8855 in 150; unpack"):
        prepare_cub(cub, ZeroShotOptions(progress=False))


def test_all_that_is_missing_is_named_at_once(cub, prepare):
    (cub / PICTURE).unlink()
    for k in range(5):
        (cub / f"text/002.Laysan_Albatross/Laysan_Albatross_000{k}_{k}.txt").write_text("")
    with pytest.raises(DataError) as caught:
        prepare(cub)
    line = str(caught.value)
    assert f"missing or empty: 1 of 75 pictures ({PICTURE}): unpack CUB_200_2011.tgz" in line
    assert "missing or empty: 5 of 75 captions (" in line and "cvpr2016_cub.tar.gz" in line
    listed = (cub / "derived/prepare/missing.txt").read_text().splitlines()
    assert len(listed) == 6 and listed[0] == PICTURE and TEXT in listed
    assert not (cub / "manifest.jsonl").exists()


@pytest.mark.parametrize(
    "name, old, new, reason",
    [
        (
            "bounding_boxes.txt",
            "3 2.0 3.0 38.0",
            "3 2.0 3.0 43.0",
            r"outside its picture: 1 box \(first .* 40 x 30 pixels",
        ),
        ("bounding_boxes.txt", "3 2.0 3.0 38.0", "3 2.0 3.0 0.0", "outside its picture: 1 box "),
        ("bounding_boxes.txt", "3 2.0 3.0 38.0", "3 2.0 3.0 nan", "outside its picture: 1 box "),
        ("bounding_boxes.txt", "3 2.0 3.0 38.0", "3 2.0 3.0 x", "picture 3: could not convert"),
        ("bounding_boxes.txt", "3 2.0 3.0 38.0", "3 2.0 3.0", "line 3 is not"),
        ("bounding_boxes.txt", "3 2.0", "4 2.0", "line 4 is not"),
        ("image_class_labels.txt", "1 1\n", "", "74 pictures, images.txt has 75"),
        ("image_class_labels.txt", "1 1\n", "1 2\n", "is not in the folder of class 2"),
        ("image_class_labels.txt", "1 1\n", "1 77\n", "is not in the folder of class 77"),
        ("images.txt", "1 001.Black_footed_Albatross/", "1 001.Black_footed_Albatross/../", "picture 1"),
        ("classes.txt", "1 001", "one 001", "line 1 is not"),
        ("classes.txt", "1 001", "1 \udce4", "no text"),
        ("classes.txt", "1 001", "1" * 5000 + " 001", "line 1 is not"),
        ("classes.txt", "5 005.Crested_Auklet", "5 002.Laysan_Albatross", "classes.txt: listed twice: 002.Laysan"),
        ("images.txt", "ross_0001_1.jpg", "ross_0000_0.jpg", "images.txt: listed twice: .*ross_0000_0.jpg;"),
        ("images.txt", "ross_0001_1.jpg", "ross_\0001_1.jpg", "missing or empty: 1 of 75 pictures"),
    ],
)
def test_contradictions_are_named(cub, prepare, name, old, new, reason):
    path = cub / "CUB_200_2011" / name
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode(errors="surrogateescape"), 1))
    with pytest.raises(DataError, match=reason):
        prepare(cub)


@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_mutated_lists_are_read_or_refused(data, make_cub, prepare, tmp_path_factory):
    root = make_cub(tmp_path_factory.mktemp("cub"))
    name = data.draw(st.sampled_from(["images", "image_class_labels", "bounding_boxes", "classes"]))
    path = root / f"CUB_200_2011/{name}.txt"
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        manifest = prepare(root)
    except Speech2ImgError as error:
        assert str(root) in str(error)
    else:
        assert len(manifest) == 75


def test_damaged_pictures_are_named(cub, prepare):
    path = cub / PICTURE
    path.write_text("this is no picture")
    cut = path.with_name("Laysan_Albatross_0004_4.jpg")
    cut.write_bytes(cut.read_bytes()[:-60])
    with pytest.raises(DataError, match=r"cannot be read: 2 of 75 pictures \(.*3_3.jpg: not a picture.*4_4.jpg: dam"):
        prepare(cub)


def test_captions_in_another_encoding(cub, prepare):
    (cub / TEXT).write_bytes("a caf\xe9-coloured bird\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"not in utf-8: 1 text \(002.Laysan.*_4\); .* --encoding cp1252"):
        prepare(cub)
    found = {item.id: item for item in prepare(cub, encoding="cp1252").items}
    assert found["002.Laysan_Albatross/Laysan_Albatross_0004_4"].captions[0].text == "a café-coloured bird"


def test_few_captions_are_noted_and_none_is_an_error(cub, prepare):
    (cub / TEXT).write_text("one bird\n\n!?\n")
    assert prepare(cub).meta["notes"] == [
        "fewer than 10 captions: 1 picture (002.Laysan_Albatross/Laysan_Albatross_0004_4)"
    ]
    (cub / "manifest.jsonl").unlink()
    (cub / TEXT).write_text("\n \n")
    with pytest.raises(DataError, match="no caption in 1 text "):
        prepare(cub)


def test_files_that_changed_since_the_manifest(cub, prepare):
    first = prepare(cub)
    for path in (cub / PICTURE, cub / TEXT):
        path.write_bytes(path.read_bytes() + b"x")
    os.utime(cub / BOXES, ns=(1, 1))
    with pytest.raises(DataError, match=r"changed since the manifest .*: 2 files \(CUB.*3_3.jpg, text/.*; put the old"):
        prepare(cub)
    with pytest.raises(DataError, match=": 2 files "):
        prepare(cub)
    (cub / "manifest.jsonl").unlink()
    again = prepare(cub)
    assert again.items[27] == first.items[27]
    assert len(prepare(cub)) == 75


def test_empty_folder_and_other_corpus(tmp_path, prepare):
    with pytest.raises(DataError, match=r"CUB_200_2011/images.txt.*unpack CUB_200_2011.tgz.*empty: the captions"):
        prepare(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    Manifest(tmp_path, "songbirds", []).save()
    with pytest.raises(ConfigError, match="holds the corpus songbirds, not cub"):
        prepare(tmp_path)


def test_unseen_classes_are_the_published_ones(realdata):
    with zipfile.ZipFile(realdata / "cub_meta.zip") as archive:
        names = archive.read("stackgan_split/test_filenames.txt").decode().split()
    assert {int(name[:3]) for name in names} == UNSEEN_CLASSES and len(UNSEEN_CLASSES) == 50


def make_full_size(root: Path, lists: zipfile.ZipFile) -> None:
    """CUB's real names and classes; pictures are links to one pixel a side of the split, two pixels are on both."""
    names = ("images", "image_class_labels", "bounding_boxes", "classes")
    lists.extractall(root, [f"CUB_200_2011/{name}.txt" for name in names])
    rows = [line.split() for line in (root / "CUB_200_2011/images.txt").read_text().splitlines()]
    (root / BOXES).write_text("".join(f"{number} 0.0 0.0 1.0 1.0\n" for number, _ in rows))
    content = io.BytesIO()
    Image.new("L", (1, 1)).save(content, "JPEG")
    with zipfile.ZipFile(root / "text.zip", "w") as archive:
        for number, name in rows:
            archive.writestr(f"birds/text/{name[:-4]}.txt", f"bird number {number}\n")
            side = "both" if number in ("70", "12") else "test" if int(name[:3]) in UNSEEN_CLASSES else "train"
            original, link = root / f"{side}.jpg", root / "CUB_200_2011/images" / name
            if not original.is_file():
                original.write_bytes(content.getvalue() + side.encode())
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(original, link)


def test_real_lists_and_split_at_full_size(realdata, tmp_path):
    with zipfile.ZipFile(realdata / "cub_meta.zip") as archive:
        make_full_size(tmp_path, archive)
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.endswith(".pickle")])
    manifest = prepare_cub(tmp_path, ZeroShotOptions(progress=False))
    sizes = Counter("test" if item.split == "test" else "train" for item in manifest.items)
    assert sizes == {"train": 8_855, "test": 2_933}
    assert len({item.class_id for item in manifest.items if item.split != "test"}) == 150
    for part in ("train", "test"):
        theirs, ours = (read_split_pickles(folder / part) for folder in (tmp_path / "stackgan_split", tmp_path))
        assert sorted(theirs) == sorted(ours) and len(theirs) == sizes[part]
    leaks = {tuple(leak["splits"]): leak for leak in manifest.meta["leaks"]["found"] if leak["kind"] == "picture"}
    assert leaks["train", "test"]["shared"] == 1 and leaks["train", "test"]["affected"] == 1


def test_real_photographs(realdata, tmp_path):
    """The 83 whole photographs of the data folder, with their true boxes."""
    with zipfile.ZipFile(realdata / "cub_originals.zip") as archive:
        photos = {
            "/".join(Path(name).parts[-2:]): archive.read(name) for name in archive.namelist() if name.endswith(".jpg")
        }
    with zipfile.ZipFile(realdata / "cub_meta.zip") as archive:
        for name in ("images.txt", "image_class_labels.txt", "bounding_boxes.txt", "classes.txt"):
            archive.extract(f"CUB_200_2011/{name}", tmp_path)
    folder = tmp_path / "CUB_200_2011"
    rows = [line.split() for line in (folder / "images.txt").read_text().splitlines()]
    by_file = {Path(name).name: (number, name) for number, name in rows}
    found = {by_file[Path(name).name]: data for name, data in photos.items() if Path(name).name in by_file}
    assert len(found) == 83
    kept = {number for number, _ in found}
    for name in ("images.txt", "image_class_labels.txt", "bounding_boxes.txt"):
        lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join(line for line in lines if line.split()[0] in kept))
    counts = {"train": set(), "test": set()}
    for (_, name), data in found.items():
        (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "images" / name).write_bytes(data)
        (tmp_path / "text" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "text" / name).with_suffix(".txt").write_text("a bird\n")
        counts["test" if int(name[:3]) in UNSEEN_CLASSES else "train"].add(name)
    expected = {side: (len(names), len({name[:3] for name in names})) for side, names in counts.items()}
    manifest = prepare_cub(tmp_path, ZeroShotOptions(progress=False), counts=expected)
    for item in manifest.items:
        with Image.open(io.BytesIO((tmp_path / item.image).read_bytes())) as picture:
            x, y, width, height = item.box
            assert x + width <= picture.width + 1 and y + height <= picture.height + 1
    kinds = {leak["kind"] for leak in manifest.meta["leaks"]["found"]}
    assert kinds == {"utterance"}, "all captions are alike, no picture is twice there"
