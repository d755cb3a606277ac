"""Recordings from pipes: read to their end, and never waited for without end."""

import contextlib
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from speech2img.audio import pipes
from speech2img.audio.limits import AudioLimits
from speech2img.audio.pipes import is_pipe, read_pipe, read_standard_input
from speech2img.errors import AudioError


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def write(path: Path, *parts: bytes, pause: float = 0.05) -> threading.Thread:
    def work() -> None:
        with contextlib.suppress(BrokenPipeError), path.open("wb", buffering=0) as file:
            for part in parts:
                file.write(part)
                time.sleep(pause)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_pipe_is_read_to_its_end(fifo: Path) -> None:
    for parts in ((b"one", b"two", b"three"), (b"x" * 200_000,), ()):
        thread = write(fifo, *parts)
        assert read_pipe(fifo) == b"".join(parts)
        thread.join()
    assert is_pipe(fifo) and not is_pipe(fifo.parent) and not is_pipe("none") and not is_pipe("a\0b")


def test_a_pipe_whose_writer_comes_late_is_waited_for(fifo: Path) -> None:
    timer = threading.Timer(0.3, lambda: fifo.write_bytes(b"late"))
    timer.start()
    assert read_pipe(fifo) == b"late"


def test_nothing_is_waited_for_without_end(fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "PATIENCE", 0.2)
    with pytest.raises(AudioError, match="fifo: nothing came for 0 s; check the program"):
        read_pipe(fifo)
    monkeypatch.setattr(pipes, "LONGEST", 0.3)
    thread = write(fifo, *[b"x"] * 20)
    with pytest.raises(AudioError, match="still goes on after 0 s"):
        read_pipe(fifo)
    thread.join()


def test_more_than_a_recording_may_have_is_not_read(fifo: Path) -> None:
    thread = write(fifo, b"x" * 5000)
    with pytest.raises(AudioError, match="more than 1,000 bytes came"):
        read_pipe(fifo, limits=AudioLimits(max_bytes=1000))
    thread.join()


def test_a_terminal_and_a_closed_input_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = os.openpty()
    with os.fdopen(follower) as terminal, os.fdopen(leader, "wb"):
        monkeypatch.setattr(sys, "stdin", terminal)
        with pytest.raises(AudioError, match="standard input: is a terminal; pipe a recording into it"):
            read_standard_input()
    with pytest.raises(AudioError, match="standard input: is closed"):
        read_standard_input()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(AudioError, match="standard input: is closed"):
        read_standard_input()
