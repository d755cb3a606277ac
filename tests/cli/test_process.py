"""The command's own process: tuned environment, exit status, one line an error."""

import errno
import os
import subprocess
import sys

import pytest

from speech2img.cli.process import ALLOCATOR, run_reporting, tuned_environment
from speech2img.errors import AudioError, ConfigError, DiskFullError


def _raise(error: BaseException) -> int:
    raise error


def test_tuned_environment_sets_allocator_and_threads_once() -> None:
    tuned = tuned_environment({"HOME": "/h"}, cores=2)
    assert tuned is not None
    assert tuned["HOME"] == "/h" and tuned["OMP_NUM_THREADS"] == "2"
    assert all(tuned[name] == value for name, value in ALLOCATOR.items())
    assert tuned_environment(tuned, cores=2) is None


@pytest.mark.parametrize("own", [{"MALLOC_ARENA_MAX": "1"}, {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}])
def test_the_users_own_settings_win(own: dict[str, str]) -> None:
    tuned = tuned_environment({**own, "OMP_NUM_THREADS": "7"}, cores=2)
    assert tuned is not None
    assert tuned["OMP_NUM_THREADS"] == "7"
    assert not set(ALLOCATOR) & set(tuned)


def test_main_in_process_changes_no_environment(capsys: pytest.CaptureFixture[str]) -> None:
    from speech2img.cli.main import main

    before = dict(os.environ)
    assert main(["generate", "--out", "nowhere"]) == 2
    assert dict(os.environ) == before
    assert "nothing to paint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (AudioError.about("a.wav", "is silent", "record again"), 1, "a.wav: is silent; record again"),
        (ConfigError.about("x", "y", "z"), 2, "x: y; z"),
        (DiskFullError.about("disk", "full", "make room"), 5, "disk: full"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/log"), 5, "runs/log: the disk is full"),
        (OSError(errno.EIO, "Input/output error"), 70, "this is a bug"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ValueError("odd\nthing"), 70, "ValueError: odd thing; this is a bug"),
    ],
)
def test_errors_become_one_line_and_a_status(
    error: BaseException, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_reporting(lambda: _raise(error), debug=False) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words in lines[0]


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_reporting(lambda: _raise(ValueError("odd")), debug=True) == 70
    assert "Traceback" in capsys.readouterr().err


def test_the_installed_command_restarts_itself_tuned_and_only_once() -> None:
    code = (
        "import os, sys\n"
        "from speech2img.cli.process import restart_tuned\n"
        "restart_tuned()\n"
        "print(os.environ['MALLOC_MMAP_MAX_'], os.environ['OMP_NUM_THREADS'], sys.argv[1:])\n"
    )
    ours = ("MALLOC_", "SPEECH2IMG_TUNED")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environ["OMP_NUM_THREADS"] = "1"
    result = subprocess.run(
        [sys.executable, "-c", code, "a b", "c"], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.split(maxsplit=2) == ["0", "1", "['a b', 'c']\n"]


@pytest.mark.parametrize("verb", ["--help", "check"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_closed_output_is_quiet(verb: str, unbuffered: str) -> None:
    result = subprocess.run(
        f'"{sys.executable}" -m speech2img {verb} | true; exit ${{PIPESTATUS[0]}}',
        shell=True,
        executable="/bin/bash",
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stderr == ""
    assert result.returncode in (0, 141)  # 0: a newer argparse has swallowed the error itself


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_the_status_stays_where_the_message_does_not_fit() -> None:
    code = (
        "import sys; from speech2img.cli.process import run_reporting; from speech2img.errors import DiskFullError\n"
        "def action(): raise DiskFullError('run: the disk is full')\n"
        "sys.exit(run_reporting(action, debug=True))"
    )
    with open("/dev/full", "wb") as full:
        assert subprocess.run([sys.executable, "-c", code], stderr=full).returncode == 5
