"""Progress: a bar on a terminal, lines elsewhere, silence when asked, and never an error of its own."""

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator

import pytest

from speech2img.storage import progress as progress_module
from speech2img.storage.progress import Progress, track

COUNT_TWO = (
    "from speech2img.storage import progress\n"
    "progress.LINE_SECONDS = 0\n"
    "with progress.Progress(total=2, what='mels \\u00e4\\udc80', unit='utt') as shown:\n"
    "    shown.update()\n"
    "    shown.update(note='loss=1')\n"
)


@pytest.fixture
def every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "LINE_SECONDS", 0.0)


@pytest.mark.usefixtures("every_line")
def test_lines_tell_count_speed_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(total=4, initial=1, what="mels", unit="utt") as shown:
        shown.update(1, note="loss=0.5")
        shown.update(2, remaining=75)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("mels: 1/4 utt (25 %), 0 utt/s")
    assert lines[1].startswith("mels: 2/4 utt (50 %), ") and lines[1].endswith(" left loss=0.5")
    assert lines[2].startswith("mels: 4/4 utt (100 %), ") and lines[2].endswith("0:01:15 left loss=0.5")
    assert shown.n == 4


def test_short_jobs_and_silent_ones_write_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([1, 2], what="short", unit="item")) == [1, 2]
    for _ in track(range(3), what="hidden", unit="item", progress=False):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("every_line")
def test_counts_items_after_they_are_used_and_closes_when_left_early(capsys: pytest.CaptureFixture[str]) -> None:
    def items() -> Iterator[int]:
        yield from (10_000, 20_000)

    with Progress(what="file", unit="B") as shown:
        for item in track(items(), what="parts", unit="part"):
            shown.update(item)
            break
    assert shown.n == 10_000
    told = capsys.readouterr().err
    assert "file: 10.0k B, " in told and "parts: 0 part, " in told


def test_a_terminal_gets_a_bar_and_a_pipe_gets_lines() -> None:
    piped = subprocess.run([sys.executable, "-c", COUNT_TWO], stderr=subprocess.PIPE, check=True)
    assert b"\r" not in piped.stderr and piped.stderr.count(b"\n") == 4
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    subprocess.run([sys.executable, "-c", COUNT_TWO], stderr=follower, check=True)
    os.close(follower)
    shown = b""
    try:
        while part := os.read(leader, 4096):
            shown += part
    except OSError:  # the terminal is gone
        os.close(leader)
    assert b"2/2" in shown and b"\r" in shown and b"Traceback" not in shown


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full", "2>&1 | true"])
def test_unreadable_standard_error_never_ends_a_job(redirect: str) -> None:
    done = subprocess.run(["bash", "-o", "pipefail", "-c", f'"$0" -c "$1" {redirect}', sys.executable, COUNT_TWO])
    assert done.returncode in (0, 141) if "|" in redirect else done.returncode == 0
