"""Mel stores that are damaged, of earlier versions, or no stores at all."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from speech2img.audio import store as store_module
from speech2img.audio.store import MelStore, build_mel_store
from speech2img.audio.store_writer import FRAMES_AT
from speech2img.errors import AudioError, DataError, RunInterrupted

from .test_store import PRESET


def test_names_missing_and_unusable_recordings(entries: list[tuple[str, Path]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 of 14 files: missing: .*gone0.wav.*synthesize"):
        gone = [(f"g{k}", tmp_path / f"gone{k}.wav") for k in range(2)]
        build_mel_store(tmp_path / "m.h5", [*entries, *gone], preset=PRESET, progress=False)
    with pytest.raises(DataError, match="twice"):
        build_mel_store(tmp_path / "m.h5", [entries[0], entries[0]], preset=PRESET, progress=False)
    with pytest.raises(DataError, match="no files"):
        build_mel_store(tmp_path / "m.h5", [], preset=PRESET, progress=False)
    with pytest.raises(DataError, match=r"0\.wav: the id '\\udce9' is not UTF-8"):
        build_mel_store(tmp_path / "m.h5", [("\udce9", entries[0][1])], preset=PRESET, progress=False)
    entries[5][1].write_text("not sound")
    with pytest.raises(AudioError, match=r"5\.wav"):
        build_mel_store(tmp_path / "m.h5", entries, preset=PRESET, progress=False)


def test_refuses_what_is_no_store(
    entries: list[tuple[str, Path]], tmp_path: Path, unseal: Callable[[Path], None]
) -> None:
    path = tmp_path / "mels.h5"
    with pytest.raises(DataError, match="no such file"):
        MelStore(path)
    path.write_bytes(b"text")
    with pytest.raises(DataError, match="not a readable store"):
        MelStore(path)
    build_mel_store(path, entries, preset=PRESET, progress=False)
    for key, value in (("preset_fingerprint", "x"), ("format", "x")):
        build_mel_store(path, entries, preset=PRESET, progress=False)
        with h5py.File(path, "r+") as file:
            file.attrs[key] = value
        with pytest.raises(DataError):
            MelStore(path)
    build_mel_store(path, entries, preset=PRESET, progress=False)
    unseal(path)
    assert len(MelStore(path)) == len(entries)
    with h5py.File(path, "r+") as file:
        file["offsets"][-1] += 1
    with pytest.raises(DataError, match="do not fit"):
        MelStore(path)


def everything(path: Path) -> object:
    store = MelStore(path)
    return store.ids, store.source, [store.read(number).tobytes() for number in range(len(store))]


@pytest.mark.parametrize("items", [3, 12])
def test_damage_never_becomes_a_mel(
    items: int,
    entries: list[tuple[str, Path]],
    tmp_path: Path,
    flipped: Callable[[bytes, int], Iterator[bytes]],
    damaged: Callable[[bytes, int], Iterator[bytes]],
    hold_contract: Callable[..., int],
) -> None:
    path = tmp_path / "m.h5"
    build_mel_store(path, entries[:items], preset=PRESET, progress=False)
    whole, expected = path.read_bytes(), everything(path)
    refused = hold_contract(path, flipped(whole, 300), lambda: everything(path), expected)
    assert refused >= 300
    hold_contract(path, damaged(whole, 60), lambda: everything(path), expected)


def test_mels_of_earlier_versions_are_read_or_refused(
    entries: list[tuple[str, Path]],
    tmp_path: Path,
    unseal: Callable[[Path], None],
    damaged: Callable[[bytes, int], Iterator[bytes]],
    hold_contract: Callable[..., int],
) -> None:
    path = tmp_path / "m.h5"
    build_mel_store(path, entries[:3], preset=PRESET, progress=False)
    expected = everything(path)
    unseal(path)
    assert everything(path) == expected
    hold_contract(path, damaged(path.read_bytes(), 50), lambda: everything(path))


def test_a_mel_of_an_earlier_version_that_is_not_finite_is_refused(
    entries: list[tuple[str, Path]], tmp_path: Path, unseal: Callable[[Path], None]
) -> None:
    path = tmp_path / "m.h5"
    store = build_mel_store(path, entries[:3], preset=PRESET, progress=False)
    unseal(path)
    with h5py.File(path, "r+") as file:
        file["frames"][int(store.lengths[0]), 7] = np.nan
    earlier = MelStore(path)
    assert np.isfinite(earlier.read(0)).all()
    with pytest.raises(DataError, match=r"m\.h5: damaged: utterance 'bird/é_1' .* not finite; delete it"):
        earlier.read(1)


def test_a_damaged_mel_is_named_where_it_is_read(entries: list[tuple[str, Path]], tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    store = build_mel_store(path, entries, preset=PRESET, progress=False)
    expected = store.read(7)
    with path.open("r+b") as file:
        file.seek(FRAMES_AT + 2 * 40 * int(store.lengths[:8].sum()))
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    again = MelStore(path)
    np.testing.assert_array_equal(again.read(7), expected)
    for opened in (again, store):
        with pytest.raises(DataError, match=r"m\.h5: damaged: utterance 'bird/é_8' \(number 8\).*delete it and run"):
            opened.read(8)


def test_an_unfinished_store_of_an_earlier_version_is_finished(
    entries: list[tuple[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal has no checksums yet."""
    path, calls = tmp_path / "m.h5", 0

    def read(entry: tuple[str, Path], preset: object) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == 8:
            raise KeyboardInterrupt
        return original(entry, preset)

    original = store_module._read_mel
    monkeypatch.setattr(store_module, "_read_mel", read)
    monkeypatch.setattr(store_module, "_GROUP_ITEMS", 2)
    with pytest.raises(RunInterrupted):
        build_mel_store(path, entries, preset=PRESET, workers=1, progress=False)
    monkeypatch.undo()
    journal = tmp_path / "m.h5.building" / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert any(line.pop("checks", None) for line in lines)
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    build_mel_store(path, entries, preset=PRESET, progress=False)
    build_mel_store(tmp_path / "whole.h5", entries, preset=PRESET, progress=False)
    assert path.read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_what_has_the_name_of_a_store_is_not_replaced(entries: list[tuple[str, Path]], tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    for make in (path.mkdir, lambda: os.mkfifo(path)):
        make()
        with pytest.raises(DataError, match="not a regular file"):
            build_mel_store(path, entries, preset=PRESET, progress=False)
        with pytest.raises(DataError, match=r"m\.h5"):
            MelStore(path)
        path.rmdir() if path.is_dir() else path.unlink()
