"""The training loop: budgets, logs, checkpoints, exact resume, and what happens when things go wrong."""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest
import torch

from speech2img.errors import CheckpointError, ConfigError, DiskFullError, NonFiniteError, OutOfMemoryError
from speech2img.storage import checkpoint
from speech2img.storage.atomic import disk_full
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.releases.release import load_release
from speech2img.training.run import LoopSettings, open_run, preserved_random_state


def stats(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def stop(loss: torch.Tensor) -> torch.Tensor:
    signal.raise_signal(signal.SIGTERM)
    return loss


def test_a_run_leaves_everything_in_its_folder(tmp_path: Path, toy: ModuleType) -> None:
    result, _ = toy.train_toy(tmp_path, toy.toy_settings(25))
    assert (result.step, result.images_seen, result.finished) == (25, 200, True)
    lines = stats(tmp_path)
    assert [line["step"] for line in lines if line["kind"] == "train"] == [3, 6, 9, 12, 15, 18, 21, 24]
    assert [line["step"] for line in lines if line["kind"] == "evaluation"] == [10, 20, 25]
    assert lines[0]["images_seen"] == 24 and lines[0]["loss"] > 0
    assert result.metrics == {"error": lines[-1]["error"]}
    _, config = load_release(tmp_path / "export")
    assert config["step"] == 25
    assert "max_steps = 25" in (tmp_path / "config.toml").read_text()
    assert list((tmp_path / "tensorboard").iterdir())
    assert len(CheckpointStore(tmp_path / "checkpoints").paths()) <= 3


def test_what_a_killed_run_left_unfinished_is_removed_once_it_goes_on(tmp_path: Path, toy: ModuleType) -> None:
    (tmp_path / ".export.tmp-0a1b2c3d").mkdir()
    (tmp_path / ".config.tmp-0a1b2c3d.toml").touch()
    (tmp_path / ".mine").touch()
    toy.train_toy(tmp_path, toy.toy_settings(5))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [".mine"]


def test_stopping_often_changes_nothing(tmp_path: Path, toy: ModuleType) -> None:
    settings = toy.toy_settings(40)
    _, task = toy.train_toy(tmp_path / "whole", settings)
    want = toy.final_digest(tmp_path / "whole", task)
    for _ in range(20):
        result, task = toy.train_toy(tmp_path / "parts", settings, at_step={4: stop})
        if result.finished:
            break
    assert result.finished and toy.final_digest(tmp_path / "parts", task) == want


def test_killed_runs_end_the_same(tmp_path: Path, toy: ModuleType, toy_server: subprocess.Popen) -> None:
    steps, delays = 400, random.Random(1)

    def start(folder: Path) -> int:
        folder.mkdir(exist_ok=True)
        toy_server.stdin.write(json.dumps({"folder": str(folder), "steps": steps}) + "\n")
        toy_server.stdin.flush()
        return int(toy_server.stdout.readline())

    def shoot(folder: Path, number: int) -> int:
        """Wait for a log line that this sitting wrote, then a random moment, then send the signal."""
        log = folder / "stats.jsonl"
        before = log.stat().st_mtime_ns if log.exists() else 0
        child = start(folder)
        limit = time.monotonic() + 20
        while not (log.exists() and log.stat().st_mtime_ns > before) and time.monotonic() < limit:
            time.sleep(0.002)
        time.sleep(delays.uniform(0.02, 0.25))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
        return int(toy_server.stdout.readline())

    start(tmp_path / "whole")
    assert int(toy_server.stdout.readline()) == 0
    shot = tmp_path / "shot"
    assert shoot(shot, signal.SIGKILL) == -signal.SIGKILL
    for number in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        assert shoot(shot, number) in (-signal.SIGKILL, 0, -signal.SIGTERM)  # the last before it has begun
    start(shot)
    assert int(toy_server.stdout.readline()) == 0
    assert (shot / "digest").read_text() == (tmp_path / "whole" / "digest").read_text()


def test_evaluations_do_not_move_the_training(tmp_path: Path, toy: ModuleType) -> None:
    _, often = toy.train_toy(tmp_path / "often", toy.toy_settings(20, evaluate_every=2))
    _, never = toy.train_toy(tmp_path / "never", toy.toy_settings(20, evaluate_every=0))
    assert toy.digest(often.network.state_dict()) == toy.digest(never.network.state_dict())
    with preserved_random_state():
        torch.randn(3)


def test_a_finished_run_stays_finished(tmp_path: Path, toy: ModuleType) -> None:
    toy.train_toy(tmp_path, toy.toy_settings(12))
    before = (tmp_path / "stats.jsonl").read_bytes()
    result, _ = toy.train_toy(tmp_path, toy.toy_settings(12))
    assert result.finished and result.step == 12 and result.metrics
    assert (tmp_path / "stats.jsonl").read_bytes() == before


def test_a_longer_budget_goes_on_but_other_settings_do_not(tmp_path: Path, toy: ModuleType) -> None:
    toy.train_toy(tmp_path, toy.toy_settings(6))
    result, _ = toy.train_toy(tmp_path, toy.toy_settings(9))
    assert result.step == 9
    with pytest.raises(ConfigError, match=r"loop\.seed \(was 5, now 6\)"):
        toy.train_toy(tmp_path, toy.toy_settings(9, seed=6))
    changed = toy.ToySettings(width=16, rate=0.5, loop=toy.toy_settings(9).loop)
    with pytest.raises(ConfigError, match=r"rate \(was 0.01, now 0.5\), width \(was 8, now 16\)"):
        toy.train_toy(tmp_path, changed)


@pytest.mark.parametrize("budget", ["max_minutes", "max_processor_minutes"])
def test_minutes_end_a_run_and_count_over_sittings(tmp_path: Path, toy: ModuleType, budget: str) -> None:
    settings = toy.toy_settings(10**6, **{budget: 0.004})
    result, _ = toy.train_toy(tmp_path, settings)
    assert result.finished and 1 < result.step < 10**6
    again, _ = toy.train_toy(tmp_path, settings)
    assert again.step == result.step


def test_processor_minutes_do_not_count_time_asleep(tmp_path: Path, toy: ModuleType) -> None:
    def sleep(loss: torch.Tensor) -> torch.Tensor:
        time.sleep(0.3)
        return loss

    result, _ = toy.train_toy(tmp_path, toy.toy_settings(40, max_processor_minutes=1.0), at_step={3: sleep, 7: sleep})
    lines = [line for line in stats(tmp_path) if line["kind"] == "train"]
    assert result.step == 40 and lines[-1]["seconds"] - lines[-1]["processor_seconds"] > 0.3


@pytest.mark.parametrize("step", [0, 4, 11])
def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, toy: ModuleType, step: int) -> None:
    with pytest.raises(NonFiniteError, match=f"toy, step {step + 1}: .*not finite.*learning rate") as caught:
        toy.train_toy(tmp_path, toy.toy_settings(20), at_step={step: lambda loss: loss * float("nan")})
    assert caught.value.exit_code == 3
    report = json.loads((tmp_path / "nonfinite.json").read_text())
    assert report["step"] == step + 1 and report["terms"] == {"loss": "nan"} and len(report["batch"]) == 8
    newest = CheckpointStore(tmp_path / "checkpoints").latest()
    assert newest is None or int(newest.name.removeprefix("step-")) <= step
    result, _ = toy.train_toy(tmp_path, toy.toy_settings(20))
    assert result.finished


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path, toy: ModuleType) -> None:
    settings = toy.toy_settings(20, checkpoint_minutes=0.0)

    def poison(loss: torch.Tensor) -> torch.Tensor:
        loss.register_hook(lambda gradient: gradient * float("inf"))
        return loss

    with pytest.raises(NonFiniteError, match="state=network"):
        toy.train_toy(tmp_path, settings, at_step={6: poison})
    state, _ = CheckpointStore(tmp_path / "checkpoints").load(tmp_path / "checkpoints" / "step-00000006")
    assert all(torch.isfinite(value).all() for value in state["task"]["network"].values())


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_step_that_is_not_finite_can_be_taken_back(tmp_path: Path, toy: ModuleType, where: str) -> None:
    def poison(loss: torch.Tensor) -> torch.Tensor:
        if where == "loss":
            return loss * float("nan")
        loss.register_hook(lambda gradient: gradient * float("inf"))
        return loss

    settings = toy.toy_settings(12, nonfinite="skip", checkpoint_minutes=0.0)
    result, task = toy.train_toy(tmp_path, settings, at_step=dict.fromkeys((0, 4, 5), poison))
    assert result.finished and result.step == 12 and task.steps == 15
    assert task.sampler.state_dict()["epoch"] * 6 + task.sampler.state_dict()["position"] == 15
    assert all(torch.isfinite(value).all() for value in task.network.state_dict().values())
    report = json.loads((tmp_path / "nonfinite.json").read_text())
    assert report["step"] == 4 and len(report["batch"]) == 8
    with pytest.raises(NonFiniteError, match="toy, step 13") as caught:
        longer = toy.toy_settings(40, nonfinite="skip", checkpoint_minutes=0.0)
        toy.train_toy(tmp_path, longer, at_step=dict.fromkeys(range(30), poison))
    assert caught.value.exit_code == 3
    newest = CheckpointStore(tmp_path / "checkpoints").latest()
    assert newest is not None and newest.name == "step-00000012"


