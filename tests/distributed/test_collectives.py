"""Trainings of several processes: the losses of one, exact resumption, and what happens when a process is lost."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from helpers import program_environment

from speech2img.config import dump_toml
from speech2img.device import resolve_device
from speech2img.distributed import collectives as parallel
from speech2img.errors import ConfigError, RunInterrupted
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.rank import Rank
from speech2img.storage.releases.release import load_release
from speech2img.training.run import open_run

STEPS = 4


Start = Callable[..., Any]


@pytest.fixture(scope="module")
def whole(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An encoder trained by two processes without a break."""
    job = start("encoder", tmp_path_factory.mktemp("runs") / "whole")
    assert job.statuses == [0, 0]
    return job


@pytest.mark.parametrize(
    "case",
    [
        *(
            "encoder",
            "s2igan encoder",
            "teacher",
            "prior",
            "generator",
            "latent flow",
            "stackgan-v1",
            "attngan",
            "damsm",
        ),
        *("classifier", "tacotron2"),
    ],
)
def test_two_processes_have_the_losses_of_one(case: str, start: Start, tmp_path: Path) -> None:
    one, two = start(case, tmp_path / "one", ranks=1), start(case, tmp_path / "two")
    assert (one.statuses, two.statuses) == ([0], [0, 0]), one.message(0)
    wanted, found = one.losses(), two.losses()
    assert len(wanted) == STEPS and [step.keys() for step in found] == [step.keys() for step in wanted]
    for step, expected in zip(found, wanted, strict=True):
        assert step == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert two.state()["loop"]["position"]["images_seen"] == one.state()["loop"]["position"]["images_seen"]
    assert torch.equal(two.state()["random"]["torch"], one.state()["random"]["torch"])
    assert load_release(two.folder / "export")[1].keys() == load_release(one.folder / "export")[1].keys()


@pytest.mark.gpu
@pytest.mark.parametrize("case", ["encoder", "generator"])
def test_two_devices_have_the_losses_of_one(case: str, start: Start, tmp_path: Path) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two CUDA devices")
    one = start(case, tmp_path / "one", ranks=1, device="cuda")
    two = start(case, tmp_path / "two", device="cuda")
    assert (one.statuses, two.statuses) == ([0], [0, 0]), one.message(0)
    for step, expected in zip(two.losses(), one.losses(), strict=True):
        assert step == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_signal_to_any_process_stops_all_and_the_run_goes_on_bit_for_bit(
    start: Start, whole: Any, toy: ModuleType, tmp_path: Path
) -> None:
    assert start("encoder", tmp_path / "run", events={1: (1, signal.SIGTERM)}).statuses == [0, 0]
    assert not (tmp_path / "run" / "checkpoints" / "step-00000003").exists()
    ended = start("encoder", tmp_path / "run")
    assert ended.statuses == [0, 0]
    assert toy.digest(ended.state()["task"]) == toy.digest(whole.state()["task"])
    assert toy.digest(ended.state()["random"]) == toy.digest(whole.state()["random"])
    assert ended.losses() == whole.losses()


def test_one_process_goes_on_with_what_two_began(start: Start, whole: Any, tmp_path: Path) -> None:
    assert start("encoder", tmp_path / "run", events={1: (0, signal.SIGTERM)}).statuses == [0, 0]
    ended = start("encoder", tmp_path / "run", ranks=1)
    assert ended.statuses == [0]
    for step, expected in zip(ended.losses(), whole.losses(), strict=True):
        assert step == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_job_and_the_run_goes_on(
    rank: int, start: Start, whole: Any, toy: ModuleType, tmp_path: Path
) -> None:
    killed = start("encoder", tmp_path / "run", events={2: (rank, signal.SIGKILL)})
    other = 1 - rank
    assert killed.statuses[rank] == -signal.SIGKILL and killed.statuses[other] == 130
    assert f"rank {other} of 2: another process of the job is gone; run the same" in killed.message(other)
    ended = start("encoder", tmp_path / "run")
    assert ended.statuses == [0, 0]
    assert toy.digest(ended.state()["task"]) == toy.digest(whole.state()["task"])


def test_a_batch_that_cannot_be_divided_is_refused_by_all(start: Start, tmp_path: Path) -> None:
    job = start("encoder", tmp_path / "run", ranks=3)
    assert job.statuses == [2, 2, 2]
    assert all("batch_size: 8 is not a multiple of the 3 processes" in job.message(rank) for rank in range(3))


def test_a_second_job_does_not_enter_the_folder(start: Start, tmp_path: Path, toy: ModuleType) -> None:
    with open_run(tmp_path, toy.toy_settings(5), name="toy"):
        job = start("encoder", tmp_path)
    assert set(job.statuses) == {2} and "working here" in job.message(0) and "working here" in job.message(1)


