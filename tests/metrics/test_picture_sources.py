"""Pictures are found, ordered, hashed and refused alike wherever they come from."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from speech2img.errors import DataError, ImageError, MetricError, Speech2ImgError
from speech2img.metrics.picture_sources import (
    BOX_CROP,
    NO_CROP,
    ArrayPictures,
    StorePictures,
    folder_pictures,
    listed_pictures,
    manifest_pictures,
)


def _save(path: Path, value: int = 100, *, size: tuple[int, int] = (8, 6)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path, "PNG")
    return path


def test_folders_are_searched_to_any_depth_in_one_order(tmp_path: Path) -> None:
    for number, name in enumerate(("b/z.PNG", "b/a.png", "a.JPEG", "c/d/e/f.bmp", ".hidden.png", ".cache/x.png")):
        _save(tmp_path / name, number)
    (tmp_path / "notes.txt").write_text("no picture")
    source = folder_pictures(tmp_path)
    assert source.ids == ["a.JPEG", "b/a.png", "b/z.PNG", "c/d/e/f.bmp"] and source.crop == NO_CROP
    assert [source.read(row)[0].getpixel((0, 0))[0] for row in range(4)] == [2, 1, 0, 3]
    both = folder_pictures([tmp_path / "c", tmp_path / "b"])
    assert both.ids == ["0:d/e/f.bmp", "1:a.png", "1:z.PNG"]


def test_what_would_change_the_number_unseen_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        folder_pictures(tmp_path / "missing")
    with pytest.raises(DataError, match="holds no pictures"):
        folder_pictures(tmp_path)
    full, empty = tmp_path / "full", tmp_path / "empty"
    empty.mkdir()
    _save(full / "a.png")
    with pytest.raises(DataError, match="empty: holds no pictures"):
        folder_pictures([full, empty])
    (full / "loop").symlink_to(full)
    with pytest.raises(DataError, match="circle"):
        folder_pictures(full)
    (full / "loop").unlink()
    (full / "b.TIFF").write_bytes(b"")
    with pytest.raises(ImageError, match=r"b\.TIFF: a format that is not read"):
        folder_pictures(full)


def test_lists(tmp_path: Path) -> None:
    _save(tmp_path / "x" / "b.png"), _save(tmp_path / "x" / "a.png")
    names = tmp_path / "list.txt"
    names.write_text("x/b.png\r\n\n  x/a.png\n")
    assert listed_pictures(names).ids == ["x/a.png", "x/b.png"]
    names.write_text("b.png\n")
    assert listed_pictures(names, root=tmp_path / "x").ids == ["b.png"]
    for text, message in (
        ("b.png\nb.png\n", "twice"),
        ("gone.png\n", "gone.png"),
        ("\n", "holds no pictures"),
        ("a\0b.png", "holds the name"),
    ):
        names.write_text(text)
        with pytest.raises(DataError, match=message):
            listed_pictures(names, root=tmp_path / "x")
    names.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match="UTF-8"):
        listed_pictures(names)
    with pytest.raises(DataError, match="missing.txt"):
        listed_pictures(tmp_path / "missing.txt")


def test_a_corpus_crops_to_its_boxes(tmp_path: Path) -> None:
    _save(tmp_path / "images" / "a.png", size=(100, 80))
    _save(tmp_path / "images" / "b.png", size=(100, 80))
    items = [
        SimpleNamespace(id=name, image=f"images/{name}.png", box=(10.0, 10.0, 20.0, 16.0), split=split)
        for name, split in (("b", "test"), ("a", "train"))
    ]
    manifest = SimpleNamespace(root=tmp_path, corpus="cub", items=items)
    whole, boxed = manifest_pictures(manifest, crop=False), manifest_pictures(manifest)
    assert whole.ids == boxed.ids == ["a", "b"] and (whole.crop, boxed.crop) == (NO_CROP, BOX_CROP)
    assert whole.read(0)[0].size == (100, 80) and boxed.read(0)[0].size == (30, 30)
    assert whole.read(0)[1] != boxed.read(0)[1]
    assert manifest_pictures(manifest, split="test").ids == ["b"]
    assert folder_pictures(tmp_path / "images", manifest=manifest).read(1)[0].size == (30, 30)
    with pytest.raises(DataError, match="holds no pictures"):
        manifest_pictures(manifest, split="val")
    items[0].box = None
    with pytest.raises(DataError, match="no bounding box"):
        folder_pictures(tmp_path / "images", manifest=manifest)
    with pytest.raises(DataError, match="b has no bounding box"):
        manifest_pictures(manifest)
    items[0].box = (500.0, 0.0, 5.0, 5.0)
    with pytest.raises(ImageError, match=r"b\.png: .*outside"):
        manifest_pictures(manifest).read(1)


def test_arrays_and_stores() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 5, 3), dtype=np.uint8)
    array = ArrayPictures(images)
    assert np.array_equal(np.asarray(array.read(2)[0]), images[2])
    assert len({array.read(row)[1] for row in range(3)}) == 3
    changed = images.copy()
    changed[1, 0, 0, 0] ^= 1
    assert ArrayPictures(images.copy()).fingerprint() == array.fingerprint() != ArrayPictures(changed).fingerprint()
    store = SimpleNamespace(ids=["b", "a", "c"], size=5, read=lambda rows: images[list(rows)])
    source = StorePictures(store, ["c", "b"])
    assert source.ids == ["b", "c"] and np.array_equal(np.asarray(source.read(0)[0]), images[0])
    assert source.read(0)[1] == array.read(0)[1] and source.crop == "as stored at 5 px"
    assert source.fingerprint() != StorePictures(store, ["a", "b"]).fingerprint()
    for ids in (["a", "x"], ["a", "a"], []):
        with pytest.raises(DataError):
            StorePictures(store, ids)
    for wrong in (images.astype(np.float32), images[0], images[:0]):
        with pytest.raises(MetricError, match="uint8 array"):
            ArrayPictures(wrong)


def test_the_fingerprint_sees_a_changed_file(tmp_path: Path) -> None:
    file = _save(tmp_path / "a.png")
    before, content = folder_pictures(tmp_path).fingerprint(), folder_pictures(tmp_path).read(0)[1]
    os.utime(file, (1, 1))
    assert folder_pictures(tmp_path).fingerprint() != before and folder_pictures(tmp_path).read(0)[1] == content


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
        folder_pictures(tmp_path).read(0)
    assert type(caught.value) is ImageError


def test_grey_alpha_and_16_bit_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 77).save(tmp_path / "grey.png")
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "alpha.png")
    Image.fromarray(np.full((4, 4), 65535, dtype=np.uint16)).save(tmp_path / "deep.png")
    source = folder_pictures(tmp_path)
    assert source.ids == ["alpha.png", "deep.png", "grey.png"]
    assert [source.read(row)[0].getpixel((0, 0)) for row in range(3)] == [(255,) * 3, (255,) * 3, (77,) * 3]
