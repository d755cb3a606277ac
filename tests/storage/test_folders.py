"""A folder that a person filled: nothing in it is passed over without a reason."""

import os
from pathlib import Path

import pytest

from speech2img.errors import DataError
from speech2img.storage.folders import folder_content

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


def fill(root: Path, *names: str, data: bytes = PNG) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def test_files_are_found_with_what_they_are_and_all_others_are_told(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "b/c", "b/d.TXT", "@eaDir/a.png/x.jpg", "b/__MACOSX/a.png", ".thumbnails/a.png", "._a.png")
    fill(tmp_path, ".DS_Store", "Thumbs.db", "derived/x.png")
    fill(tmp_path, "words.txt", data=b"hello")
    fill(tmp_path, "empty.jpg", data=b"")
    fill(tmp_path, "fork.jpg", data=b"\0\5\x16\7\0\2")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    content = folder_content(tmp_path, leave_out=lambda path: "ours" if path == "derived" else None)
    assert [(file.path, file.kind) for file in content.files] == [
        ("a.png", "image/png"),
        ("b/c", "image/png"),
        ("b/d.TXT", "image/png"),
        ("empty.jpg", None),
        ("words.txt", None),
    ]
    assert content.passed == {
        "@eaDir/": "made by a Synology disk station",
        "b/__MACOSX/": "made by macOS in an archive",
        ".thumbnails/": "hidden",
        "derived/": "ours",
        "._a.png": "made by macOS",
        ".DS_Store": "hidden",
        "Thumbs.db": "made by Windows",
        "fork.jpg": "made by macOS",
        "gone.png": "a link to nothing",
        "pipe.png": "not a regular file",
    }


def test_links_are_followed_once(tmp_path: Path) -> None:
    fill(tmp_path, "elsewhere/a.png", "root/b.png")
    root = tmp_path / "root"
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "file.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    assert [file.path for file in folder_content(root).files] == ["b.png", "file.png", "linked/a.png"]
    (root / "again").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="linked: .*twice"):
        folder_content(root)
    (root / "again").unlink()
    (root / "circle").symlink_to(root)
    with pytest.raises(DataError, match="circle: a link leads in a circle"):
        folder_content(root)


def test_names_in_any_encoding_are_found(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
        file.write(PNG)
    (found,) = folder_content(tmp_path).files
    assert os.fsencode(found.path) == b"caf\xe9.png"


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        folder_content(tmp_path / "missing")
