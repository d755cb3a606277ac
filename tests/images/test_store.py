"""The image store: content, resuming, worker counts, and files that are not stores."""

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from speech2img.errors import DataError, ImageError, RunInterrupted
from speech2img.images import store as store_module
from speech2img.images.io import crop_to_box
from speech2img.images.store import ImageStore, build_image_store

Entries = list[tuple[str, Path, tuple[float, float, float, float] | None]]


@pytest.fixture
def entries(tmp_path: Path) -> Entries:
    rng = np.random.default_rng(0)
    made: Entries = []
    for number in range(10):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (60 + number, 80, 3), dtype=np.uint8)).save(path)
        made.append((f"class/{number}", path, None if number % 2 else (10.0, 10.0, 30.0, 25.0)))
    return made


def test_reads_what_pil_gives(entries: Entries, tmp_path: Path) -> None:
    store = build_image_store(tmp_path / "images.h5", entries, size=16, progress=False)
    assert (store.size, store.ids, len(store)) == (16, [name for name, _, _ in entries], 10)
    everything = store.pixels()
    assert everything.shape == (10, 16, 16, 3)
    boxed = crop_to_box(Image.open(entries[0][1]), (10.0, 10.0, 30.0, 25.0))
    assert boxed.size == (44, 44)
    np.testing.assert_array_equal(everything[0], np.asarray(boxed.resize((16, 16), Image.Resampling.BILINEAR)))
    middle = Image.open(entries[1][1]).crop((9, 0, 70, 61)).resize((16, 16), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(everything[1], np.asarray(middle))
    np.testing.assert_array_equal(store.read([7, 2, 2]), everything[[7, 2, 2]])
    written = store.pixels().checked([0])
    written[0] = 255 - written[0]
    np.testing.assert_array_equal(store.pixels()[0], everything[0])
    assert store.read([]).shape == (0, 16, 16, 3)
    assert store.index("class/4") == 4
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store)).read([3]), everything[[3]])
    with h5py.File(tmp_path / "images.h5") as file:
        np.testing.assert_array_equal(file["pixels"][()], everything)
    for wrong in (-1, 10):
        with pytest.raises(IndexError):
            store.read([wrong])
    with pytest.raises(DataError, match="nobody"):
        store.index("nobody")


def test_any_worker_count_gives_the_same_bytes(entries: Entries, tmp_path: Path) -> None:
    for workers in (1, 4):
        build_image_store(tmp_path / f"{workers}.h5", entries, size=12, workers=workers, progress=False)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "4.h5").read_bytes()


def test_goes_on_after_an_interruption(entries: Entries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "images.h5"
    calls: list[str] = []

    def read(entry: store_module.Entry, size: int) -> np.ndarray:
        calls.append(entry[0])
        if len(calls) == 7:
            raise KeyboardInterrupt
        return original(entry, size)

    original = store_module._read_entry
    monkeypatch.setattr(store_module, "_read_entry", read)
    monkeypatch.setattr(store_module, "_BATCH_ITEMS", 4)
    with pytest.raises(RunInterrupted, match="6 of 10"):
        build_image_store(path, entries, size=16, workers=1, progress=False)
    assert not path.exists()
    calls[:] = ["interrupted"] * 7
    store = build_image_store(path, entries, size=16, workers=1, progress=False)
    assert calls[7:] == [name for name, _, _ in entries[6:]]
    whole = build_image_store(tmp_path / "whole.h5", entries, size=16, progress=False)
    np.testing.assert_array_equal(store.pixels(), whole.pixels())
    assert not (tmp_path / "images.h5.building").exists()


def test_kept_while_its_pictures_are_the_same(entries: Entries, tmp_path: Path) -> None:
    path = tmp_path / "images.h5"
    build_image_store(path, entries, size=16, progress=False)
    stamp = path.stat().st_mtime_ns
    build_image_store(path, entries, size=16, progress=False)
    assert path.stat().st_mtime_ns == stamp
    assert build_image_store(path, entries, size=20, progress=False).size == 20
    moved = [(name, file, (0.0, 0.0, 9.0, 9.0)) for name, file, _ in entries]
    first = ImageStore(path).read([0])
    assert (build_image_store(path, moved, size=20, progress=False).read([0]) != first).any()


def test_names_missing_and_unusable_pictures(entries: Entries, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 of 11 files: missing: .*gone.png"):
        build_image_store(tmp_path / "s.h5", [*entries, ("g", tmp_path / "gone.png", None)], size=8, progress=False)
    with pytest.raises(DataError, match="twice"):
        build_image_store(tmp_path / "s.h5", [entries[0], entries[0]], size=8, progress=False)
    with pytest.raises(DataError, match="no files"):
        build_image_store(tmp_path / "s.h5", [], size=8, progress=False)
    outside = [("x", entries[0][1], (500.0, 500.0, 5.0, 5.0))]
    with pytest.raises(ImageError, match=r"0\.png.*outside"):
        build_image_store(tmp_path / "s.h5", outside, size=8, progress=False)
    entries[5][1].write_text("no picture")
    with pytest.raises(ImageError, match=r"5\.png"):
        build_image_store(tmp_path / "s.h5", entries, size=8, progress=False)


def test_refuses_what_is_no_store(entries: Entries, tmp_path: Path, unseal: Callable[[Path], None]) -> None:
    path = tmp_path / "images.h5"
    with pytest.raises(DataError, match="no such file"):
        ImageStore(path)
    path.write_bytes(b"text")
    with pytest.raises(DataError, match="not a readable store"):
        ImageStore(path)
    build_image_store(path, entries, size=16, progress=False)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5000])
    with pytest.raises(DataError):
        ImageStore(path)
    build_image_store(path, entries, size=16, progress=False)
    unseal(path)
    assert len(ImageStore(path)) == len(entries)
    with h5py.File(path, "r+") as file:
        del file["ids"]
        file["ids"] = np.array([b"one"])
    with pytest.raises(DataError, match="do not fit"):
        ImageStore(path)


