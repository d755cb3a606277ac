"""A file is what its content says, whatever it is called."""

import io
from pathlib import Path

import pytest
from PIL import Image

from speech2img.corpora.folder import kinds as module
from speech2img.corpora.folder.kinds import Kinds, sort_by_kind
from speech2img.corpora.folder.walk import list_files

HEIC = b"\0\0\0\x18ftypheic" + bytes(60)
WEBM = b"\x1aE\xdf\xa3" + bytes(60)
M4A = b"\0\0\0\x18ftypM4A " + bytes(60)
MP42 = b"\0\0\0\x18ftypmp42" + bytes(60)


def picture(kind: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, kind)
    return data.getvalue()


WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(30)


def sort(root: Path, **files: bytes) -> Kinds:
    for name, data in files.items():
        (root / name).write_bytes(data)
    return sort_by_kind(root, list_files(root).files)


def test_content_decides(tmp_path: Path) -> None:
    files = {
        "a.JPG": picture("JPEG"),
        "b": picture("PNG"),
        "c.wav": picture("GIF"),
        "d.jfif": picture("JPEG"),
        "e.tif": picture("TIFF"),
        "f.txt": picture("WEBP"),
        "g.jpg": WAV,
        "h": b"OggS" + bytes(60),
        "i.aif": b"FORM\0\0\0\0AIFF" + bytes(50),
        "j.jpg": HEIC,
        "k.HEIC": HEIC,
        "l.pdf": b"%PDF-1.7",
        "m.txt": b"a bird",
    }
    kinds = sort(tmp_path, **files)
    assert kinds.images == ["a.JPG", "b", "c.wav", "d.jfif", "e.tif", "f.txt"]
    assert kinds.recordings == ["g.jpg", "h", "i.aif"] and kinds.texts == ["m.txt"]
    assert list(kinds.unread_images) == ["j.jpg", "k.HEIC"] and list(kinds.others) == ["l.pdf"]
    assert all("HEIC" in reason for reason in kinds.unread_images.values())


def test_a_picture_that_is_not_read_owns_nothing_where_a_read_one_has_its_name(tmp_path: Path) -> None:
    raw = b"II*\0\x10\0\0\0CR\2\0" + bytes(60)
    kinds = sort(
        tmp_path, **{"a.jpg": picture("JPEG"), "a.CR2": raw, "b.JPG": picture("JPEG"), "b.HEIC": HEIC, "c.heic": HEIC}
    )
    assert kinds.images == ["a.jpg", "b.JPG"] and list(kinds.unread_images) == ["c.heic"]
    assert kinds.others == {"a.CR2": module.READ_TWIN, "b.HEIC": module.READ_TWIN}


def test_a_text_may_begin_like_a_sound(tmp_path: Path) -> None:
    kinds = sort(tmp_path, **{"a.txt": b"caffeine brown bird", "b.txt": "hi".encode("utf-16"), "c.txt": b"ID3 said so"})
    assert kinds.texts == ["a.txt", "b.txt", "c.txt"]


def test_where_the_content_is_not_known_the_name_counts(tmp_path: Path) -> None:
    names = ["a.jpg", "b.wav", "c.gif", "d.aiff", "e.heic", "f.m4a", "g", "h.doc"]
    kinds = sort(tmp_path, **dict.fromkeys(names, b"x"))
    assert (kinds.images, kinds.recordings) == (["a.jpg", "c.gif"], ["b.wav", "d.aiff"])
    assert (list(kinds.unread_images), list(kinds.unread_recordings)) == (["e.heic"], ["f.m4a"])
    assert list(kinds.others) == ["g", "h.doc"]


@pytest.mark.parametrize("here", [True, False])
def test_sound_of_browsers_and_phones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool) -> None:
    """They are read where ffmpeg or PyAV is; a film beside a picture (Live Photo) is no description of it."""
    monkeypatch.setattr(module, "has_decoder", lambda: here)
    files = {"a.webm": WEBM, "b.m4a": M4A, "c.m4a": MP42, "d.mp4": MP42, "e.mov": b"\0\0\0\x14ftypqt  " + bytes(60)}
    kinds = sort(tmp_path, **files)
    sounds = ["a.webm", "b.m4a", "c.m4a"]
    assert (kinds.recordings, list(kinds.unread_recordings)) == ((sounds, []) if here else ([], sounds))
    assert here or all("ffmpeg" in reason for reason in kinds.unread_recordings.values())
    assert list(kinds.others) == ["d.mp4", "e.mov"] and "film" in kinds.others["d.mp4"]


def test_of_two_formats_of_one_file_the_usual_one_is_taken(tmp_path: Path) -> None:
    files = {
        "a.jpg": picture("JPEG"),
        "a.tif": picture("TIFF"),
        "a.wav": WAV,
        "a.aiff": b"FORM\0\0\0\0AIFF",
        "b.gif": b"",
    }
    kinds = sort(tmp_path, **files)
    assert kinds.images == ["a.jpg", "b.gif"] and kinds.recordings == ["a.wav"]
    assert set(kinds.others) == {"a.aiff", "a.tif"}


def test_tables_and_raw_pictures(tmp_path: Path) -> None:
    kinds = sort(tmp_path, **{"a.csv": b"image\n", "b.xlsx": b"PK\3\4" + bytes(60), "c.nef": b"MM\0*" + bytes(60)})
    assert set(kinds.others) == {"a.csv", "b.xlsx"} and all("--table" in reason for reason in kinds.others.values())
    assert list(kinds.unread_images) == ["c.nef"]
