"""Real trainings that are killed, stopped, fed nonsense or out of disk or memory: they end the same, or say why."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from speech2img.batches.sampler import ResumableSampler
from speech2img.errors import ConfigError, NonFiniteError, OutOfMemoryError
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.lock import run_lock
from speech2img.training.loop import run_training
from speech2img.training.run import open_run

Start = Callable[..., Any]
STEPS = 10


@pytest.mark.parametrize("case", ["encoder", "generator", "prior"])
def test_killed_and_stopped_at_random_moments(case: str, start: Start, toy: ModuleType, tmp_path: Path) -> None:
    whole = start(case, tmp_path / "whole", ranks=1, steps=STEPS)
    assert whole.statuses == [0]
    draw, job, ends = random.Random(case), None, []
    for number in [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]:
        event = [0, number, draw.uniform(0.0, 0.1)]
        job = start(case, tmp_path / "shot", ranks=1, steps=STEPS, events={draw.randrange(4): event})
        ends.append(job.statuses[0])
        store = CheckpointStore(tmp_path / "shot" / "checkpoints")
        assert (newest := store.latest()) is None or newest == store.paths()[-1]
    assert ends[0] == -signal.SIGKILL and set(ends) <= {0, -signal.SIGKILL}
    job = start(case, tmp_path / "shot", ranks=1, steps=STEPS)
    assert job.statuses == [0] and job.stats() == whole.stats()
    for part in ("task", "random"):
        assert toy.digest(job.state(STEPS)[part]) == toy.digest(whole.state(STEPS)[part])
    exports = [(folder / "export" / "weights.safetensors").read_bytes() for folder in (whole.folder, job.folder)]
    assert exports[0] == exports[1]


def test_twenty_stops_within_one_epoch_change_nothing(toy: ModuleType, tmp_path: Path) -> None:
    def train(folder: Path, *, stop_after: int | None) -> Any:
        settings = toy.toy_settings(147, evaluate_every=0, checkpoint_minutes=1.0)
        with open_run(folder, settings, name="toy") as run:
            task = toy.ToyTask(settings)
            task.sampler = ResumableSampler(1200, 8, seed=5)
            draw = task.sampler.next
            task.sampler.next = lambda: (lambda drawn, generator: (drawn % 50, generator))(*draw())
            if stop_after is not None:
                task.at_step = {stop_after - 1: lambda loss: (signal.raise_signal(signal.SIGTERM), loss)[1]}
            return run_training(task, run=run, device=torch.device("cpu"), progress=False), task

    _, whole = train(tmp_path / "whole", stop_after=None)
    sittings = 1
    while not (ended := train(tmp_path / "parts", stop_after=7))[0].finished:
        sittings += 1
    assert sittings == 21 and whole.sampler.state_dict()["epoch"] == 0
    assert toy.final_digest(tmp_path / "parts", ended[1]) == toy.final_digest(tmp_path / "whole", whole)


@pytest.mark.parametrize("limit", [700, 3_000, 20_000, 40_000, 50_000])
def test_a_full_disk_ends_a_training_with_one_line(limit: int, start: Start, toy: ModuleType, tmp_path: Path) -> None:
    assert start("prior", tmp_path, ranks=1, events={2: [0, signal.SIGTERM]}).statuses == [0]
    before = CheckpointStore(tmp_path / "checkpoints").latest()
    full = start("prior", tmp_path, ranks=1, file_limit=limit)
    assert full.statuses == [5] and "the disk is full" in full.message(0) and "bug" not in full.message(0)
    assert CheckpointStore(tmp_path / "checkpoints").latest() == before
    assert start("prior", tmp_path, ranks=1).statuses == [0]


@pytest.mark.parametrize("allocate", [lambda: torch.empty(1 << 56), lambda: np.empty(1 << 56)])
def test_memory_that_is_really_not_there(allocate: Callable[[], Any], toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(OutOfMemoryError, match="batch of 8 .*batch_size"):
        toy.train_toy(tmp_path, toy.toy_settings(12), at_step={5: lambda loss: (allocate(), loss)[1]})
    assert toy.train_toy(tmp_path, toy.toy_settings(12))[0].finished


@pytest.mark.parametrize("what", ["input", "weight"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nonsense_in_input_or_weights_stops_the_run(
    what: str, value: float, toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = toy.ToyTask.next_batch

    def spoiling(self: Any) -> np.ndarray:
        batch: np.ndarray = original(self)
        if self.steps == 5:
            with torch.no_grad():
                (self.data[batch[3]] if what == "input" else self.network[0].weight)[0] = value
        return batch

    with monkeypatch.context() as patch:
        patch.setattr(toy.ToyTask, "next_batch", spoiling)
        with pytest.raises(NonFiniteError, match="toy, step 6"):
            toy.train_toy(tmp_path, toy.toy_settings(12, checkpoint_minutes=0.0))
    newest = CheckpointStore(tmp_path / "checkpoints").latest()
    assert newest is not None and newest.name == "step-00000005" and (tmp_path / "nonfinite.json").is_file()
    assert toy.train_toy(tmp_path, toy.toy_settings(12, checkpoint_minutes=0.0))[0].finished


@pytest.mark.parametrize("loop", [{"evaluate_every": 2}, {"evaluate_every": 0, "grid_every": 2}])
def test_a_step_that_spoils_the_weights_is_noticed_before_they_are_used(
    loop: dict[str, int], start: Start, tmp_path: Path
) -> None:
    ended = start("prior", tmp_path, ranks=1, loop=loop, nonsense=[1, "loss", "inf"])
    assert ended.statuses == [3] and "prior, step 2" in ended.message(0) and "nonfinite.json" in ended.message(0)
    newest = CheckpointStore(tmp_path / "checkpoints").latest()
    assert newest is not None and newest.name == "step-00000001"
    assert start("prior", tmp_path, ranks=1, loop=loop).statuses == [0]


def test_of_two_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    def try_it(number: int, round_dir: Path) -> None:
        """Be one of two: exit 0 with the folder, held until the other has tried, or 2 without."""
        status = 1
        try:
            with run_lock(round_dir):
                (round_dir / f"held-{number}").touch()
                while not (round_dir / f"refused-{1 - number}").exists():
                    time.sleep(0.001)
            status = 0
        except ConfigError as error:
            (round_dir / f"refused-{number}").touch()
            status = error.exit_code if "is working here" in str(error) else 1
        finally:
            os._exit(status)

    for turn in range(20):
        folder = tmp_path / str(turn)
        folder.mkdir()
        children = []
        for number in range(2):
            if (child := os.fork()) == 0:
                try_it(number, folder)
            children.append(child)
        assert sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children) == [0, 2]