def test_photographs_lie_upright_and_a_store_from_before_they_were_turned_is_built_anew(
    entries: Entries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    stored = Image.open(entries[0][1]).convert("RGB")
    stored.save(tmp_path / "phone.png", exif=exif)
    phone: Entries = [
        ("phone", tmp_path / "phone.png", None),
        ("boxed", tmp_path / "phone.png", (10.0, 10.0, 30.0, 25.0)),
    ]
    with monkeypatch.context() as before:
        digest = store_module.digest_sources
        old = lambda settings, *args, **more: digest(settings.replace(" upright", ""), *args, **more)  # noqa: E731
        before.setattr(store_module, "digest_sources", old)
        lying = build_image_store(tmp_path / "images.h5", phone, size=16, progress=False).source
    store = build_image_store(tmp_path / "images.h5", phone, size=16, progress=False)
    assert store.source != lying
    upright = stored.transpose(Image.Transpose.ROTATE_180)
    np.testing.assert_array_equal(store.read([0])[0], store_module.square_thumbnail(upright, 16))
    boxed = crop_to_box(stored, (10.0, 10.0, 30.0, 25.0)).transpose(Image.Transpose.ROTATE_180)
    np.testing.assert_array_equal(store.read([1])[0], store_module.square_thumbnail(boxed, 16))


def everything(path: Path) -> object:
    store = ImageStore(path)
    return store.ids, store.source, store.read(range(len(store))).tobytes(), np.asarray(store.pixels()).tobytes()


def test_damage_never_becomes_a_picture(
    entries: Entries,
    tmp_path: Path,
    flipped: Callable[[bytes, int], Iterator[bytes]],
    damaged: Callable[[bytes, int], Iterator[bytes]],
    hold_contract: Callable[..., int],
) -> None:
    path = tmp_path / "images.h5"
    build_image_store(path, entries, size=16, progress=False)
    whole, expected = path.read_bytes(), everything(path)
    assert hold_contract(path, flipped(whole, 300), lambda: everything(path), expected) >= 300
    hold_contract(path, damaged(whole, 60), lambda: everything(path), expected)


def test_pictures_of_earlier_versions_are_read_or_refused(
    entries: Entries,
    tmp_path: Path,
    unseal: Callable[[Path], None],
    damaged: Callable[[bytes, int], Iterator[bytes]],
    hold_contract: Callable[..., int],
) -> None:
    path = tmp_path / "images.h5"
    build_image_store(path, entries, size=16, progress=False)
    expected = everything(path)
    unseal(path)
    assert everything(path) == expected
    hold_contract(path, damaged(path.read_bytes(), 50), lambda: everything(path))


def test_a_damaged_picture_is_named_where_it_is_read(entries: Entries, tmp_path: Path) -> None:
    path = tmp_path / "images.h5"
    store = build_image_store(path, entries, size=16, progress=False)
    with h5py.File(path) as file:
        offset = file["pixels"].id.get_offset()
    with path.open("r+b") as file:
        file.seek(offset + 4 * 16 * 16 * 3 + 50)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 128]))
    for opened in (store, ImageStore(path)):
        assert opened.read([3, 5]).shape == (2, 16, 16, 3) and opened.pixels()[3].shape == (16, 16, 3)
        for read in (lambda one=opened: one.read([3, 4]), lambda one=opened: one.pixels()[np.array([4])]):
            with pytest.raises(DataError, match=r"images\.h5: damaged: picture 'class/4' \(number 4\).*delete it"):
                read()
        with pytest.raises(DataError, match="class/4"):
            opened.pixels().checked(np.array([0, 4]))


def test_an_unfinished_store_of_an_earlier_version_is_finished(
    entries: Entries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal has no checksums yet; a damaged line of it counts as not done."""
    path, calls = tmp_path / "images.h5", 0

    def read(entry: store_module.Entry, size: int) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise KeyboardInterrupt
        return original(entry, size)

    original = store_module._read_entry
    monkeypatch.setattr(store_module, "_read_entry", read)
    monkeypatch.setattr(store_module, "_BATCH_ITEMS", 2)
    with pytest.raises(RunInterrupted):
        build_image_store(path, entries, size=16, workers=1, progress=False)
    monkeypatch.undo()
    journal = tmp_path / "images.h5.building" / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert any(line.pop("checks", None) for line in lines)
    lines[-1]["count"] = 10**30
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    build_image_store(path, entries, size=16, progress=False)
    build_image_store(tmp_path / "whole.h5", entries, size=16, progress=False)
    assert everything(path) == everything(tmp_path / "whole.h5")
