"""Splits of the published code: read whoever wrote them, checked against the corpus, never taken on trust."""

import json
import pickle
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from speech2img.corpora.readers.cub import prepare_cub
from speech2img.corpora.readers.peer_splits import find_peer_splits, read_text_embeddings, sides_of_items
from speech2img.corpora.readers.zero_shot import ZeroShotOptions
from speech2img.corpora.records.items import Item
from speech2img.corpora.records.splits import peer_parts, read_names, read_numbers
from speech2img.errors import DataError, Speech2ImgError

LAYSAN, AUKLET = "002.Laysan_Albatross", "005.Crested_Auklet"
ITEMS = [
    Item(f"{folder}/{name}", f"CUB_200_2011/images/{folder}/{name}.jpg", number, folder, side, None, None, ())
    for number, (folder, side) in enumerate([("001.A", "test"), ("002.B", "train")])
    for name in (f"x{number}", f"y{number}")
]
SIDES = {"001.A/x0": "test", "001.A/y0": "test", "002.B/x1": "train", "002.B/y1": "train"}


def python2_pickle(names: list[str]) -> bytes:
    """Protocol 0 as Python 2 wrote lists of byte strings."""
    return b"(lp0\n" + b"".join(f"S{name!r}\np{k}\na".encode() for k, name in enumerate(names, start=1)) + b"."


def write_pickles(folder: Path, side: str, names: list[str], numbers: object = None) -> None:
    (folder / side).mkdir(parents=True, exist_ok=True)
    (folder / side / "filenames.pickle").write_bytes(python2_pickle(names))
    if numbers is not None:
        (folder / side / "class_info.pickle").write_bytes(pickle.dumps(numbers, 2))


def sides_in(folder: Path) -> dict[str, str]:
    (found,) = find_peer_splits(folder)
    return sides_of_items(found, ITEMS)


@pytest.mark.parametrize("numbers", [[2, 2], np.array([2, 2]), [np.int64(2), np.int64(2)], None])
def test_pickles_of_windows_and_python_2(tmp_path, numbers):
    write_pickles(tmp_path, "train", ["002.B\\x1", "002.B\\y1.jpg"], numbers)
    write_pickles(tmp_path, "test", ["001.A/x0", "001.A/y0"])
    assert sides_in(tmp_path) == SIDES
    assert read_names(tmp_path / "train/filenames.pickle") == ["002.B/x1", "002.B/y1"]


@pytest.mark.parametrize(
    "image, class_name, test_file", [("image", "{folder}", "test.json"), ("img", "{number}", "val.json")]
)
def test_json_of_li2020(tmp_path, image, class_name, test_file):
    for side, number, folder, file in (("train", 2, "002.B", "train.json"), ("test", 1, "001.A", test_file)):
        names = [name for name, of in SIDES.items() if of == side]
        data = [
            {image: f"./{name}.jpg", "class": class_name.format(folder=folder, number=number), "text": ["a", "b"]}
            for name in names
        ]
        (tmp_path / file).write_text(json.dumps({"image_base_path": "x", "data": data}))
    assert sides_in(tmp_path) == SIDES
    (found,) = find_peer_splits(tmp_path)
    assert found.texts["002.B/x1"] == ("a", "b") and found.numbers["001.A/y0"] == 1


def test_bare_file_names_are_found_where_they_are_unique(tmp_path):
    write_pickles(tmp_path, "train", ["x1", "y1"])
    assert sides_in(tmp_path) == {"002.B/x1": "train", "002.B/y1": "train"}
    twins = [*ITEMS, Item("003.C/x1", "images/003.C/x1.jpg", 9, "003.C", "train", None, None, ())]
    with pytest.raises(DataError, match="not in this corpus: 1 name \\(x1\\)"):
        sides_of_items(find_peer_splits(tmp_path)[0], twins)


def test_class_lists_and_name_lists(tmp_path):
    (tmp_path / "trainvalclasses.txt").write_text("002.B\n\n")
    (tmp_path / "testclasses.txt").write_text("001.A\r\n")
    assert sides_in(tmp_path) == SIDES
    for side in ("train", "test"):
        names = [name.replace("/", "\\") for name, of in SIDES.items() if of == side]
        (tmp_path / f"{side}_filenames.txt").write_text("\n".join(names))
    assert [sides_of_items(found, ITEMS) for found in find_peer_splits(tmp_path)] == [SIDES, SIDES]


