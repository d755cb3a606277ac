"""The mel store: content, resuming after a crash, worker counts, and files that are not stores."""

import fcntl
import json
import multiprocessing
import os
import pickle
import random
import re
import resource
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest

from speech2img.audio import store as store_module
from speech2img.audio import store_writer as spool_module
from speech2img.audio.io import read_audio
from speech2img.audio.mel import MEL_PRESETS, MelPreset, log_mel
from speech2img.audio.store import build_mel_store
from speech2img.audio.store_writer import FRAMES_AT, Spool
from speech2img.audio.wav import write_wav
from speech2img.errors import AudioError, DataError, DiskFullError, RunInterrupted
from speech2img.storage import progress as progress_module
from speech2img.storage.lock import LOCK

PRESET = MEL_PRESETS["li2020"]
Child = Callable[[Callable[[], object]], int]
Kill = Callable[[Callable[[], object], int], int]


def content(path: Path) -> tuple[bytes, bytes, bytes]:
    with h5py.File(path) as file:
        return tuple(file[name][()].tobytes() for name in ("ids", "offsets", "frames"))


def test_reads_what_log_mel_gives(entries: list[tuple[str, Path]], tmp_path: Path) -> None:
    store = build_mel_store(tmp_path / "mels.h5", entries, preset=PRESET, progress=False)
    assert store.preset == PRESET
    assert store.ids == [name for name, _ in entries]
    assert store.lengths.dtype == np.int64
    for position, (name, path) in enumerate(entries):
        expected = log_mel(read_audio(path, sample_rate=16_000), preset=PRESET).T
        assert store.index(name) == position
        assert store.lengths[position] == len(expected)
        np.testing.assert_allclose(store.read(position), expected, atol=0.04)
    assert not (tmp_path / "mels.h5.building").exists()
    again = pickle.loads(pickle.dumps(store))
    np.testing.assert_array_equal(again.read(3), store.read(3))
    with pytest.raises(IndexError):
        store.read(12)
    with pytest.raises(DataError, match="nobody"):
        store.index("nobody")


def test_any_worker_count_gives_the_same_content(entries: list[tuple[str, Path]], tmp_path: Path) -> None:
    entries = [(f"{copy}/{name}", path) for copy in range(6) for name, path in entries]
    for workers in (1, 2, 5):
        build_mel_store(tmp_path / f"{workers}.h5", entries, preset=PRESET, workers=workers, progress=False)
    assert content(tmp_path / "1.h5") == content(tmp_path / "2.h5") == content(tmp_path / "5.h5")


def test_kept_while_its_recordings_are_the_same(entries: list[tuple[str, Path]], tmp_path: Path) -> None:
    path = tmp_path / "mels.h5"
    build_mel_store(path, entries, preset=PRESET, progress=False)
    stamp = path.stat().st_mtime_ns
    build_mel_store(path, entries, preset=PRESET, progress=False)
    assert path.stat().st_mtime_ns == stamp
    write_wav(entries[0][1], np.sin(np.arange(3200) / 9).astype(np.float32), sample_rate=16_000)
    store = build_mel_store(path, entries, preset=PRESET, progress=False)
    assert store.lengths[0] == 21
    assert build_mel_store(path, entries, preset=MEL_PRESETS["s2igan"], progress=False).preset.name == "s2igan"


