"""A tree of pictures is read by the names in it, and what fits nowhere is named."""

import pytest

from speech2img.corpora.folder.entries import classes_and_splits
from speech2img.corpora.folder.tree import read_tree
from speech2img.corpora.folder.unused import describe_unused
from speech2img.errors import DataError


def read(root):
    reading = read_tree(root)
    lines = {entry.image: [(line.index, line.audio, line.text) for line in entry.lines] for entry in reading.entries}
    return lines, [*reading.notes, *describe_unused(reading.unused)]


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
    for name in ("a.m4a", "b.m4a"):
        (root / name).write_bytes(b"x")
    lines, notes = read(root)
    assert list(lines) == ["a.jpg"]
    assert notes == [
        "2 files not used: called a recording, but none of a known format (a.m4a, b.m4a)",
        "2 files not used: in a folder whose name this library keeps for what it makes; rename the folder if they are "
        "yours (derived/, reports/)",
        "1 file not used: a text of no picture (notes.txt)",
        "1 file not used: hidden, or made by a system (.hidden/)",
    ]


@pytest.mark.parametrize(
    "names, reason",
    [
        (["a.txt"], "no pictures"),
        (["a.jpg", "b.wav", "c.wav"], r"2 recordings without a picture: b.wav, c.wav; name each like its picture"),
        (["x/a.jpg", "y/a.jpg", "a.wav"], "1 recording without a picture: a.wav"),
        (
            ["train/x/a.jpg", "test/x/a.jpg", "audio/x/a.wav"],
            "a.wav: may belong to test/x/a.jpg or to train/x/a.jpg; .*--leave-out-unusable",
        ),
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
