"""The journal: what it reported stays, whatever happened to its last line."""

import errno
import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.damage import mutants
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import DataError, DiskFullError
from speech2img.storage.journal import Journal


def test_items_are_there_in_the_next_run(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a" / "done.jsonl")
    journal.add("x", frames=np.int64(3), name="é")
    journal.add_many([("y", {}), ("x", {"frames": 4})])
    journal.add_many([])
    assert Journal(journal.path).done == journal.done == {"x": {"frames": 4}, "y": {}}


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_torn_last_line_is_cut_off(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path / "done.jsonl")
    journal.add("whole")
    journal.add("torn", x="é" * 3)
    os.truncate(journal.path, journal.path.stat().st_size - cut)
    again = Journal(journal.path)
    assert again.done == {"whole": {}}
    again.add("next")
    assert Journal(journal.path).done == {"whole": {}, "next": {}}


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"3",
        b"{}",
        b'{"key": []}',
        b"\0" * 9,
        b"[" * 100_000,
        b"\xff",
        b'{"key": 3}',
        b'{"key": "c", "n": 1' + b"0" * 5000 + b"}",
    ],
    ids=range(9),
)
def test_a_damaged_line_counts_as_not_done(tmp_path: Path, line: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "done.jsonl"
    path.write_bytes(b'{"key": "a"}\n' + line + b'\n{"key": "b"}\n')
    assert Journal(path).done == {"a": {}, "b": {}}
    assert capsys.readouterr().err == f"speech2img: {path}: 1 damaged lines; their items count as not done\n"


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "done.jsonl")
    journal.add("a")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFullError, match="done.jsonl"):
            journal.add("b")
    assert journal.done == {"a": {}}
    journal.add("c")
    assert Journal(journal.path).done == {"a": {}, "c": {}}


def test_no_promised_item_is_lost_to_kill(tmp_path: Path, in_child: Callable[[Callable[[], Any]], int]) -> None:
    path, promised = tmp_path / "done.jsonl", tmp_path / "promised"

    def work() -> None:
        journal = Journal(path)
        for index in range(len(journal.done), 1000):
            journal.add(str(index))
            promised.write_text(str(index))
            if index % 7 == 6:
                os.kill(os.getpid(), signal.SIGKILL)

    for _ in range(10):
        assert in_child(work) == -signal.SIGKILL
        assert len(Journal(path).done) == int(promised.read_text()) + 1


def test_a_journal_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Is a directory"):
        Journal(tmp_path)


def test_a_shared_journal_has_the_lines_of_all_its_writers(tmp_path: Path) -> None:
    path = tmp_path / "done.jsonl"
    mine = Journal(path, shared=True)

    def work() -> None:
        other = Journal(path, shared=True)
        for index in range(50):
            other.add(f"other {index}", text="é" * 5000)
        with path.open("ab") as file:
            file.write(b'{"key": "torn')

    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    for index in range(50):
        mine.add(f"mine {index}", text="é" * 5000)
    assert os.waitpid(pid, 0)[1] == 0
    mine.add("after the torn line")
    wanted = {f"{who} {index}" for who in ("mine", "other") for index in range(50)} | {"after the torn line"}
    assert set(Journal(path).done) == wanted
    assert set(mine.done) < wanted
    mine.reload()
    assert set(mine.done) == wanted


def test_a_line_that_another_process_is_writing_is_not_torn(tmp_path: Path) -> None:
    path = tmp_path / "done.jsonl"
    mine = Journal(path, shared=True)
    half, written = os.pipe()
    pid = os.fork()
    if pid == 0:
        with path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(b'{"key": ')
            os.write(written, b"!")
            time.sleep(0.2)
            file.write(b'"other"}\n')
        os._exit(0)
    os.read(half, 1)
    mine.add("mine")
    assert os.waitpid(pid, 0)[1] == 0
    assert Journal(path).done == {"other": {}, "mine": {}}


@given(data=st.data())
def test_any_bytes_are_a_journal_or_our_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    whole = b'{"key": "a", "frames": 3}\n{"key": "b", "sha256": "00ff"}\n{"key": "c"}\n'
    content = data.draw(st.binary(max_size=300) | mutants(whole))
    path.write_bytes(content)
    try:
        done = Journal(path).done
    except DataError as error:
        assert "\n" not in str(error) and path.read_bytes() == content
    else:
        assert all(isinstance(key, str) and isinstance(fields, dict) for key, fields in done.items())
        assert content.startswith(path.read_bytes()) and Journal(path).done == done


def test_what_is_no_journal_keeps_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    for content in (b"a note without an end", b"\x89PNG\r\n\x1a\n...", b'{"key": "a"}\n# note', b"x" * (3 << 20)):
        path.write_bytes(content)
        with pytest.raises(DataError, match="does not end as a journal does"):
            Journal(path)
        assert path.read_bytes() == content


def test_a_line_of_zeros_after_a_loss_of_power_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "done.jsonl"
    for torn in (b"\0" * 5000, b'{"key": "b"' + b"\0" * 300):
        path.write_bytes(b'{"key": "a"}\n' + torn)
        assert Journal(path).done == {"a": {}} and path.read_bytes() == b'{"key": "a"}\n'


def test_pipes_devices_and_holes_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "hole").write_bytes(b"")
    os.truncate(tmp_path / "hole", 1 << 40)
    (tmp_path / "zeros").write_bytes(b"")
    os.truncate(tmp_path / "zeros", 1 << 29)
    for name in ("pipe", "device", "hole", "zeros"):
        with pytest.raises(DataError, match=name):
            Journal(tmp_path / name)
