"""Pictures are found, ordered, hashed and refused alike wherever they come from."""

import contextlib
import os
import struct
import tempfile
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from speech2img.errors import DataError, ImageError, MetricError, Speech2ImgError
from speech2img.metrics.images.sources import (
    BOX_CROP,
    NO_CROP,
    ArrayImages,
    StoreImages,
    folder_images,
    listed_images,
    manifest_images,
)


def _save(path: Path, value: int = 100, *, size: tuple[int, int] = (8, 6)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path, "PNG")
    return path


def test_folders_are_searched_to_any_depth_in_one_order(tmp_path: Path) -> None:
    for number, name in enumerate(("b/z.PNG", "b/a.png", "a.JPEG", "c/d/e/f.bmp", ".hidden.png", ".cache/x.png")):
        _save(tmp_path / name, number)
    (tmp_path / "notes.txt").write_text("no picture")
    source = folder_images(tmp_path)
    assert source.ids == ["a.JPEG", "b/a.png", "b/z.PNG", "c/d/e/f.bmp"] and source.crop == NO_CROP
    assert [source.read(row)[0].getpixel((0, 0))[0] for row in range(4)] == [2, 1, 0, 3]
    both = folder_images([tmp_path / "c", tmp_path / "b"])
    assert both.ids == ["0:d/e/f.bmp", "1:a.png", "1:z.PNG"]


def test_what_would_change_the_number_unseen_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        folder_images(tmp_path / "missing")
    with pytest.raises(DataError, match="holds no pictures"):
        folder_images(tmp_path)
    full, empty = tmp_path / "full", tmp_path / "empty"
    empty.mkdir()
    _save(full / "a.png")
    with pytest.raises(DataError, match="empty: holds no pictures"):
        folder_images([full, empty])
    (full / "loop").symlink_to(full)
    with pytest.raises(DataError, match="circle"):
        folder_images(full)
    (full / "loop").unlink()
    for name, data in (("b.HEIC", b""), ("c.jpg", b"\0\0\0\x18ftypheic" + bytes(40)), ("d.PPM", b"P6 1 1 255 abc")):
        (full / name).write_bytes(data)
        with pytest.raises(ImageError, match=rf"{name}: a format that is not read"):
            folder_images(full)
        (full / name).unlink()
    (full / "b.TIFF").write_bytes(b"")
    with pytest.raises(ImageError, match=r"b\.TIFF: the file is empty"):
        folder_images(full).read(1)
    with pytest.raises(DataError, match=r"a\.png: lies in .* as well"):
        folder_images([full, tmp_path])
    with pytest.raises(DataError, match="a file, not a folder"):
        folder_images(full / "a.png")


def test_lists(tmp_path: Path) -> None:
    _save(tmp_path / "x" / "b.png"), _save(tmp_path / "x" / "a.png")
    names = tmp_path / "list.txt"
    names.write_text("x/b.png\r\n\n  x/a.png\n")
    assert listed_images(names).ids == ["x/a.png", "x/b.png"]
    names.write_text("b.png\n")
    assert listed_images(names, root=tmp_path / "x").ids == ["b.png"]
    for text, message in (
        ("b.png\nb.png\n", "twice"),
        ("gone.png\n", "gone.png"),
        ("\n", "holds no pictures"),
        ("a\0b.png", "holds the name"),
    ):
        names.write_text(text)
        with pytest.raises(DataError, match=message):
            listed_images(names, root=tmp_path / "x")
    names.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match="UTF-8"):
        listed_images(names)
    with pytest.raises(DataError, match="missing.txt"):
        listed_images(tmp_path / "missing.txt")


def test_a_corpus_crops_to_its_boxes(tmp_path: Path) -> None:
    _save(tmp_path / "images" / "a.png", size=(100, 80))
    _save(tmp_path / "images" / "b.png", size=(100, 80))
    items = [
        SimpleNamespace(id=name, image=f"images/{name}.png", box=(10.0, 10.0, 20.0, 16.0), split=split)
        for name, split in (("b", "test"), ("a", "train"))
    ]
    manifest = SimpleNamespace(root=tmp_path, corpus="cub", items=items)
    whole, boxed = manifest_images(manifest, crop=False), manifest_images(manifest)
    assert whole.ids == boxed.ids == ["a", "b"] and (whole.crop, boxed.crop) == (NO_CROP, BOX_CROP)
    assert whole.read(0)[0].size == (100, 80) and boxed.read(0)[0].size == (30, 30)
    assert whole.read(0)[1] != boxed.read(0)[1]
    assert manifest_images(manifest, split="test").ids == ["b"]
    assert folder_images(tmp_path / "images", manifest=manifest).read(1)[0].size == (30, 30)
    with pytest.raises(DataError, match="holds no pictures"):
        manifest_images(manifest, split="val")
    items[0].box = None
    with pytest.raises(DataError, match="no bounding box"):
        folder_images(tmp_path / "images", manifest=manifest)
    with pytest.raises(DataError, match="b has no bounding box"):
        manifest_images(manifest)
    items[0].box = (500.0, 0.0, 5.0, 5.0)
    with pytest.raises(ImageError, match=r"b\.png: .*outside"):
        manifest_images(manifest).read(1)