def test_a_checkpoint_of_another_network_is_named(tmp_path: Path, toy: ModuleType) -> None:
    settings = toy.toy_settings(6)
    toy.train_toy(tmp_path, settings)
    store = CheckpointStore(tmp_path / "checkpoints")
    state, plain = store.load(store.paths()[-1])
    for change in ({"0.weight": torch.zeros(8, 5)}, {"nine.weight": torch.zeros(1)}):
        state["task"]["network"] = {**state["task"]["network"], **change}
        store.save(7, state, plain)
        with pytest.raises(CheckpointError, match="does not fit this training"):
            toy.train_toy(tmp_path, settings)
        store.paths()[-1].rename(tmp_path / f"step-{len(change)}-{next(iter(change))}")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory_names_the_setting(tmp_path: Path, toy: ModuleType, error: Exception) -> None:
    def fail(loss: torch.Tensor) -> torch.Tensor:
        raise error

    with pytest.raises(OutOfMemoryError, match=r"batch of 8 .*peak \d.*batch_size") as caught:
        toy.train_toy(tmp_path, toy.toy_settings(20), at_step={5: fail})
    assert caught.value.exit_code == 4
    result, _ = toy.train_toy(tmp_path, toy.toy_settings(20))
    assert result.finished


def test_other_errors_come_through(tmp_path: Path, toy: ModuleType) -> None:
    def fail(loss: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        toy.train_toy(tmp_path, toy.toy_settings(20), at_step={5: fail})


def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = toy.toy_settings(20, checkpoint_minutes=0.0)
    real = CheckpointStore._require_room

    def full_at_seven(self: CheckpointStore, path: Path) -> None:
        real(self, path)
        if path.name == "step-00000007":
            raise disk_full(path, 12345)

    monkeypatch.setattr(checkpoint.CheckpointStore, "_require_room", full_at_seven)
    with pytest.raises(DiskFullError, match="12,345 bytes") as caught:
        toy.train_toy(tmp_path, settings)
    assert caught.value.exit_code == 5
    newest = CheckpointStore(tmp_path / "checkpoints").latest()
    assert newest is not None and newest.name == "step-00000006"
    monkeypatch.undo()
    result, _ = toy.train_toy(tmp_path, settings)
    assert result.finished


def test_a_damaged_newest_checkpoint_is_skipped(
    tmp_path: Path, toy: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = toy.toy_settings(30)
    toy.train_toy(tmp_path / "whole", settings)
    result, _ = toy.train_toy(tmp_path / "parts", toy.toy_settings(30, checkpoint_minutes=0.0), at_step={14: stop})
    newest = CheckpointStore(tmp_path / "parts" / "checkpoints").latest()
    assert newest is not None
    state = newest / "state.pt"
    state.write_bytes(state.read_bytes()[:-100])
    result, task = toy.train_toy(tmp_path / "parts", settings)
    assert newest.name in capsys.readouterr().err
    assert result.finished
    _, whole = toy.train_toy(tmp_path / "whole", settings)
    assert toy.digest(task.state_dict()) == toy.digest(whole.state_dict())


def test_two_trainers_cannot_share_a_folder(tmp_path: Path, toy: ModuleType) -> None:
    from speech2img.training.run import open_run

    with open_run(tmp_path, toy.toy_settings(5), name="toy"):
        with pytest.raises(ConfigError, match="working here"):
            toy.train_toy(tmp_path, toy.toy_settings(5))


def test_a_torn_line_in_the_log_is_dropped(tmp_path: Path, toy: ModuleType) -> None:
    toy.train_toy(tmp_path, toy.toy_settings(12), at_step={5: stop})
    with (tmp_path / "stats.jsonl").open("a") as file:
        file.write('{"kind": "train", "step": 9, "loss": 1.0}\n{"kind": "tra')
    toy.train_toy(tmp_path, toy.toy_settings(12))
    assert [line["step"] for line in stats(tmp_path) if line["kind"] == "train"] == [3, 6, 9, 12]


def test_the_status_line_speaks_without_a_terminal(
    tmp_path: Path, toy: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speech2img.storage.progress.LINE_SECONDS", 0.0)
    toy.train_toy(tmp_path, toy.toy_settings(6), progress=True)
    assert "toy: 6/6 step (100 %), " in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        {"max_steps": 0},
        {"keep": 1},
        {"max_minutes": -1.0},
        {"max_processor_minutes": 0.0},
        {"threads": 0},
        {"log_every": 0},
        {"evaluate_every": -1},
    ],
)
def test_impossible_loop_settings_are_refused(change: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        LoopSettings(**change)


@dataclass(frozen=True)
class OldSettings:
    """Settings of a run from before a setting was thought of."""

    loop: LoopSettings = field(default_factory=LoopSettings)


@dataclass(frozen=True)
class NewSettings(OldSettings):
    """The same with a new one."""

    width: int = 8


def test_a_setting_newer_than_the_run_counts_as_its_default(tmp_path: Path) -> None:
    with open_run(tmp_path, OldSettings(), name="toy") as run:
        run.store.save(1, {"weight": torch.zeros(1)}, run.settings)
    with open_run(tmp_path, NewSettings(), name="toy") as run:
        assert run.state is not None
    with pytest.raises(ConfigError, match=r"width \(was 8, now 9\)"):
        with open_run(tmp_path, NewSettings(width=9), name="toy"):
            pass