def test_a_training_that_is_not_parallel_says_so(
    toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="train toy: it does not divide its batch .* start it without torchrun"):
        toy.train_toy(tmp_path / "run", toy.toy_settings(3))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Failed to recv, got 0 bytes. Connection was likely closed. Did the remote server crash?", RunInterrupted),
        ("The client socket has timed out after 60000ms while trying to connect to (nowhere, 1)", ConfigError),
    ],
)
def test_one_that_is_lost_while_all_join_ends_the_job(
    said: str, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **more: Any) -> None:
        raise torch.distributed.DistNetworkError(said)

    monkeypatch.setattr(parallel, "_rendezvous", lambda rank: torch.distributed.HashStore())
    monkeypatch.setattr(torch.distributed, "init_process_group", fails)
    with pytest.raises(kind, match="rank 1 of 2"), parallel.process_group(Rank(1, 2)):
        pass


@pytest.mark.parametrize("rank", [Rank(0, 2), Rank(1, 2)])
def test_one_that_never_comes_is_not_waited_for_for_ever(
    rank: Rank, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {"RANK": rank.index, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for name, value in place.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(parallel, "_RENDEZVOUS_TIMEOUT", timedelta(seconds=1))
    start = time.monotonic()
    with pytest.raises(ConfigError, match=f"{rank}: the processes of the job do not find each other"):
        with parallel.process_group(rank):
            pass
    assert time.monotonic() - start < 30
    assert f"speech2img: {rank}: the environment says so (RANK, WORLD_SIZE); waiting" in capsys.readouterr().err


def test_rank_and_world_size_without_torchrun_start_no_job(
    toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "SLURM_NTASKS": "4"}.items():
        monkeypatch.setenv(name, value)
    result, _ = toy.train_toy(tmp_path / "run", toy.toy_settings(3))
    assert result.finished and (tmp_path / "run" / "stats.jsonl").is_file()


def test_alone_nothing_is_shared() -> None:
    rows, network = torch.arange(4.0), torch.nn.Linear(1, 1)
    network.weight.grad = torch.ones(1, 1)
    parallel.average_gradients_(network.parameters())
    assert parallel.local_rows(rows) is rows and parallel.gather_with_grad(rows) is rows
    assert network.weight.grad.item() == 1 and parallel.all_reduce_max([1.0, 2.0]) == [1.0, 2.0]
    assert parallel.local_batch_size(7) == 7 and parallel.is_main_process()


def test_every_process_takes_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "TORCHELASTIC_RUN_ID": "none"}.items():
        monkeypatch.setenv(name, value)
    assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda:1") == taken[0]
    assert resolve_device("cpu") == torch.device("cpu") and resolve_device("cuda:0") == torch.device("cuda:0")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ConfigError, match="2 CUDA devices"):
        resolve_device("cuda")


def test_torchrun_ends_with_a_killed_process(
    tiny: ModuleType, start: Start, whole: Any, toy: ModuleType, tmp_path: Path
) -> None:
    root = tiny.build(tmp_path / "corpus")
    settings = replace(tiny.ENCODER, loop=replace(tiny.LOOP, max_steps=10**6))
    (tmp_path / "encoder.toml").write_text(dump_toml(settings))
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "0",
        "--rdzv_backend", "c10d", "--rdzv_endpoint", "localhost:0", "-m", "speech2img", "train", "encoder",
        "--root", str(root), "--out", str(tmp_path / "run"), "--config", str(tmp_path / "encoder.toml"),
        "--device", "cpu",
    ]  # fmt: skip
    environment = program_environment(OMP_NUM_THREADS="1")
    torchrun = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 300
    while not list((tmp_path / "run" / "checkpoints").glob("step-*")) and time.monotonic() < limit:
        assert torchrun.poll() is None, torchrun.communicate()[1]
        time.sleep(0.05)
    workers = Path(f"/proc/{torchrun.pid}/task/{torchrun.pid}/children").read_text().split()
    assert len(workers) == 2
    os.kill(int(workers[1]), signal.SIGKILL)
    _, told = torchrun.communicate(timeout=120)
    assert torchrun.returncode != 0 and "another process of the job is gone" in told
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(worker), 0)
            pytest.fail(f"process {worker} is still there")
    newest = CheckpointStore(tmp_path / "run" / "checkpoints").latest()
    assert newest is not None
    step = int(newest.name.removeprefix("step-"))
    ended = start("encoder", tmp_path / "run", steps=step + 2)
    assert ended.statuses == [0, 0] and len(ended.losses()) == step + 2
