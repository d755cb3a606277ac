"""Signals in a training: which ones ask for an end, what the result says, and what a second one does."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from speech2img.errors import RunInterrupted, RunTerminated
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.training.stopping import ASKING, StopSignal


def test_the_second_signal_stops_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with StopSignal() as wish:
        signal.raise_signal(signal.SIGINT)
        assert wish.received == signal.SIGINT
        with pytest.raises(RunTerminated) as caught:
            signal.raise_signal(signal.SIGTERM)
        assert caught.value.exit_code == 128 + signal.SIGTERM
        with pytest.raises(RunInterrupted) as interrupted:
            signal.raise_signal(signal.SIGINT)
        assert interrupted.value.exit_code == 128 + signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_second_signal_of_any_kind_has_its_own_status(number: int) -> None:
    with StopSignal():
        signal.raise_signal(signal.SIGUSR1)
        with pytest.raises(RunInterrupted) as caught:
            signal.raise_signal(number)
    assert caught.value.exit_code == 128 + number


def test_torchrun_may_pass_on_what_the_terminal_has_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with StopSignal(patient=True) as wish:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert wish.received == signal.SIGINT
        monkeypatch.setattr("speech2img.training.stopping.time.monotonic", lambda: float("inf"))
        with pytest.raises(RunTerminated):
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("number", ASKING)
def test_the_first_signal_finishes_the_step_and_the_result_names_it(
    tmp_path: Path, toy: ModuleType, number: int
) -> None:
    def stop(loss: torch.Tensor) -> torch.Tensor:
        signal.raise_signal(number)
        return loss

    result, _ = toy.train_toy(tmp_path, toy.toy_settings(20), at_step={5: stop})
    assert (result.step, result.finished, result.received) == (6, False, number)
    newest = CheckpointStore(tmp_path / "checkpoints").latest()
    assert newest is not None and newest.name == "step-00000006"
    result, _ = toy.train_toy(tmp_path, toy.toy_settings(20))
    assert result.finished and result.received is None


@pytest.mark.parametrize("moment", ["evaluate", "export"])
def test_a_signal_outside_of_a_step_counts_too(
    tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    real = getattr(toy.ToyTask, moment)

    def signalled(self: object, *args: object, **kwargs: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(toy.ToyTask, moment, signalled)
    result, _ = toy.train_toy(tmp_path, toy.toy_settings(10))
    assert result.received == signal.SIGINT
    assert (tmp_path / "export" / "config.json").is_file()


def test_a_hang_up_that_nohup_ignores_stays_ignored_and_other_threads_touch_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignal() as wish:
            signal.raise_signal(signal.SIGHUP)
            assert wish.received is None
    finally:
        signal.signal(signal.SIGHUP, before)
    untouched = []

    def enter() -> None:
        with StopSignal():
            untouched.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert untouched == [signal.getsignal(signal.SIGTERM)]


def test_a_child_of_the_training_dies_of_its_own_signals() -> None:
    with StopSignal():
        child = os.fork()
        if child == 0:
            signal.raise_signal(signal.SIGTERM)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


@pytest.mark.parametrize("rank", [0, 1])
def test_ctrl_c_to_any_process_of_a_job_ends_all_with_130(start: Callable, tmp_path: Path, rank: int) -> None:
    ended = start("encoder", tmp_path / "run", events={1: (rank, signal.SIGINT)})
    assert ended.statuses == [130, 130], ended.message(0)
    assert start("encoder", tmp_path / "run").statuses == [0, 0]
