"""Signals to the command: one line, no traceback, 128 and the signal's number, or 0 for a training that saves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SPEECH2IMG = [sys.executable, "-m", "speech2img"]
AT_WORK = """
import signal, sys
sys.argv = ["speech2img", *sys.argv[1:]]
from speech2img.cli.interrupts import INTERRUPTS
from speech2img.cli.process import run_reporting
INTERRUPTS.install(saves=sys.argv[1] == "train")
"""
ASKING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]


def _run(action: str, verb: str = "prepare") -> subprocess.CompletedProcess[str]:
    """Run an action as the command does, in a process of its own."""
    code = f"{AT_WORK}\n{action}\nsys.exit(run_reporting(action, debug=False))"
    return subprocess.run([sys.executable, "-c", code, verb], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("number", ASKING)
@pytest.mark.parametrize("verb", ["prepare", "train"])
def test_the_first_signal_is_one_line_and_a_status(number: signal.Signals, verb: str) -> None:
    done = _run(f"def action():\n    signal.raise_signal({int(number)})\n    return 0", verb)
    saved = verb == "train" and number != signal.SIGINT
    assert done.returncode == (0 if saved else 128 + number)
    assert done.stderr == "speech2img: interrupted; what was finished is kept, the same command resumes\n"


def test_the_second_signal_ends_a_clean_up_at_once() -> None:
    action = """
import os, time
def action():
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        time.sleep(0.05)
        signal.raise_signal(signal.SIGTERM)
        print("never")
"""
    done = _run(action)
    assert done.returncode == 143 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "at once" in done.stderr


def test_a_job_that_says_itself_how_far_it_came_is_quoted() -> None:
    action = """
from speech2img.errors import RunInterrupted
def action():
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        raise RunInterrupted.about("mels.h5", "interrupted after 3 of 9", "run it again") from None
"""
    done = _run(action)
    assert done.returncode == 143
    assert done.stderr == "speech2img: mels.h5: interrupted after 3 of 9; run it again\n"


def test_what_an_interrupted_library_raises_is_no_bug() -> None:
    action = """
def action():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise SystemError("returned a result with an exception set") from None
"""
    done = _run(action)
    assert done.returncode == 130 and "bug" not in done.stderr and done.stderr.count("\n") == 1


def test_an_interruption_that_a_callback_swallows_comes_again() -> None:
    action = """
import time
class Callback:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
def action():
    Callback()
    time.sleep(600)  # longer than `_run` waits
    return 0
"""
    done = _run(action)
    assert done.returncode == 130 and done.stderr.count("\n") == 1


def test_a_child_dies_of_its_own_signals_without_a_word() -> None:
    action = """
import os
def action():
    child = os.fork()
    if child == 0:
        signal.raise_signal(signal.SIGTERM)
        os._exit(0)
    return 0 if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM else 1
"""
    done = _run(action)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("environ", [{}, {"SPEECH2IMG_TUNED": "1"}])
def test_ctrl_c_while_everything_is_imported(environ: dict[str, str], tmp_path: Path) -> None:
    """From the moment on at which the command has taken the signals over, on a machine of any speed."""
    command = [*SPEECH2IMG, "generate", "--model", "songbirds", "nothing.wav", "--out", str(tmp_path)]
    plain = {key: value for key, value in os.environ.items() if key != "SPEECH2IMG_TUNED"} | environ
    for moment in range(8):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=plain)
        while process.poll() is None and not _catches(process.pid, signal.SIGUSR1):
            time.sleep(0.005)
        time.sleep(0.05 * moment)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=120)
        assert told.count("\n") == 1 and "Traceback" not in told
        # A fast machine may be through at the later moments, and say that there is no such recording.
        assert process.returncode == 130 or (moment and "nothing.wav" in told), told


def _catches(process: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal; Python alone has one for SIGINT only."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_preparing_is_interrupted_and_goes_on(tmp_path: Path) -> None:
    command = [*SPEECH2IMG, "prepare", "songbirds", "--size", "tiny", "--root", str(tmp_path / "birds")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    limit = time.monotonic() + 60
    while not (tmp_path / "birds").exists() and time.monotonic() < limit:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode in (0, 143) and told.count("\n") <= 1 and "Traceback" not in told
    with pytest.raises(ProcessLookupError):  # no child is left
        os.killpg(process.pid, 0)
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == 0
