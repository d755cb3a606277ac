"""The run lock: one process a folder, freed by death."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from speech2img.errors import ConfigError
from speech2img.storage.lock import run_lock
from speech2img.storage.rank import Rank


def test_another_process_is_refused_with_the_holder_named(
    tmp_path: Path, in_child: Callable[[Callable[[], object]], int]
) -> None:
    holder = os.getpid()

    def second() -> None:
        with pytest.raises(ConfigError, match=f"process {holder} is working here"), run_lock(tmp_path / "run"):
            pass

    for _ in range(20):
        with run_lock(tmp_path / "run"):
            assert in_child(second) == 0


def test_the_lock_is_free_after_the_block_and_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), run_lock(tmp_path):
        raise KeyError
    with run_lock(tmp_path):
        pass


def test_a_killed_holder_frees_the_lock(tmp_path: Path, in_child: Callable[[Callable[[], object]], int]) -> None:
    def doomed() -> None:
        with run_lock(tmp_path):
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(doomed) == -signal.SIGKILL
    with run_lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_locked_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="run.lock: "), run_lock(tmp_path / "file"):
        pass


def test_the_ranks_of_one_job_hold_a_folder_together(
    tmp_path: Path, in_child: Callable[[Callable[[], object]], int]
) -> None:
    def welcome(rank: Rank) -> None:
        with run_lock(tmp_path, rank=rank):
            pass

    def refused(rank: Rank) -> None:
        with pytest.raises(ConfigError, match="is working here"), run_lock(tmp_path, rank=rank):
            pass

    with run_lock(tmp_path, rank=Rank(1, 2)):
        assert in_child(lambda: welcome(Rank(0, 2))) == 0
        assert in_child(lambda: refused(Rank(1, 2))) == 0
        assert in_child(lambda: refused(Rank())) == 0
    with run_lock(tmp_path):
        assert in_child(lambda: refused(Rank(0, 2))) == 0
