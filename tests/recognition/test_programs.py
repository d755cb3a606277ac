"""A program run once: output kept, time and size bounded, and nothing that it started left behind."""

import os
import shutil
import time
from pathlib import Path

import pytest

from speech2img.recognition.programs import Finished, run_program

SHELL = shutil.which("sh") or "/bin/sh"


def run(script: str, *, seconds: float = 30.0, max_bytes: int = 10_000, **options: object) -> Finished:
    given: dict[str, object] = {"stdin": None, "made": None} | options
    return run_program(SHELL, ["sh", "-c", script], seconds=seconds, max_bytes=max_bytes, **given)  # type: ignore[arg-type]


def test_output_complaint_and_status_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_text("red bird")
    finished = run("cat; echo oh >&2; exit 3", stdin=source)
    assert (finished.output, finished.log, finished.status, finished.fault) == (b"red bird", b"oh\n", 3, None)


@pytest.mark.parametrize("made", [False, True])
def test_more_than_was_allowed_ends_it(made: bool, tmp_path: Path) -> None:
    out = tmp_path / "out" if made else None
    finished = run(f"exec yes > {out}" if made else "exec yes", made=out)
    assert finished.fault == "size" and finished.status < 0 and len(finished.output) < 1 << 20


def test_time_ends_it_with_what_it_started(tmp_path: Path) -> None:
    number = tmp_path / "pid"
    finished = run(f"sleep 60 & echo $! > {number}; wait", seconds=0.5)
    assert finished.fault == "time"
    child = int(number.read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and Path(f"/proc/{child}/stat").exists() and not _is_zombie(child):
        time.sleep(0.05)
    assert not Path(f"/proc/{child}/stat").exists() or _is_zombie(child)


def test_what_asks_for_its_end_is_heard() -> None:
    asked: list[float] = []

    def is_closed() -> bool:
        asked.append(time.monotonic())
        return len(asked) > 3

    assert run("sleep 60", is_closed=is_closed).fault == "closed" and len(asked) == 4


def test_a_program_that_does_not_start_is_the_systems_error(tmp_path: Path) -> None:
    no_program = tmp_path / "text"
    no_program.write_text("no program")
    os.chmod(no_program, 0o755)
    with pytest.raises(OSError):
        run_program(str(no_program), ["text"], stdin=None, made=None, seconds=1, max_bytes=1)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
