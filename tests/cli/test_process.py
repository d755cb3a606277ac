"""The command's own process: tuned environment, exit status, one line an error."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from speech2img.cli.process import ALLOCATOR, SPINNING, run_reporting, tuned_environment
from speech2img.errors import AudioError, ConfigError, DiskFullError


def _raise(error: BaseException) -> int:
    raise error


def test_tuned_environment_sets_allocator_and_threads_once() -> None:
    tuned = tuned_environment({"HOME": "/h"}, cores=2)
    assert tuned is not None
    assert tuned["HOME"] == "/h" and tuned["OMP_NUM_THREADS"] == "2"
    assert all(tuned[name] == value for name, value in {**ALLOCATOR, **SPINNING}.items())
    assert tuned_environment(tuned, cores=2) is None


@pytest.mark.parametrize("own", [{"MALLOC_ARENA_MAX": "1"}, {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}])
def test_the_users_own_settings_win(own: dict[str, str]) -> None:
    tuned = tuned_environment({**own, "OMP_NUM_THREADS": "7"}, cores=2)
    assert tuned is not None
    assert tuned["OMP_NUM_THREADS"] == "7"
    assert not set(ALLOCATOR) & set(tuned)


@pytest.mark.parametrize("own", [{"GOMP_SPINCOUNT": "5"}, {"OMP_WAIT_POLICY": "ACTIVE"}])
def test_how_threads_wait_is_left_to_the_user(own: dict[str, str]) -> None:
    tuned = tuned_environment(own, cores=2)
    assert tuned is not None
    assert {name: tuned.get(name) for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")} == {
        "GOMP_SPINCOUNT": None,
        "OMP_WAIT_POLICY": None,
        **own,
    }


def test_main_in_process_changes_no_environment(capsys: pytest.CaptureFixture[str]) -> None:
    from speech2img.cli.main import main

    before = dict(os.environ)
    assert main(["generate", "--out", "nowhere"]) == 2
    assert dict(os.environ) == before
    assert "nothing to generate" in capsys.readouterr().err


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


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full"])
@pytest.mark.parametrize(("verb", "status"), [("--version", 0), ("prepare songbirds --size none --root x", 2)])
def test_streams_that_take_nothing_change_no_status(closed: str, verb: str, status: int) -> None:
    result = subprocess.run(
        f'"{sys.executable}" -m speech2img {verb} {closed}', shell=True, executable="/bin/bash", capture_output=True
    )
    is_lost = closed == ">/dev/full" and status == 0
    assert result.returncode == (5 if is_lost else status)
    assert b"Traceback" not in result.stderr and result.stderr.count(b"\n") <= 1


@pytest.mark.parametrize("wide", ["--help", "--version"])
def test_a_help_that_does_not_arrive_is_said(wide: str) -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run([sys.executable, "-m", "speech2img", wide], stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 5 and b"disk is full" in result.stderr


def test_a_closed_output_never_lends_its_number_to_a_file(tmp_path: Path) -> None:
    code = (
        "from speech2img.cli.process import open_streams\n"
        "open_streams()\n"
        "import os, sys\n"
        "print('nowhere', flush=True)\n"
        f"sys.exit(open({str(tmp_path / 'file')!r}, 'w').fileno() <= 2)\n"
    )
    command = f'"{sys.executable}" -c "$0" <&- >&- 2>&-'
    assert subprocess.run(["/bin/bash", "-c", command, code]).returncode == 0
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize(
    "environ", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_any_text_fits_into_ascii_output(environ: dict[str, str]) -> None:
    code = (
        "from speech2img.cli.process import open_streams\n"
        "open_streams()\n"
        "import sys, warnings\n"
        "print('caf\\u00e9 \\udce9')\n"
        "warnings.warn('na\\u00efve\\nlines')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environ}, capture_output=True, check=True
    )
    assert result.stdout == b"caf\\xe9 \\udce9\n"
    assert result.stderr == b"speech2img: na\\xefve lines\n"


def test_what_a_thread_keeps_to_be_raised_later_is_no_traceback() -> None:
    code = (
        "from speech2img.cli.process import open_streams\n"
        "open_streams()\n"
        "import threading\n"
        "class Writer(threading.Thread):\n"
        "    exception = None\n"
        "    def run(self):\n"
        "        self.exception = OSError('full') if self.name == 'kept' else None\n"
        "        raise self.exception or ValueError('lost')\n"
        "for name in ('kept', 'other'):\n"
        "    thread = Writer(name=name)\n"
        "    thread.start()\n"
        "    thread.join()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "full" not in result.stderr and "ValueError: lost" in result.stderr


def test_a_verb_that_computes_is_refused_where_torch_cannot_be_imported() -> None:
    command = f'ulimit -v 600000; exec "{sys.executable}" -m speech2img generate x.wav --out x'
    result = subprocess.run(command, shell=True, executable="/bin/bash", capture_output=True, text=True)
    assert result.returncode == 4
    assert result.stderr.startswith("speech2img: memory: the address space is limited to 585 MiB")


def test_a_broken_pipe_to_a_helper_is_not_taken_for_a_closed_output(capsys: pytest.CaptureFixture[str]) -> None:
    error = BrokenPipeError(errno.EPIPE, "Broken pipe")
    with open(os.devnull, "w") as output, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        assert run_reporting(lambda: _raise(error), debug=False) == 1
    assert "helper process" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (["generate", "--seed", "9" * 5000, "x.wav"], "(5000 characters) is not a whole number"),
        (["generate", "--seed", "9" * 400, "x.wav"], "(400 characters) is above"),
        (["generate", "--seed", str(2**63), "x.wav"], "is above 9223372036854775807"),
        (["synthesize", "--root", "x", "--workers", "0x1"], "0x1 is not a whole number"),
        (["caf\udce9"], "not known"),
        (["generate", "--out", "x", "--nosuch" + "x" * 10_000], "unrecognized"),
    ],
)
def test_values_of_arguments_are_refused_in_one_bearable_line(
    verb: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from speech2img.cli.main import main

    with pytest.raises(SystemExit) as stop:
        main(verb)
    told = capsys.readouterr().err
    assert stop.value.code == 2 and told.count("\n") == 1 and len(told) < 1000
    assert words in told
