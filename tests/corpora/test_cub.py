"""CUB-200-2011: a folder as its authors packed it is read; whatever is missing or contradicts itself is named."""

import io
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from speech2img.corpora.cub import NUM_IMAGES, UNSEEN_CLASSES, prepare_cub
from speech2img.corpora.manifest import Manifest
from speech2img.corpora.splits import read_split_pickles
from speech2img.errors import ConfigError, DataError
from speech2img.storage.pickles import save_pickle

CLASSES = {1: "001.Black_footed_Albatross", 2: "002.Laysan_Albatross", 5: "005.Crested_Auklet"}
PER_CLASS = 25
NUM = len(CLASSES) * PER_CLASS


@pytest.fixture
def cub(tmp_path) -> Path:
    folder = tmp_path / "CUB_200_2011"
    names = [(number, f"{name}/{name[4:]}_{k:04d}_{k}") for number, name in CLASSES.items() for k in range(PER_CLASS)]
    for number, name in names:
        picture = folder / "images" / f"{name}.jpg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (number, 0, 0)).save(picture)
        text = tmp_path / "text" / f"{name}.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("".join(f"a  bird with {k} feathers \ufffd\n\n" for k in range(12)), encoding="utf-8")
    lines = {
        "images.txt": [f"{k} {name}.jpg" for k, (_, name) in enumerate(names, start=1)],
        "image_class_labels.txt": [f"{k} {number}" for k, (number, _) in enumerate(names, start=1)],
        "bounding_boxes.txt": [f"{k} 2.0 3.0 38.0 20.0" for k in range(1, NUM + 1)],
        "classes.txt": [f"{number} {name}" for number, name in CLASSES.items()],
    }
    for name, content in lines.items():
        (folder / name).write_text("\n".join(content) + "\n")
    return tmp_path


def prepare(root: Path) -> Manifest:
    return prepare_cub(root, num_images=NUM, progress=False)


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new, 1))


def test_read(cub):
    manifest = prepare(cub)
    assert Manifest.load(cub).items == manifest.items
    assert Counter(item.split for item in manifest.items) == {"train": 46, "val": 4, "test": 25}
    assert {item.class_name for item in manifest.split("test")} == {CLASSES[1]}
    assert manifest.class_names == list(CLASSES.values())
    item = manifest.split("test")[0]
    assert item.box == (2.0, 3.0, 38.0, 20.0) and item.attributes is None
    assert [caption.text for caption in item.captions] == [f"a bird with {k} feathers" for k in range(10)]
    assert sum(caption.held_out_voice for caption in item.captions) == 5
    assert not any(caption.held_out_voice for caption in manifest.split("train")[0].captions)
    assert all(caption.manner is None and 147 <= caption.rate <= 173 for caption in item.captions)
    assert len(read_split_pickles(cub / "train")) == 50
    assert {number for _, number in read_split_pickles(cub / "test")} == {1}


def test_again_with_the_published_pickles(cub):
    first = prepare(cub)
    kept = (cub / "train/filenames.pickle").read_bytes()
    assert prepare(cub).items == first.items
    assert (cub / "train/filenames.pickle").read_bytes() == kept
    save_pickle(cub / "test/filenames.pickle", ["x/y"])
    save_pickle(cub / "test/class_info.pickle", [1])
    with pytest.raises(DataError, match="not the published zero-shot split"):
        prepare(cub)


def test_wrong_count(cub):
    with pytest.raises(DataError, match=f"75 pictures listed instead of {NUM_IMAGES}"):
        prepare_cub(cub, progress=False)


def test_missing_pictures_and_captions_are_named(cub):
    picture = cub / "CUB_200_2011/images/002.Laysan_Albatross/Laysan_Albatross_0003_3.jpg"
    content = picture.read_bytes()
    picture.unlink()
    with pytest.raises(DataError, match=r"1 pictures are missing.*Laysan_Albatross_0003_3.jpg; unpack"):
        prepare(cub)
    picture.write_bytes(content)
    (cub / "text/002.Laysan_Albatross/Laysan_Albatross_0004_4.txt").write_text("")
    with pytest.raises(DataError, match=r"1 caption files are missing or empty.*Laysan_Albatross_0004_4.txt"):
        prepare(cub)
    (cub / "text/002.Laysan_Albatross/Laysan_Albatross_0004_4.txt").write_text("\n \n")
    with pytest.raises(DataError, match="0004_4.txt: no caption"):
        prepare(cub)


@pytest.mark.parametrize("name, old, new, reason", [
    ("bounding_boxes.txt", "3 2.0 3.0 38.0", "3 2.0 3.0 43.0", "lies outside its 40 x 30 picture"),
    ("bounding_boxes.txt", "3 2.0 3.0 38.0", "3 2.0 3.0 0.0", "lies outside"),
    ("bounding_boxes.txt", "3 2.0 3.0 38.0", "3 2.0 3.0 nan", "lies outside"),
    ("bounding_boxes.txt", "3 2.0 3.0 38.0", "3 2.0 3.0 x", "picture 3: could not convert"),
    ("bounding_boxes.txt", "3 2.0 3.0 38.0", "3 2.0 3.0", "line 3 is not"),
    ("bounding_boxes.txt", "3 2.0", "4 2.0", "line 4 is not"),
    ("image_class_labels.txt", "1 1\n", "", "74 pictures, images.txt has 75"),
    ("image_class_labels.txt", "1 1\n", "1 2\n", "is not in the folder of class 2"),
    ("image_class_labels.txt", "1 1\n", "1 77\n", "is not in the folder of class 77"),
    ("images.txt", "1 001.Black_footed_Albatross/", "1 001.Black_footed_Albatross/../", "picture 1"),
    ("classes.txt", "1 001", "one 001", "line 1 is not"),
])
def test_contradictions_are_named(cub, name, old, new, reason):
    edit(cub / "CUB_200_2011" / name, old, new)
    with pytest.raises(DataError, match=reason):
        prepare(cub)


def test_damaged_picture_is_named(cub):
    path = cub / "CUB_200_2011/images/005.Crested_Auklet/Crested_Auklet_0001_1.jpg"
    path.write_text("this is no picture")
    with pytest.raises(DataError, match="Crested_Auklet_0001_1.jpg: no JPEG picture"):
        prepare(cub)


def test_empty_folder_and_other_corpus(tmp_path):
    with pytest.raises(DataError, match="images.txt: no such file; unpack CUB_200_2011.tgz"):
        prepare_cub(tmp_path, progress=False)
    Manifest(tmp_path, "songbirds", []).save()
    with pytest.raises(ConfigError, match="holds the corpus songbirds, not cub"):
        prepare_cub(tmp_path, progress=False)


def test_unseen_classes_are_the_published_ones(realdata):
    with zipfile.ZipFile(realdata / "cub_meta.zip") as archive:
        names = archive.read("stackgan_split/test_filenames.txt").decode().split()
    assert {int(name[:3]) for name in names} == UNSEEN_CLASSES and len(UNSEEN_CLASSES) == 50


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
    for (_, name), data in found.items():
        (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "images" / name).write_bytes(data)
        (tmp_path / "text" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "text" / name).with_suffix(".txt").write_text("a bird\n")
    manifest = prepare_cub(tmp_path, num_images=83, progress=False)
    for item in manifest.items:
        with Image.open(io.BytesIO((tmp_path / item.image).read_bytes())) as picture:
            x, y, width, height = item.box
            assert x + width <= picture.width + 1 and y + height <= picture.height + 1
