"""The spool of a mel store: what counts is there, and nothing else counts."""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from speech2img.audio import store_writer as spool_module
from speech2img.audio.store_writer import FRAMES_AT, Spool
from speech2img.errors import DataError
from speech2img.storage.hdf5.seal import check_of
from speech2img.storage.progress import Progress

BANDS = 8
LENGTHS = [[3, 500], [70], [41, 1]]
ROWS = sum(map(sum, LENGTHS))


def mels(group: int) -> list[np.ndarray]:
    draw = np.random.default_rng(group)
    return [draw.standard_normal((length, BANDS)).astype(np.float16) for length in LENGTHS[group]]


def expected() -> np.ndarray:
    return np.concatenate([mel for group in range(len(LENGTHS)) for mel in mels(group)])


def fill(spool: Spool, groups: Iterator[int]) -> int:
    """Count groups as they are written; gives what the bar tells."""
    with Progress(total=5, what="mels", unit="utt", progress=False) as bar:
        told: list[int] = []
        bar.update = told.append
        try:
            spool.fill(groups, bar)
        finally:
            assert sum(told) <= len(spool.lengths)
    return sum(told)


def take(spool: Spool, group: int) -> int:
    return spool.take(LENGTHS[group], [check_of(mel) for mel in mels(group)])


def written_backwards(spool: Spool) -> Iterator[int]:
    rows = [take(spool, group) for group in range(len(LENGTHS))]
    for group in reversed(range(len(LENGTHS))):
        spool.write(mels(group), rows[group])
        yield 0
    yield len(LENGTHS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "building").mkdir()
    return tmp_path / "building"


def test_the_store_is_what_was_written(folder: Path, tmp_path: Path) -> None:
    spool = Spool(folder, "s" * 64, BANDS)
    assert fill(spool, written_backwards(spool)) == 5
    names = [f"bird/é{number}" for number in range(5)]
    spool.finish(tmp_path / "m.h5", names, {"format": "x"})
    with h5py.File(tmp_path / "m.h5") as file:
        assert file["frames"].dtype == np.float16
        assert file["frames"].id.get_offset() == FRAMES_AT
        np.testing.assert_array_equal(file["frames"], expected())
        assert file["offsets"][()].tolist() == [0, 3, 503, 573, 614, 615]
        assert [name.decode() for name in file["ids"]] == names
        assert dict(file.attrs) == {"format": "x"}


def test_goes_on_behind_what_counts(folder: Path, tmp_path: Path) -> None:
    def broken(spool: Spool) -> Iterator[int]:
        for group in range(2):
            spool.write(mels(group), take(spool, group))
        spool.take([9], [0])
        yield 1
        raise KeyboardInterrupt

    def rest(spool: Spool) -> Iterator[int]:
        for group in (1, 2):
            spool.write(mels(group), take(spool, group))
            yield group

    spool = Spool(folder, "s", BANDS)
    with pytest.raises(KeyboardInterrupt):
        fill(spool, broken(spool))
    again = Spool(folder, "s", BANDS)
    assert spool.lengths == again.lengths == LENGTHS[0]
    fill(again, rest(again))
    again.finish(tmp_path / "m.h5", list("abcde"), {})
    with h5py.File(tmp_path / "m.h5") as file:
        np.testing.assert_array_equal(file["frames"], expected())


def test_what_the_disk_refused_never_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an fsync that failed the next one succeeds, without the data."""
    calls = 0

    def fsync(file: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError(errno.ENOSPC, "no space")

    spool = Spool(folder, "s", BANDS)
    monkeypatch.setattr(spool_module, "_BATCH_SECONDS", 0)
    monkeypatch.setattr(spool_module.os, "fsync", fsync)
    with pytest.raises(OSError, match="no space"):
        fill(spool, iter([take(spool, 0) + 1, 1, 1]))
    monkeypatch.undo()
    assert spool.lengths == Spool(folder, "s", BANDS).lengths == []


@pytest.mark.parametrize("harm", ["other source", "no frames", "older format"])
def test_begins_anew(folder: Path, harm: str) -> None:
    spool = Spool(folder, "s", BANDS)
    fill(spool, written_backwards(spool))
    assert len(Spool(folder, "s", BANDS).lengths) == 5
    (folder / "run.lock").touch()
    if harm == "no frames":
        os.unlink(folder / "frames-s.h5")
    elif harm == "older format":
        lines = (folder / "journal.jsonl").read_text().splitlines()
        (folder / "journal.jsonl").write_text("\n".join([json.dumps({"key": "source", "digest": "s"}), *lines[1:], ""]))
    source = "t" if harm == "other source" else "s"
    assert Spool(folder, source, BANDS).lengths == []
    assert Spool(folder, source, BANDS).lengths == []
    assert sorted(os.listdir(folder)) == [f"frames-{source}.h5", "journal.jsonl", "run.lock"]


def test_frames_that_are_gone_are_told(folder: Path) -> None:
    spool = Spool(folder, "s", BANDS)
    fill(spool, written_backwards(spool))
    os.truncate(folder / "frames-s.h5", FRAMES_AT + 2 * BANDS * ROWS - 1)
    with pytest.raises(DataError, match=r"damaged; delete this folder"):
        Spool(folder, "s", BANDS)
