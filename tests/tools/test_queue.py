"""The queue of jobs: what was cut goes on, what is asked of it is asked of its job, and lists that cannot be meant."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

QUEUE = Path(__file__).parents[2] / "tools" / "queue.sh"
TRAINING = """
trap 'echo saved; exit ${SPEECH2IMG_STOPPED_STATUS:-0}' TERM
trap 'exit 130' INT
echo started >> began
for i in $(seq 600); do sleep .05; done
"""
"""As a training behaves: it saves, and its status says that it was stopped."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job.sh").write_text(TRAINING)
    return tmp_path


def start(folder: Path, text: str | bytes) -> "subprocess.Popen[str]":
    (folder / "list").write_bytes(text if isinstance(text, bytes) else text.encode())
    # Signals as a terminal leaves them: bash cannot catch what was ignored when it began.
    return subprocess.Popen(
        ["env", "--default-signal=INT,TERM,HUP", "bash", str(QUEUE), "list", "queue"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(queue: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = queue.communicate(timeout=60)
    return queue.returncode, out, err


def wait_for(condition: Path) -> None:
    deadline = time.monotonic() + 30
    while not condition.exists():
        assert time.monotonic() < deadline, f"{condition} never came"
        time.sleep(0.02)


def done(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "queue").glob("*.done")}


def children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_queue_goes_on_where_it_was_cut(folder: Path) -> None:
    text = "# a remark\n\nfirst echo one >> ran\nsecond test -e allowed && echo two >> ran\nthird echo three >> ran"
    status, _, error = finish(start(folder, text))
    assert status == 1 and "second: failed with status 1" in error
    assert (folder / "ran").read_text() == "one\nthree\n"
    (folder / "allowed").touch()
    status, out, _ = finish(start(folder, text))
    assert status == 0 and "first: done before" in out
    assert (folder / "ran").read_text() == "one\nthree\ntwo\n"


def test_a_training_that_was_stopped_is_not_done(folder: Path) -> None:
    queue = start(folder, "one bash job.sh\ntwo touch TWO\n")
    wait_for(folder / "began")
    (job,) = children_of(queue.pid)
    os.killpg(job, signal.SIGTERM)
    status, _, error = finish(queue)
    assert status == 1 and "one: stopped before its end" in error
    assert done(folder) == {"two"}


@pytest.mark.parametrize(("number", "wanted"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_what_is_asked_of_the_queue_is_asked_of_its_job(folder: Path, number: int, wanted: int) -> None:
    queue = start(folder, "one bash job.sh\ntwo touch TWO\n")
    wait_for(folder / "began")
    (job,) = children_of(queue.pid)
    queue.send_signal(number)
    status, _, error = finish(queue)
    assert status == wanted and "one: stopped; the same call goes on" in error
    assert not Path(f"/proc/{job}").exists() and done(folder) == set() and not (folder / "TWO").exists()


def test_lines_of_another_system_are_read(folder: Path) -> None:
    status, _, error = finish(start(folder, b"# remark\r\n\r\na touch A\r\nb touch B"))
    assert (status, error) == (0, "") and done(folder) == {"a", "b"}
    assert (folder / "A").exists() and (folder / "B").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\n", "a has no command"),
        ("a true\na false\n", "two jobs are called a"),
        ("../out echo hi\n", "'../out' is no name"),
        ("x/y true\n", "'x/y' is no name"),
        ("# nothing\n\n", "has no jobs"),
    ],
)
def test_lists_that_cannot_be_meant_are_a_line(folder: Path, text: str, reason: str) -> None:
    status, out, error = finish(start(folder, text))
    assert (status, out) == (2, "") and reason in error and error.count("\n") == 1


def test_a_folder_that_is_none_is_a_line(folder: Path) -> None:
    (folder / "queue").touch()
    status, _, error = finish(start(folder, "a true\n"))
    assert status == 2 and error.startswith("queue: queue: is no folder") and error.count("\n") == 1


def test_two_queues_never_share_a_folder(folder: Path) -> None:
    first = start(folder, "one bash job.sh\n")
    wait_for(folder / "began")
    status, _, error = finish(start(folder, "one bash job.sh\n"))
    assert status == 2 and "another queue works there" in error
    first.terminate()
    assert finish(first)[0] == 143
