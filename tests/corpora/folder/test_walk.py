"""Links are followed, circles end, and nothing of a folder is passed over in silence."""

import os
from pathlib import Path

import pytest

from speech2img.corpora.folder import walk
from speech2img.corpora.folder.walk import list_files
from speech2img.errors import DataError


def fill(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def found(root: Path, **options: frozenset[str]) -> tuple[list[str], dict[str, str]]:
    listing = list_files(root, **options)
    return [file.path for file in listing.files], {one.path: one.reason for one in listing.unused}


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    fill(tmp_path, "root/robin/a.jpg", "elsewhere/wren/b.jpg", "root/.store/jay/c.jpg")
    (tmp_path / "root/wren").symlink_to("../elsewhere/wren")
    (tmp_path / "root/jay").symlink_to(".store/jay")
    listing = list_files(tmp_path / "root")
    assert [file.path for file in listing.files] == ["jay/c.jpg", "robin/a.jpg", "wren/b.jpg"]
    assert listing.links == ["jay", "wren"]


def test_circles_end_and_no_folder_counts_twice(tmp_path: Path) -> None:
    fill(tmp_path, "root/robin/a.jpg", "elsewhere/b.jpg")
    links = {"all": "robin", "self": ".", "up": "..", "robin/back": "..", "x": "../elsewhere", "y": "../elsewhere"}
    for name, target in {**links, "slash": "/", "../elsewhere/in": "."}.items():
        (tmp_path / "root" / name).symlink_to(target)
    files, unused = found(tmp_path / "root")
    assert files == ["robin/a.jpg", "x/b.jpg"]
    anyway, around = "a link to a folder that is read anyway", "a link to a folder around this one"
    assert unused == {
        "all/": anyway,
        "self/": anyway,
        "robin/back/": anyway,
        "y/": anyway,
        "x/in/": anyway,
        "up/": around,
        "slash/": around,
    }


def test_names_that_cannot_be_used(tmp_path: Path) -> None:
    fill(tmp_path, "a\\b.jpg", "c\n.jpg", "d.jpg ", "e f.jpg", "ö.jpg")
    with open(os.fsencode(tmp_path) + b"/v\xf6gel.jpg", "wb"):
        pass
    files, unused = found(tmp_path)
    assert files == ["e f.jpg", "ö.jpg"]
    assert {path: reason.partition(";")[0] for path, reason in unused.items()} == {
        "a\\b.jpg": "the name has a back-slash, control characters or a space at its end",
        "c\n.jpg": "the name has a back-slash, control characters or a space at its end",
        "d.jpg ": "the name has a back-slash, control characters or a space at its end",
        "v\udcf6gel.jpg": "the name is not in UTF-8",
    }


def test_what_systems_make_is_one_reason(tmp_path: Path) -> None:
    fill(
        tmp_path,
        "@eaDir/a.jpg",
        "x/.thumbnails/b.jpg",
        "__MACOSX/c.jpg",
        "#recycle/d.jpg",
        "._e.jpg",
        "Thumbs.db",
        "~$f",
    )
    (tmp_path / "lost+found").mkdir()
    files, unused = found(tmp_path)
    assert files == [] and len(unused) == 7 and set(unused.values()) == {"hidden, or made by a system"}


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    (tmp_path / "b.jpg").symlink_to("nowhere")
    (tmp_path / "c.jpg").symlink_to("c.jpg")
    (tmp_path / "d.wav").symlink_to("/dev/zero")
    assert found(tmp_path)[1] == {
        "a.wav": "not a regular file",
        "b.jpg": "a link to nothing",
        "c.jpg": "a link to nothing",
        "d.wav": "not a regular file",
    }


def test_what_this_library_makes_is_no_news_once_there_is_a_manifest(tmp_path: Path) -> None:
    ours = [
        "manifest.jsonl",
        "train.json",
        "test/filenames.pickle",
        "derived/x.h5",
        "reports/y.png",
        "spoken/en/a_0.wav",
    ]
    fill(tmp_path, *ours, "spoken/mine.wav", "train/image_features_x.pickle", "a.jpg")
    files, unused = found(tmp_path, made=frozenset(["spoken/en/a_0.wav"]))
    assert files == ["a.jpg"] and list(unused) == ["spoken/mine.wav"]


def test_before_there_is_one_folders_of_these_names_are_the_users(tmp_path: Path) -> None:
    fill(tmp_path, "derived/a.jpg", "reports/b.jpg", "spoken/robin/c.wav", "derived/prepare/unusable.txt")
    listing = list_files(tmp_path)
    assert [(one.path, one.files) for one in listing.unused] == [("derived/", 1), ("reports/", 1), ("spoken/", 1)]
    assert all("rename the folder" in one.reason for one in listing.unused)


def test_a_folder_of_millions_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_FILES", 3)
    fill(tmp_path, "a", "b", "c")
    assert len(found(tmp_path)[0]) == 3
    fill(tmp_path, "d")
    with pytest.raises(DataError, match="more than 3 files"):
        list_files(tmp_path)