def test_goes_on_after_an_interruption(
    entries: list[tuple[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mels.h5"
    calls: list[str] = []

    def read(entry: tuple[str, Path], preset: object) -> np.ndarray:
        calls.append(entry[0])
        if len(calls) == 8:
            raise KeyboardInterrupt
        return original(entry, preset)

    original = store_module._read_mel
    monkeypatch.setattr(store_module, "_read_mel", read)
    monkeypatch.setattr(store_module, "_GROUP_ITEMS", 1)
    with pytest.raises(RunInterrupted, match="7 of 12"):
        build_mel_store(path, entries, preset=PRESET, workers=1, progress=False)
    assert not path.exists()
    (frames,) = (tmp_path / "mels.h5.building").glob("frames-*.h5")
    with frames.open("ab") as file:
        file.write(b"half a frame")
    calls[:] = ["interrupted"] * 8
    build_mel_store(path, entries, preset=PRESET, workers=1, progress=False)
    assert calls[8:] == [name for name, _ in entries[7:]]
    build_mel_store(tmp_path / "whole.h5", entries, preset=PRESET, progress=False)
    assert content(path) == content(tmp_path / "whole.h5")


def test_an_unusable_recording_keeps_what_was_finished(
    entries: list[tuple[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_GROUP_ITEMS", 1)
    entries[9][1].write_text("not sound")
    for _ in range(2):
        with pytest.raises(AudioError, match=r"9\.wav"):
            build_mel_store(tmp_path / "m.h5", entries, preset=PRESET, workers=3, progress=False)
        assert len(found(tmp_path / "m.h5")) == 6  # three more may be on their way


def test_a_killed_child_loses_nothing_that_counts(
    entries: list[tuple[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(entry: tuple[str, Path], preset: MelPreset) -> np.ndarray:
        if entry is entries[8]:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(entry, preset)

    original = store_module._read_mel
    monkeypatch.setattr(store_module, "_GROUP_ITEMS", 1)
    monkeypatch.setattr(store_module, "_read_mel", read)
    with pytest.raises(DataError, match="killed.*fewer --workers"):
        build_mel_store(tmp_path / "m.h5", entries, preset=PRESET, progress=False)
    assert 4 <= len(found(tmp_path / "m.h5")) <= 6
    monkeypatch.undo()
    build_mel_store(tmp_path / "m.h5", entries, preset=PRESET, progress=False)
    build_mel_store(tmp_path / "whole.h5", entries, preset=PRESET, progress=False)
    assert (tmp_path / "m.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_a_full_disk_in_a_child_is_told(entries: list[tuple[str, Path]], tmp_path: Path, in_child: Child) -> None:
    """A limit of the file size stands for the disk: the first child that meets it says so, and the rest goes on."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (FRAMES_AT + 3000, resource.RLIM_INFINITY))
        with pytest.raises(DiskFullError, match=r"m\.h5.*the disk is full"):
            build_mel_store(tmp_path / "m.h5", entries, preset=PRESET, progress=False)

    assert in_child(limited) == 0
    build_mel_store(tmp_path / "m.h5", entries, preset=PRESET, progress=False)
    build_mel_store(tmp_path / "whole.h5", entries, preset=PRESET, progress=False)
    assert content(tmp_path / "m.h5") == content(tmp_path / "whole.h5")


@pytest.mark.parametrize("count", [1, 2])
def test_a_kill_between_any_two_steps(
    entries: list[tuple[str, Path]], tmp_path: Path, killed_at: Kill, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Of one process, which writes and counts by itself; one recording is so short that HDF5 stores it elsewhere."""
    monkeypatch.setattr(store_module, "_GROUP_ITEMS", 1)
    monkeypatch.setattr(spool_module, "_BATCH_SECONDS", 0)
    build = partial(build_mel_store, entries=entries[:count], preset=PRESET, workers=1, progress=False)
    whole = build(tmp_path / "whole.h5")
    moment, seen, finished = 0, set(), set()
    while (status := killed_at(partial(build, tmp_path / f"{moment}.h5"), moment)) != 0:
        assert status == -signal.SIGKILL
        path = tmp_path / f"{moment}.h5"
        finished.add(path.exists())
        if not path.exists():
            lengths = found(path)
            assert lengths == whole.lengths[: len(lengths)].tolist()
            seen.add(len(lengths))
        build(path)
        assert path.read_bytes() == (tmp_path / "whole.h5").read_bytes()
        moment += 1
    assert moment >= 15
    assert finished == {False, True}
    assert len(seen) >= 2


def wait_for_lock(path: Path) -> None:
    """A child that was just forked has its parent's lock for another moment."""
    if path.exists():
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)


def found(path: Path) -> list[int]:
    """Frames of each utterance that an unfinished build would find."""
    journal = path.with_name(f"{path.name}.building") / "journal.jsonl"
    rows = map(json.loads, journal.read_text().splitlines()) if journal.exists() else ()
    source = next((row["digest"] for row in rows if "digest" in row), "nothing begun")
    return Spool(journal.parent, source, PRESET.n_mels).lengths


def _build_slowly(path: Path, entries: list[tuple[str, Path]], log: Path) -> None:
    """Build with two processes, 20 ms an item; what the progress bar tells goes into a file."""
    original = store_module._read_mel
    store_module._GROUP_ITEMS, spool_module._BATCH_SECONDS = 1, 0

    def slow(entry: tuple[str, Path], preset: MelPreset) -> np.ndarray:
        time.sleep(0.02)  # 120 by two processes: longer than all the time that three kills leave
        return original(entry, preset)

    store_module._read_mel = slow
    progress_module.LINE_SECONDS = 0.0
    with log.open("w") as sys.stderr:
        build_mel_store(path, entries, preset=PRESET, workers=2)


@pytest.mark.parametrize("seed", range(2))
def test_survives_kill(entries: list[tuple[str, Path]], tmp_path: Path, seed: int) -> None:
    """Three kills at random moments: the bar never told of more than the next call finds, and the end is the same."""
    entries = [(f"{copy}/{name}", path) for copy in range(10) for name, path in entries]
    path, log, draw = tmp_path / "mels.h5", tmp_path / "log", random.Random(seed)
    build_mel_store(tmp_path / "whole.h5", entries, preset=PRESET, progress=False)
    before = 0
    for _ in range(3):
        log.unlink(missing_ok=True)
        process = multiprocessing.get_context("fork").Process(target=_build_slowly, args=(path, entries, log))
        process.start()
        time.sleep(draw.uniform(0.02, 0.25))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        wait_for_lock(tmp_path / "mels.h5.building" / LOCK)
        told = [int(number) for number in re.findall(r" (\d+)/120 ", log.read_text())] if log.exists() else []
        now = len(found(path))
        assert now >= max([before, *told])
        assert not told or told[0] == before
        before = now
    build_mel_store(path, entries, preset=PRESET, progress=False)
    assert path.read_bytes() == (tmp_path / "whole.h5").read_bytes()
