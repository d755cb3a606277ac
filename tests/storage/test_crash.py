"""Checkpoints and releases under kill -9 and a full disk: old or new, never neither, and no rest stays behind."""

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
import torch

from speech2img.errors import DiskFullError
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release

Kill = Callable[[Callable[[], object], int], int]
Child = Callable[[Callable[[], object]], int]


def state(step: int) -> dict[str, object]:
    return {"step": step, "weights": torch.full((5000,), float(step))}


def test_a_kill_at_any_moment_of_a_save_leaves_old_or_new(tmp_path: Path, killed_at: Kill) -> None:
    store, moment, found = CheckpointStore(tmp_path, keep=2), 0, set()
    store.save(1, state(1), {"step": 1})
    store.save(2, state(2), {"step": 2})
    while (status := killed_at(lambda: store.save(3, state(3), {"step": 3}), moment)) != 0:
        assert status == -signal.SIGKILL
        latest = store.latest()
        assert latest is not None
        loaded, settings = store.load(latest)
        assert loaded["step"] == settings["step"] in (2, 3)
        assert torch.equal(loaded["weights"], state(loaded["step"])["weights"])
        found.add(loaded["step"])
        if loaded["step"] == 3:
            # The next moments lie after the rename: begin them from the same place.
            for path in store.paths():
                path.rename(tmp_path.parent / f"{path.name}-{moment}")
            store.save(1, state(1), {"step": 1})
            store.save(2, state(2), {"step": 2})
        moment += 1
    assert moment >= 20
    assert found == {2, 3}
    assert sorted(os.listdir(tmp_path)) == ["step-00000002", "step-00000003"]


def test_a_kill_while_the_state_is_written_leaves_the_old_one(
    tmp_path: Path, in_child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, state(1), {})

    def half(_: object, file: IO[bytes]) -> None:
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", half)
        assert in_child(lambda: store.save(2, state(2), {})) == -signal.SIGKILL
    assert [path.name for path in store.paths()] == ["step-00000001"]
    assert len(os.listdir(tmp_path)) == 2
    store.save(2, state(2), {})
    assert sorted(os.listdir(tmp_path)) == ["step-00000001", "step-00000002"]


@pytest.mark.parametrize("limit", [0, 1, 600, 4096, 20_000, 20_800, 21_400])
def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_else(tmp_path: Path, in_child: Child, limit: int) -> None:
    store = CheckpointStore(tmp_path)
    old = store.save(1, state(1), {"step": 1})
    assert (old / "state.pt").stat().st_size > 21_400

    def save() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        with pytest.raises(DiskFullError, match="step-00000002: the disk is full"):
            store.save(2, state(2), {"step": 2})

    assert in_child(save) == 0
    assert os.listdir(tmp_path) == ["step-00000001"]
    assert store.latest() == old
    assert store.save(2, state(2), {"step": 2}) == store.latest()


def test_a_full_disk_leaves_the_old_release(tmp_path: Path, in_child: Child) -> None:
    tensors = {"w": torch.ones(10_000)}
    save_release(tmp_path / "r", tensors, {"n": 1}, "card")

    def save() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
        with pytest.raises(DiskFullError, match="r: the disk is full .20,000 bytes are needed"):
            save_release(tmp_path / "r", tensors, {"n": 2}, "card")

    assert in_child(save) == 0
    assert os.listdir(tmp_path) == ["r"]
    assert load_release(tmp_path / "r")[1] == {"n": 1}


def test_a_killed_release_is_whole_or_absent(tmp_path: Path, killed_at: Kill) -> None:
    moment = 0
    while killed_at(lambda: save_release(tmp_path / "r", {"w": torch.ones(9)}, {}, "card"), moment) != 0:
        if (tmp_path / "r").exists():
            assert torch.equal(load_release(tmp_path / "r")[0]["w"], torch.ones(9))
            (tmp_path / "r").rename(tmp_path / f"done-{moment}")
        moment += 1
    assert moment >= 12
    assert load_release(tmp_path / "r")