@pytest.mark.parametrize(
    "train, test, reason",
    [
        (["002.B/x1", "002.B/z"], ["001.A/x0"], "not in this corpus: 1 name \\(002.B/z\\)"),
        (["002.B/x1", "001.A/x0"], ["001.A/x0"], "listed twice or on both sides: 1 name \\(001.A/x0\\)"),
        (["002.B/x1", "002.B\\x1"], ["001.A/x0"], "listed twice or on both sides: 1 name \\(002.B/x1\\)"),
    ],
)
def test_nonsense_is_named(tmp_path, train, test, reason):
    write_pickles(tmp_path, "train", train)
    write_pickles(tmp_path, "test", test)
    with pytest.raises(DataError, match=reason):
        sides_in(tmp_path)


def test_other_classes_are_named(tmp_path):
    write_pickles(tmp_path, "train", ["002.B/x1", "002.B/y1"], [2, 3])
    with pytest.raises(DataError, match="in another class than in this corpus: 1 name \\(002.B/y1\\)"):
        sides_in(tmp_path)
    write_pickles(tmp_path, "train", ["002.B/x1", "002.B/y1"], [2])
    with pytest.raises(DataError, match="2 file names but 1 class numbers"):
        sides_in(tmp_path)


@pytest.mark.parametrize(
    "content, reason",
    [
        ('["a"]', "not a split as Li et al. wrote them"),
        ('{"data": {}}', "not a split"),
        ("{", "is not valid JSON"),
        ('{"data": [3]}', "entry 0 of 'data' names no picture"),
        ('{"data": [{"image": 3}]}', "entry 0"),
        ('{"data": [{"img": "002.B/q.jpg"}]}', "not in this corpus: 1 name"),
    ],
)
def test_broken_json(tmp_path, content, reason):
    (tmp_path / "train.json").write_text(content)
    with pytest.raises(DataError, match=reason):
        sides_in(tmp_path)


