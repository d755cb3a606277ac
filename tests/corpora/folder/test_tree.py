"""A tree of pictures is read by the names in it, and what fits nowhere is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.folder.entries import classes_and_splits, inside
from speech2img.corpora.folder.tree import read_tree
from speech2img.errors import DataError


def read(root):
    entries, notes = read_tree(root)
    return {entry.image: [(line.index, line.audio, line.text) for line in entry.lines] for entry in entries}, notes


def test_beside_and_apart(tree):
    """Recordings beside their pictures, or in a tree that goes like theirs; the nearer one wins."""
    lines, notes = read(
        tree(
            "pictures/robin/a.jpg",
            "pictures/wren/a.jpg",
            "pictures/wren/b.png",
            "sound/robin/a.ogg",
            "sound/wren/a_0.wav",
            "sound/wren/a_2.wav",
            "pictures/wren/b.wav",
        )
    )
    assert lines == {
        "pictures/robin/a.jpg": [(0, "sound/robin/a.ogg", "")],
        "pictures/wren/a.jpg": [(0, "sound/wren/a_0.wav", ""), (2, "sound/wren/a_2.wav", "")],
        "pictures/wren/b.png": [(0, "pictures/wren/b.wav", "")],
    }
    assert notes == []


def test_a_picture_may_end_in_a_number(tree):
    lines, _ = read(tree("bird.jpg", "bird_1.jpg", "bird_1.wav", "bird_0.wav"))
    assert lines == {"bird.jpg": [(0, "bird_0.wav", "")], "bird_1.jpg": [(0, "bird_1.wav", "")]}


def test_numbers_may_begin_at_one(tree):
    root = tree("a.jpg", "b.jpg", "a_1.wav", "a_2.wav", "b_1.wav", "a.txt", a="first\nsecond\n")
    lines, _ = read(root)
    assert lines["a.jpg"] == [(0, "a_1.wav", "first"), (1, "a_2.wav", "second")]
    assert lines["b.jpg"] == [(0, "b_1.wav", "")]


def test_an_empty_line_holds_its_place(tree):
    lines, _ = read(tree("a.jpg", "a_0.wav", "a_1.wav", "a.txt", a="\ufeff\n  two\twords \n\n\nfour\n\n"))
    assert lines["a.jpg"] == [(0, "a_0.wav", ""), (1, "a_1.wav", "two words"), (4, None, "four")]


def test_what_is_passed_over_is_said(tree):
    root = tree("a.jpg", "a.wav", "notes.txt", ".hidden/x.wav", "derived/y.wav", "reports/pictures/z.png")
    for name in ("a.m4a", "b.m4a", "c.tif"):
        (root / name).write_bytes(b"x")
    lines, notes = read(root)
    assert list(lines) == ["a.jpg"]
    assert notes == [
        "files of formats that are not read were passed over: 2 .m4a, 1 .tif",
        "1 text files belong to no picture and were passed over: notes.txt",
    ]


@pytest.mark.parametrize(
    "names, reason",
    [
        (["a.txt"], "no pictures"),
        (["a.jpg", "b.wav", "c.wav"], r"2 recordings belong to no picture: b.wav, c.wav; name it like its picture"),
        (["x/a.jpg", "y/a.jpg", "a.wav"], "a.wav: may belong to x/a.jpg or to y/a.jpg"),
        (["a.jpg", "a.png"], "a.png: has the same name as a.jpg"),
        (["a.jpg", "a.wav", "a_0.flac"], "a_0.flac: is recording 0 of a.jpg, and so is a.wav"),
    ],
)
def test_what_fits_nowhere_is_named(tree, names, reason):
    with pytest.raises(DataError, match=reason):
        read_tree(tree(*names))


@pytest.mark.parametrize("data", ["größe".encode("latin1"), "a bird".encode("utf-16"), b"a\0b"])
def test_captions_of_another_encoding(tree, data):
    root = tree("a.jpg")
    (root / "a.txt").write_bytes(data)
    with pytest.raises(DataError, match="a.txt: not .*UTF-8.*; save it as UTF-8"):
        read_tree(root)


@pytest.mark.parametrize(
    "images, facts",
    [
        (["a.jpg", "b.jpg"], [(None, None), (None, None)]),
        (["p/a.jpg", "p/b.jpg"], [(None, None), (None, None)]),
        (["p/x/a.jpg", "p/y/b.jpg"], [("x", None), ("y", None)]),
        (["x/1/a.jpg", "y/1/a.jpg"], [("x/1", None), ("y/1", None)]),
        (["train/x/a.jpg", "Valid/x/b.jpg"], [("x", "train"), ("x", "val")]),
        (["d/train/a.jpg", "d/test/b.jpg"], [(None, "train"), (None, "test")]),
        (["train/a.jpg", "robin/b.jpg"], [("train", None), ("robin", None)]),
        (["a.jpg", "x/b.jpg"], [(None, None), ("x", None)]),
    ],
)
def test_classes_and_splits(images, facts):
    assert classes_and_splits(images) == facts


@given(st.text(max_size=12) | st.sampled_from(["a\\b.jpg", "C:\\x", "..\\x", "a/../../x", "/x", "", ".", "a//b"]))
@settings(max_examples=200, deadline=None)
def test_paths_stay_inside(text):
    path = inside(text)
    if path is not None:
        assert not path.startswith("/") and "\\" not in path and ".." not in path.split("/") and path != ""


def test_paths_of_windows():
    assert inside("robin\\a.jpg") == "robin/a.jpg" and inside("C:\\a.jpg") is None and inside("..\\a.jpg") is None
