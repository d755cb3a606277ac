"""Mapping in child processes: the same as map, whatever is killed, interrupted or raised, and nothing left behind."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from speech2img.errors import AudioError, DataError
from speech2img.storage.fork_map import fork_map, fork_map_with_reply

Child = Callable[[Callable[[], object]], int]


def square(number: int) -> int:
    return number * number


def children() -> set[int]:
    return {int(pid) for pid in Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()}


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 6, 47])
def test_like_map(workers: int, count: int) -> None:
    assert list(fork_map(square, range(count), workers)) == [square(number) for number in range(count)]


def test_more_workers_are_more_processes() -> None:
    for workers, count in ((1, 1), (2, 2), (3, 3)):
        pids = set(fork_map(lambda _: os.getpid(), range(30), workers))
        assert len(pids) == count
        assert (os.getpid() in pids) == (workers == 1)


def test_results_larger_than_the_pipe() -> None:
    sizes = [len(data) for data in fork_map(bytes, [3 << 20] * 6, 2)]
    assert sizes == [3 << 20] * 6


def test_an_error_comes_at_its_turn() -> None:
    def fail(number: int) -> int:
        if number in (7, 8):
            raise AudioError.about(f"{number}.wav", "silent", "record it again")
        return number

    seen = []
    with pytest.raises(AudioError, match=r"7\.wav: silent; record it again"):
        for number in fork_map(fail, range(40), 2):
            seen.append(number)
    assert seen == list(range(7))


def test_a_killed_child_is_told() -> None:
    def kill(number: int) -> int:
        if number == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    seen = []
    with pytest.raises(DataError, match="killed.*fewer --workers"):
        for number in fork_map(kill, range(40), 2):
            seen.append(number)
    assert seen == list(range(9))


def test_whoever_stops_early_leaves_no_child_at_work() -> None:
    with closing(fork_map(lambda number: time.sleep(0.05 * number), range(1000), 2)) as results:
        next(results)
        assert len(children()) >= 2


def test_ctrl_c_is_the_callers(tmp_path: Path, in_child: Child, capfd: pytest.CaptureFixture[str]) -> None:
    """The terminal sends it to all processes at once; the children say nothing of it."""

    def interrupted() -> None:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt), closing(fork_map(touch, range(10_000), 2)) as results:
            for number in results:
                if number == 20:
                    os.killpg(0, signal.SIGINT)
        assert not children()

    def touch(number: int) -> int:
        time.sleep(0.002)
        return number

    assert in_child(interrupted) == 0
    assert capfd.readouterr().err == ""


def test_a_killed_parent_leaves_no_child_and_no_lock(tmp_path: Path, in_child: Child) -> None:
    lock = tmp_path / "lock"

    def killed() -> None:
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            for number in fork_map(named, range(10_000), 2):
                if number == 20:
                    os.kill(os.getpid(), signal.SIGKILL)

    def named(number: int) -> int:
        (tmp_path / f"{os.getpid()}.pid").touch()
        time.sleep(0.002)
        return number

    assert in_child(killed) == -signal.SIGKILL
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert len(pids) == 2
    wait_for(lambda: not any(is_running(pid) for pid in pids))


def is_running(pid: int) -> bool:
    """Whether a process is there and not only waiting to be asked for its status by whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_children_have_no_files_of_the_parent_open(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        number = file.fileno()

        def is_open(_: int) -> bool:
            return Path(f"/proc/self/fd/{number}").exists() and "open" in os.readlink(f"/proc/self/fd/{number}")

        assert not any(fork_map(is_open, range(20), 2))
        assert is_open(0)


class Places:
    """A file in which each job has a place behind those before it, whatever their lengths are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch()
        self.end = 0
        self.asked: list[int] = []

    def keep(self, length: int) -> int:
        self.asked.append(length)
        self.end += length
        return self.end - length

    def job(self, number: int) -> Generator[int, int, None]:
        text = b"%d," % number**3
        place = yield len(text)
        with self.path.open("r+b") as file:
            os.pwrite(file.fileno(), text, place)


def cubes(count: int) -> str:
    return "".join(f"{number**3}," for number in range(count))


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 4, 47])
def test_answers_come_in_order_and_ends_are_true(workers: int, count: int, tmp_path: Path) -> None:
    places = Places(tmp_path / "file")
    ended = []
    for number in fork_map_with_reply(places.job, range(count), workers, answer=places.keep):
        assert places.path.read_text().startswith(cubes(number))
        ended.append(number)
    assert ended == list(range(1, count + 1))
    assert places.path.read_text() == cubes(count)
    assert places.asked == [len(f"{number**3},") for number in range(count)]


@pytest.mark.parametrize("half", [1, 2])
@pytest.mark.parametrize("workers", [1, 3])
def test_what_a_job_raises_comes_after_the_ends_before_it(workers: int, half: int, tmp_path: Path) -> None:
    def job(number: int) -> Generator[int, int, None]:
        if number == 7 and half == 1:
            raise AudioError.about("7.wav", "silent", "record it again")
        yield from places.job(number)
        if number == 7:
            raise OSError(28, "no space")

    places, ended = Places(tmp_path / "file"), 0
    with pytest.raises(AudioError if half == 1 else OSError, match=r"7\.wav: silent|no space"):
        for number in fork_map_with_reply(job, range(40), workers, answer=places.keep):
            ended = number
    assert places.path.read_text().startswith(cubes(ended))
    assert 7 - workers <= ended <= 7


def test_what_an_answer_raises_ends_all(tmp_path: Path) -> None:
    def refuse(length: int) -> int:
        raise ValueError(f"no place for {length}")

    with pytest.raises(ValueError, match="no place for 2"):
        list(fork_map_with_reply(Places(tmp_path / "file").job, range(40), 2, answer=refuse))


@pytest.mark.parametrize("half", [1, 2])
def test_a_child_killed_in_a_talk_is_told(half: int, tmp_path: Path) -> None:
    def job(number: int) -> Generator[int, int, None]:
        if number == 9 and half == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield from places.job(number)
        if number == 9:
            os.kill(os.getpid(), signal.SIGKILL)

    places, ended = Places(tmp_path / "file"), 0
    with pytest.raises(DataError, match="killed.*fewer --workers"):
        for number in fork_map_with_reply(job, range(40), 2, answer=places.keep):
            ended = number
    assert places.path.read_text().startswith(cubes(ended))
    assert 7 <= ended <= 9


def test_whoever_stops_a_talk_leaves_no_child_at_work(tmp_path: Path) -> None:
    places = Places(tmp_path / "file")
    with closing(fork_map_with_reply(places.job, range(100_000), 2, answer=places.keep)) as ends:
        assert next(ends) == 1
        assert len(children()) >= 2


def test_a_talk_ends_with_its_parent(tmp_path: Path, in_child: Child) -> None:
    """Killed before it answers: nobody waits for the answer for ever."""

    def killed() -> None:
        list(fork_map_with_reply(job, range(10_000), 3, answer=lambda _: os.kill(os.getpid(), signal.SIGKILL)))

    def job(number: int) -> Generator[int, int, None]:
        (tmp_path / f"{os.getpid()}.pid").touch()
        yield number

    assert in_child(killed) == -signal.SIGKILL
    pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert pids
    wait_for(lambda: not any(is_running(pid) for pid in pids))