def test_broken_lists(tmp_path):
    (tmp_path / "testclasses.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="testclasses.txt: not in UTF-8"):
        find_peer_splits(tmp_path)
    (tmp_path / "testclasses.txt").write_bytes(b"001.Z\n")
    with pytest.raises(DataError, match="not in this corpus: 1 name \\(001.Z\\)"):
        sides_in(tmp_path)


def test_hostile_pickle_does_not_run(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train/filenames.pickle").write_bytes(b"cos\nsystem\n(S'touch " + bytes(tmp_path / "hit") + b"'\ntR.")
    with pytest.raises(Speech2ImgError):
        find_peer_splits(tmp_path)
    assert not (tmp_path / "hit").exists()


def test_text_embeddings_of_python_2(tmp_path):
    """A list of one array a picture, as Python 2 and an old numpy wrote it."""
    rows = [np.arange(20, dtype=np.float32).reshape(10, 2) + k for k in range(2)]
    raw = pickle.dumps(rows, 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    write_pickles(tmp_path, "train", ["002.B/x1", "002.B/y1"])
    (tmp_path / "train/char-CNN-RNN-embeddings.pickle").write_bytes(raw)
    found = read_text_embeddings(tmp_path / "train")
    assert len(found) == 2 and np.array_equal(found[1], rows[1])
    write_pickles(tmp_path, "train", ["002.B/x1"])
    with pytest.raises(DataError, match="embeddings of 2 pictures, filenames.pickle lists 1"):
        read_text_embeddings(tmp_path / "train")


@pytest.fixture
def prepare(cub_counts):
    return lambda root, **options: prepare_cub(root, ZeroShotOptions(progress=False, **options), counts=cub_counts)


def names_of(root: Path, *classes: str) -> list[str]:
    images = root / "CUB_200_2011/images"
    return [f"{name}/{path.stem}" for name in classes for path in sorted((images / name).iterdir())]


def test_published_lists_in_another_order_lead(cub, prepare, tmp_path):
    """Whatever goes by position follows the lists that are there."""
    names = names_of(cub, AUKLET, LAYSAN)[::-1]
    write_pickles(cub, "train", names)
    kept = (cub / "train/filenames.pickle").read_bytes()
    manifest = prepare(cub)
    assert (cub / "train/filenames.pickle").read_bytes() == kept
    assert read_numbers(cub / "train/class_info.pickle") == [int(name[:3]) for name in names]
    assert [manifest.items[row].id for row in peer_parts(manifest)["train"]] == names
    entries = json.loads((cub / "train.json").read_text())["data"]
    assert [entry["image"] for entry in entries] == [f"{name}.jpg" for name in names]
    assert prepare(cub).items == manifest.items


def test_another_split_on_purpose(cub, prepare, tmp_path):
    other = tmp_path / "other"
    write_pickles(other, "train", names_of(cub, "001.Black_footed_Albatross", LAYSAN))
    write_pickles(other, "test", names_of(cub, AUKLET))
    manifest = prepare(cub, splits=other)
    assert {item.class_name for item in manifest.split("test")} == {AUKLET}
    (note,) = manifest.meta["notes"]
    assert note.startswith(f"the split is that of {other} (pickles), not the published one: 50 pictures (001.Black")
    assert manifest.meta["split"] == "split brought by the user (pickles)"
    assert Counter(item.split for item in prepare(cub, splits=other).items)["test"] == 25
    with pytest.raises(DataError, match="are not the published zero-shot split.*or use them on purpose with --splits"):
        prepare(cub)


def test_published_split_brought_by_the_user(cub, prepare, tmp_path):
    (tmp_path / "trainvalclasses.txt").write_text(f"{LAYSAN}\n{AUKLET}\n")
    (tmp_path / "testclasses.txt").write_text("001.Black_footed_Albatross\n")
    manifest = prepare(cub, splits=tmp_path)
    assert manifest.meta["notes"] == [f"the split in {tmp_path} (classes) is the published one"]
    assert manifest.meta["split"] == "published zero-shot split"


def test_other_split_files_are_never_overwritten(cub, prepare, tmp_path):
    names = names_of(cub, "001.Black_footed_Albatross", LAYSAN)
    write_pickles(cub, "train", names)
    kept = (cub / "train/filenames.pickle").read_bytes()
    with pytest.raises(DataError, match=r"\(pickles\) are not the published zero-shot split: 50 pictures"):
        prepare(cub)
    with pytest.raises(DataError, match="25 pictures .* on neither side; complete the split"):
        prepare(cub, splits=cub)
    assert (cub / "train/filenames.pickle").read_bytes() == kept


def test_json_of_another_program_stays(cub, prepare):
    prepare(cub)
    content = json.loads((cub / "train.json").read_text())
    content["image_feature_path"] = "train/image_features_googlenet_caffe.pickle"
    (cub / "train.json").write_text(json.dumps(content))
    prepare(cub)
    assert json.loads((cub / "train.json").read_text()) == content


def test_contradicting_files_and_empty_folders(cub, prepare, tmp_path):
    with pytest.raises(DataError, match="no split files are there; give a folder with"):
        prepare(cub, splits=tmp_path / "none")
    write_pickles(tmp_path, "train", names_of(cub, LAYSAN))
    (tmp_path / "trainvalclasses.txt").write_text(AUKLET)
    (tmp_path / "testclasses.txt").write_text(LAYSAN)
    with pytest.raises(DataError, match="its classes and its pickles contradict each other: 25 pictures"):
        prepare(cub, splits=tmp_path)


def test_embeddings_beside_the_lists_are_checked(cub, prepare):
    write_pickles(cub, "test", names_of(cub, "001.Black_footed_Albatross"))
    embeddings = cub / "test/char-CNN-RNN-embeddings.pickle"
    embeddings.write_bytes(pickle.dumps(np.zeros((25, 10, 4), np.float32)))
    assert prepare(cub).meta["notes"] == ["test/char-CNN-RNN-embeddings.pickle: 25 pictures, 4 values a caption"]
    embeddings.write_bytes(pickle.dumps(np.zeros((24, 10, 4), np.float32)))
    with pytest.raises(DataError, match="embeddings of 24 pictures, filenames.pickle lists 25"):
        prepare(cub)


def test_real_lists_of_s2igan(realdata, tmp_path):
    """Every evaluation list of the repository, against the same names as plain text."""
    with zipfile.ZipFile(realdata / "s2igan_eval_lists.zip") as archive:
        archive.extractall(tmp_path)
    found = sorted(tmp_path.glob("evaluation/*/*.pickle"))
    sizes = {path.parent.name + path.stem.split("_")[1]: len(read_names(path)) for path in found}
    assert sizes == {
        "birdsGen": 1_000,
        "birdsground": 100,
        "flowersGen": 400,
        "flowersground": 40,
        "flickrGen": 994,
        "placesGen": 2_779,
    }
    for path in found:
        lines = path.with_suffix(".txt").read_text().splitlines()
        assert read_names(path) == [line.replace("\\", "/").removesuffix(".jpg") for line in lines]
