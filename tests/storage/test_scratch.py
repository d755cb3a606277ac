"""Folders for the moment: gone with their block, and after kill -9 with the next process, but for those in use."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers import program_environment

from speech2img.storage import scratch
from speech2img.storage.scratch import PREFIX, scratch_folder

HOLDER = """
from speech2img.storage.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "speech.wav").write_text("half")
    print(folder, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own, in which nothing has been looked for yet."""
    scratch._remove_abandoned.cache_clear()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def holder(place: Path) -> "subprocess.Popen[str]":
    """A process that has a folder open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=program_environment(TMPDIR=str(place)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and Path(process.stdout.readline().strip()).parent == place
    return process


def test_a_folder_is_empty_and_ends_with_its_block(place: Path) -> None:
    with scratch_folder() as first, scratch_folder() as second:
        assert first != second and first.parent == second.parent == place and not list(first.iterdir())
        (first / "a").mkdir()
        (first / "a" / "b").write_text("x")
    with pytest.raises(ValueError, match="told"), scratch_folder():
        raise ValueError("told")
    assert not list(place.iterdir())


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(place: Path) -> None:
    killed, alive = holder(place), holder(place)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert len(list(place.iterdir())) == 2
    with scratch_folder() as own:
        used = set(place.iterdir()) - {own}
        assert len(used) == 1 and (used.pop() / "speech.wav").read_text() == "half"
    alive.communicate("\n")
    assert alive.returncode == 0 and not list(place.iterdir())


def test_nothing_else_is_removed(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    mine = tmp_path_factory.mktemp("mine")
    (mine / "kept").write_text("x")
    (place / f"{PREFIX}link").symlink_to(mine)
    (place / f"{PREFIX}file").write_text("x")
    (place / "speech2img-of-an-older-version").mkdir()
    before = set(os.listdir(place))
    with scratch_folder():
        pass
    assert set(os.listdir(place)) == before and (mine / "kept").exists()


def test_where_there_are_no_locks_folders_work_and_nothing_is_removed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    (place / f"{PREFIX}left").mkdir()
    monkeypatch.setattr(fcntl, "flock", flock)
    with scratch_folder() as folder:
        assert folder.is_dir()
    assert os.listdir(place) == [f"{PREFIX}left"]


def test_a_folder_taken_for_abandoned_is_made_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    hold = scratch._hold

    def held_by_another(descriptor: int) -> bool:
        taken.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        return len(taken) > 1 and hold(descriptor)

    monkeypatch.setattr(scratch, "_hold", held_by_another)
    with scratch_folder() as folder:
        assert str(folder) == taken[1] != taken[0] and os.listdir(place) == [folder.name]