def test_arrays_and_stores() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 5, 3), dtype=np.uint8)
    array = ArrayImages(images)
    assert np.array_equal(np.asarray(array.read(2)[0]), images[2])
    assert len({array.read(row)[1] for row in range(3)}) == 3
    changed = images.copy()
    changed[1, 0, 0, 0] ^= 1
    assert ArrayImages(images.copy()).fingerprint() == array.fingerprint() != ArrayImages(changed).fingerprint()
    store = SimpleNamespace(ids=["b", "a", "c"], size=5, read=lambda rows: images[list(rows)])
    source = StoreImages(store, ["c", "b"])
    assert source.ids == ["b", "c"] and np.array_equal(np.asarray(source.read(0)[0]), images[0])
    assert source.read(0)[1] == array.read(0)[1] and source.crop == "as stored at 5 px"
    assert source.fingerprint() != StoreImages(store, ["a", "b"]).fingerprint()
    for ids in (["a", "x"], ["a", "a"], []):
        with pytest.raises(DataError):
            StoreImages(store, ids)
    for wrong in (images.astype(np.float32), images[0], images[:0]):
        with pytest.raises(MetricError, match="uint8 array"):
            ArrayImages(wrong)


def test_the_fingerprint_sees_a_changed_file(tmp_path: Path) -> None:
    file = _save(tmp_path / "a.png")
    before, content = folder_images(tmp_path).fingerprint(), folder_images(tmp_path).read(0)[1]
    os.utime(file, (1, 1))
    assert folder_images(tmp_path).fingerprint() != before and folder_images(tmp_path).read(0)[1] == content


def _bomb(path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def _truncated(path: Path) -> None:
    _save(path, size=(64, 64))
    path.write_bytes(path.read_bytes()[:70])


@pytest.mark.parametrize(
    "spoil", [_bomb, _truncated, lambda path: path.write_bytes(b""), lambda path: path.write_text("hello")]
)
def test_pictures_that_cannot_be_read_are_named(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    spoil(tmp_path / "bad.png")
    with pytest.raises(Speech2ImgError, match=r"bad\.png: ") as caught:
        folder_images(tmp_path).read(0)
    assert type(caught.value) is ImageError


def test_grey_alpha_and_16_bit_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 77).save(tmp_path / "grey.png")
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "alpha.png")
    Image.fromarray(np.full((4, 4), 65535, dtype=np.uint16)).save(tmp_path / "deep.png")
    source = folder_images(tmp_path)
    assert source.ids == ["alpha.png", "deep.png", "grey.png"]
    assert [source.read(row)[0].getpixel((0, 0)) for row in range(3)] == [(255,) * 3, (255,) * 3, (77,) * 3]


def test_every_file_that_is_not_used_is_told(tmp_path: Path) -> None:
    for name in ("a.png", "no-suffix", "@eaDir/a.png/SYNO.png", "__MACOSX/._a.png", "._a.png", ".hidden/b.png"):
        _save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "sound.png.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    source = folder_images(tmp_path)
    assert source.ids == ["a.png", "no-suffix"]
    assert source.passed == {
        "@eaDir/": "made by a Synology disk station",
        "__MACOSX/": "made by macOS in an archive",
        "._a.png": "made by macOS",
        ".hidden/": "hidden",
        "gone.jpg": "a link to nothing",
        "notes.txt": "no picture (.txt)",
        "sound.png.wav": "no picture (audio/wav)",
    }
    (tmp_path / "a.png").unlink(), (tmp_path / "no-suffix").unlink()
    with pytest.raises(DataError, match=r"holds no pictures. found: 7 entries .*1 hidden.*1 no picture \(\.txt\)"):
        folder_images(tmp_path)


def test_names_in_any_encoding_and_spelling(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
        Image.new("RGB", (8, 6), (100, 100, 100)).save(file, "PNG")
    source = folder_images(tmp_path)
    assert source.ids == ["caf\\xe9.png"] and source.read(0)[0].size == (8, 6)
    source.fingerprint().encode()
    decomposed = unicodedata.normalize("NFD", "m\u00f6wen/d\u00e4mmerung.png")
    _save(tmp_path / decomposed)
    names = tmp_path / "list.txt"
    names.write_text(unicodedata.normalize("NFC", decomposed) + "\n", encoding="utf-8")
    assert listed_images(names).read(0)[0].size == (8, 6)
    names.write_text("\u00f6" * 5000, encoding="utf-8")
    with pytest.raises(DataError, match="missing"):
        listed_images(names)


def test_lists_end_lines_at_line_ends_only(tmp_path: Path) -> None:
    _save(tmp_path / "a\u2028b\x0cc.png")
    (tmp_path / "list.txt").write_text("a\u2028b\x0cc.png\n", encoding="utf-8")
    assert len(listed_images(tmp_path / "list.txt").ids) == 1


def test_pipes_and_devices_are_no_lists(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DataError, match="not a regular file"):
            listed_images(path)


def test_photographs_are_turned_unless_a_protocol_did_not(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 6), (100, 100, 100)).save(tmp_path / "a.jpg", exif=exif)
    upright, stored = folder_images(tmp_path), folder_images(tmp_path, upright=False)
    assert upright.read(0)[0].size == (6, 8) and stored.read(0)[0].size == (8, 6)
    assert upright.fingerprint() != stored.fingerprint()


def test_animations_are_told(tmp_path: Path) -> None:
    frame = _save(tmp_path / "a.png")
    picture = Image.open(frame)
    picture.save(tmp_path / "b.gif", save_all=True, append_images=[Image.new("RGB", picture.size)])
    source = folder_images(tmp_path)
    assert source.ids == ["a.png", "b.gif"] and source.several() == ["b.gif"]


@given(data=st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=150, deadline=None)
def test_any_list_gives_pictures_or_one_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.txt"
        path.write_bytes(data)
        with contextlib.suppress(Speech2ImgError):
            listed_images(path)
