"""The one training loop: every task runs through it, and every contract of a run is kept here."""

import resource
import signal
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.profiler import record_function

from speech2img.distributed.collectives import (
    all_reduce_max,
    broadcast_state_,
    is_main_process,
    local_batch_size,
    local_rows,
    world,
)
from speech2img.distributed.global_draws import GlobalDraws
from speech2img.distributed.sync_batch_norm import convert_batch_norm_
from speech2img.errors import CheckpointError, OutOfMemoryError
from speech2img.precision import peak_memory
from speech2img.renamed import modern_state, renamed
from speech2img.storage.atomic import atomic_path, remove_leftovers
from speech2img.training.nonfinite import NonFiniteGuard, first_not_finite
from speech2img.training.profiling import StepProfiler
from speech2img.training.run import Run, preserved_random_state, random_state, restore_random_state
from speech2img.training.stats_log import NullLog, StatsLog, StatusLine
from speech2img.training.stopping import StopSignal
from speech2img.training.task import Task


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended."""

    run_dir: Path
    """The run folder."""
    step: int
    """Optimizer steps so far."""
    images_seen: int
    """Items seen so far."""
    finished: bool
    """False where a signal ended it before its budget was used up."""
    metrics: dict[str, float]
    """The last evaluation."""
    received: int | None = None
    """The signal that asked for the end, to any process of the job."""


@dataclass
class _Position:
    step: int = 0
    images_seen: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    evaluated_at: int = -1
    drawn_at: int = -1


def run_training(task: Task, *, run: Run, device: torch.device, progress: bool = True) -> TrainingResult:
    """Train until the budget of steps, minutes or processor minutes is used up, or a signal asks to stop.

    Parameters
    ----------
    task : Task
        What is trained; it must have been built after `open_run` seeded everything.
    run : Run
        The open run folder; where it holds a checkpoint, the run goes on there, bit for bit on the same machine.
    device : torch.device
        Where the task computes.
    progress : bool
        Show a status line.

    Returns
    -------
    TrainingResult
        Also after SIGTERM, SIGHUP, SIGUSR1 or Ctrl-C: the step is finished, a checkpoint and the export are written.

    Raises
    ------
    NonFiniteError
        If a loss or a weight is not finite, ten times in a row where ``loop.nonfinite`` is ``skip``; ``nonfinite.json``
        says where, the last good checkpoint stays.
    OutOfMemoryError
        If a step needs more memory than there is; the last checkpoint stays.
    DiskFullError
        If a checkpoint does not fit; the one before stays.
    CheckpointError
        If the checkpoint is of another network.
    RunInterrupted, RunTerminated
        At the second of these signals, at once.

    Notes
    -----
    Under ``torchrun`` every process computes its rows of each batch; the first of them alone writes, logs, measures and
    draws, so that only its result has ``metrics``.
    """
    return _Loop(task, run, device).run(progress)


class _Loop:
    """A sitting of a run: its position, the terms to log, the log and the guard."""

    def __init__(self, task: Task, run: Run, device: torch.device) -> None:
        self.task, self.device, self.settings = task, device, run.loop
        self.folder, self.store, self.run_settings = run.folder, run.store, run.settings
        self.is_main, self.rows = is_main_process(), local_batch_size(task.batch_size)
        self.guard = NonFiniteGuard(task, run.folder, run.loop.nonfinite, writes=self.is_main)
        self.position = _Position()
        self.received: int | None = None
        self.sums: dict[str, Tensor] = {}
        self.count = 0
        self.metrics: dict[str, float] = {}
        for network in task.networks():
            convert_batch_norm_(network)

        # Resume, all processes from the same checkpoint.
        if run.state is not None:
            self._load(run.state)
        if all_reduce_max([self.position.step, -self.position.step]) != [self.position.step, -self.position.step]:
            reason = "the processes of the job do not find the same checkpoint in it"
            raise CheckpointError.about(run.folder, reason, "put it on a disk that all machines share")
        broadcast_state_(task.networks())
        self.saved_step = self.position.step if run.state is not None else -1

        # Log
        self.log: StatsLog | NullLog = NullLog()
        if self.is_main:
            self.log = StatsLog(run.folder, step=self.position.step, evaluated=self.position.evaluated_at)

    def _load(self, state: dict[str, Any]) -> None:
        try:
            saved = state["loop"]
            self.position = _Position(**saved["position"])
            self.sums = {key: value.to(self.device) for key, value in saved["sums"].items()}
            self.count, self.metrics = saved["count"], renamed("stats", saved["metrics"])
            self.task.load_state_dict(modern_state(state["task"]))
            restore_random_state(state["random"])
        except (RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            reason = f"its checkpoint does not fit this training ({type(error).__name__}: {error})"
            fix = "resume with the version and settings that made it, or choose a new run folder"
            raise CheckpointError.about(self.folder, reason, fix) from error

    def run(self, progress: bool) -> TrainingResult:
        """Train, then evaluate, save and export."""
        try:
            shown = progress and self.is_main
            line = StatusLine(self.task.name, step=self.position.step, max_steps=self.settings.max_steps, shown=shown)
            steps = self.settings.profile_steps if self.is_main else 0
            profiler = StepProfiler(self.folder, steps=steps, step=self.position.step, device=self.device)
            with StopSignal(patient=world().count > 1) as stop, line as status:
                with profiler:
                    self._train(stop, status, profiler)
                finished = self.used_budget() >= 1.0
                if finished and self.is_main:
                    self._evaluate(status)
                    self.save_samples()
                if self.is_main and (self.saved_step != self.position.step or finished):
                    self._save()
                if self.is_main:
                    self._export()
        finally:
            self.log.close()
        received, position = stop.received or self.received, self.position
        return TrainingResult(self.folder, position.step, position.images_seen, finished, self.metrics, received)

    def used_budget(self) -> float:
        """Used part of the budget, 0..1: of steps or of minutes, whichever is furthest."""
        settings, position = self.settings, self.position
        parts = [position.step / settings.max_steps]
        if settings.max_minutes is not None:
            parts.append(position.seconds / (60.0 * settings.max_minutes))
        if settings.max_processor_minutes is not None:
            parts.append(position.processor_seconds / (60.0 * settings.max_processor_minutes))
        return min(1.0, max(parts))

    def should_stop(self, stop: StopSignal) -> bool:
        """Whether the budget is used up or a signal came, to any process; all of them count by the slowest clock."""
        received = float(stop.received or 0)
        if stop.received == signal.SIGINT:  # Ctrl-C outweighs what torchrun sends to the others
            received = float(signal.NSIG)
        position = self.position
        times = [position.seconds, position.processor_seconds]
        position.seconds, position.processor_seconds, stopped = all_reduce_max([*times, received])
        if stopped:
            self.received = signal.SIGINT if stopped == signal.NSIG else int(stopped)
        return stopped > 0 or self.used_budget() >= 1.0

    def _train(self, stop: StopSignal, status: StatusLine, profiler: StepProfiler) -> None:
        settings, position = self.settings, self.position
        start = self.used_budget()
        clock = checkpointed = logged = time.monotonic()
        processor = time.process_time()
        logged_step = position.step
        while not self.should_stop(stop):
            # Draw a batch, make a step, or take it back.
            with record_function("next_batch"):
                batch = self.task.next_batch()
            self.guard.before_step()
            with record_function("train_step"):
                terms = self._step(batch, self.used_budget())
            now = time.monotonic()
            position.seconds, clock = position.seconds + now - clock, now
            now = time.process_time()
            position.processor_seconds, processor = position.processor_seconds + now - processor, now
            if self.guard.rollback(terms, batch, step=position.step + 1, saved=self.saved_step):
                continue
            position.step += 1
            position.images_seen += self.task.batch_size

            # Log. Reading numbers off a GPU would wait for it at every step.
            if self.device.type == "cpu":
                self._check(terms, batch)
            for key, value in terms.items():
                self.sums[key] = self.sums[key] + value if key in self.sums else value.clone()
            self.count += 1
            if position.step % settings.log_every == 0:
                means = {key: float(value) / self.count for key, value in self.sums.items()}
                self._check({key: torch.tensor(value) for key, value in means.items()}, batch)
                now = time.monotonic()
                speed = (position.step - logged_step) / max(now - logged, 1e-9)
                counters = {"images_seen": position.images_seen, "seconds": round(position.seconds, 1)}
                counters["processor_seconds"] = round(position.processor_seconds, 1)
                self.log.add("train", position.step, means, **counters, steps_per_second=round(speed, 3))
                status.note(means)
                self.sums, self.count, logged, logged_step = {}, 0, now, position.step

            # Evaluate, show samples, save; the last checkpoint comes after its evaluation, in `run`.
            if self.is_main and settings.evaluate_every and position.step % settings.evaluate_every == 0:
                self._evaluate(status)
            if self.is_main and settings.grid_every and position.step % settings.grid_every == 0:
                self.save_samples()
            is_due = time.monotonic() - checkpointed >= 60.0 * settings.checkpoint_minutes
            if self.is_main and is_due and self.used_budget() < 1.0:
                self._save()
                checkpointed = time.monotonic()
            profiler.after_step(position.step)
            status.update(position.step, self.used_budget(), start)

    def _step(self, batch: Any, used: float) -> dict[str, Tensor]:
        draws = GlobalDraws(self.rows) if world().count > 1 else nullcontext()
        try:
            with draws:
                return self.task.train_step(local_rows(batch), used)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not isinstance(error, torch.OutOfMemoryError):
                if not any(words in str(error) for words in ("allocate memory", "not enough memory")):
                    raise
            peak = peak_memory(self.device) or 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            raise OutOfMemoryError.about(
                f"step {self.position.step + 1} of {self.task.name}",
                f"a batch of {self.task.batch_size} does not fit into the memory, peak {peak / 2**30:.1f} GiB",
                f"set a smaller batch_size in a new run folder (checkpoint {max(self.saved_step, 0)} stays)",
            ) from error

    def _evaluate(self, status: StatusLine) -> None:
        if self.position.evaluated_at == self.position.step:
            return
        self._finite_state()
        with preserved_random_state():
            self.metrics = self.task.evaluate(self.position.step)
        self.position.evaluated_at = self.position.step
        if self.metrics:
            self.log.add("evaluation", self.position.step, self.metrics, images_seen=self.position.images_seen)
            status.note(self.metrics)

    def save_samples(self) -> None:
        """Write the task's sample grids as images, once a step."""
        if self.position.drawn_at == self.position.step:
            return
        self._finite_state()
        with preserved_random_state():
            grids = self.task.sample_grids()
        for name, image in grids.items():
            folder = self.folder / "grids"
            folder.mkdir(exist_ok=True)
            with atomic_path(folder / f"{name}-{self.position.step:08d}.png") as path:
                image.save(path, format="PNG")
            self.log.add_image(name, self.position.step, image)
        self.position.drawn_at = self.position.step

    def _save(self) -> None:
        position = vars(self.position).copy()
        state = {
            "task": self._finite_state(),
            "loop": {"position": position, "sums": self.sums, "count": self.count, "metrics": self.metrics},
            "random": random_state(),
        }
        self.log.sync()
        self.store.save(self.position.step, state, self.run_settings)
        self.saved_step = self.position.step

    def _export(self) -> None:
        with preserved_random_state():
            self.task.export(self.folder / "export", step=self.position.step, images_seen=self.position.images_seen)
        remove_leftovers(self.folder)  # only now: an older release may be among what a killed process left

    def _finite_state(self) -> dict[str, Any]:
        """The task's state; a step may have spoilt it though its own terms were finite."""
        state = self.task.state_dict()
        if offending := first_not_finite(state):
            self.guard.fail({"state": offending}, None, step=self.position.step, saved=self.saved_step)
        return state

    def _check(self, terms: dict[str, Tensor], batch: Any) -> None:
        self.guard.check(terms, batch, step=self.position.step, saved=self.saved_step)
