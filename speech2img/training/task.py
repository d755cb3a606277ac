"""`Task`, the contract of a training with the loop, and `BestWeights`."""

import math
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from PIL import Image
from torch import Tensor, nn

from speech2img.training.run import Run


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `Task.prepare` read and checked before the run folder was opened."""

    settings: Any
    """The settings as they are trained: weights to start from may bring some along."""
    identity: dict[str, Any] = field(default_factory=dict)
    """Plain data beside the settings that must not change between sittings: hashes of what the run learns from."""
    inputs: Any = None
    """What was read, for `Task.build`."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """What `Task.build` may know of the run that the task is built for."""

    run: Run
    """The open run folder; ``run.state`` is None in a new run."""
    inputs: Any = None
    """From `Prepared`."""
    progress: bool = True
    """Show progress of what is computed first."""


class Task(ABC):
    """One kind of training: its settings, models, optimizers, batches and step.

    A subclass must define `build`, `next_batch`, `train_step`, `state_dict`, `load_state_dict` and `export`; the other
    methods have defaults that do nothing.
    """

    Settings: ClassVar[type]
    """Class of its settings: a frozen dataclass with a field ``loop``."""
    name: str = "task"
    """Kind of training, written into checkpoints: a run folder of one kind cannot be resumed as another."""
    batch_size: int = 1
    """Items a step sees."""

    @classmethod
    def prepare(cls, root: Path, settings: Any, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read and check, before the run folder is opened, what decides whether this run may go on in it.

        Parameters
        ----------
        root : Path
            Corpus folder.
        settings : dataclass
            As they were asked for.
        run_dir : Path
            Run folder, which may not be there yet.
        device : torch.device
            Where it will compute.
        """
        return Prepared(settings)

    @classmethod
    @abstractmethod
    def build(cls, root: Path, settings: Any, *, device: torch.device, sitting: Sitting) -> Self:
        """Build the task, after the run folder was opened and everything was seeded.

        Parameters
        ----------
        root : Path
            Corpus folder.
        settings : dataclass
            As from `prepare`.
        device : torch.device
            Where it computes.
        sitting : Sitting
            The open run, and what `prepare` read.
        """

    def computing(self) -> AbstractContextManager[None]:
        """What holds while it trains, of the device's ways to compute."""
        return nullcontext()

    @abstractmethod
    def next_batch(self) -> Any:
        """Draw the next batch in the reproducible order."""

    @abstractmethod
    def train_step(self, batch: Any, progress: float) -> dict[str, Tensor]:
        """Make one step.

        Parameters
        ----------
        batch : object
            As from `next_batch`; under ``torchrun`` the rows of this process (see `distributed.collectives`).
        progress : float
            How much of the run's budget is used up, 0..1; schedules follow it.

        Returns
        -------
        dict of str to Tensor
            Detached scalar terms to log, still on the device (reading them off is the loop's affair).
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, as tensors, numbers, strings, lists and dicts."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""

    def networks(self) -> list[nn.Module]:
        """What is trained: under ``torchrun`` these take the statistics of the batch over all processes."""
        return []

    def batch_ids(self, batch: Any) -> list[int]:
        """Indices of a batch's items, for the report on a failed step."""
        return []

    def evaluate(self, step: int) -> dict[str, float]:
        """Measure on held-out data; a task that selects its best weights does so here."""
        return {}

    def sample_grids(self) -> dict[str, Image.Image]:
        """Pictures to look at while the run goes on."""
        return {}

    @abstractmethod
    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write the result of the training so far as a release folder."""


class BestWeights:
    """The weights with the highest value of a held-out measure so far."""

    def __init__(self) -> None:
        self.value = -math.inf
        self.step = -1
        self._weights: dict[str, Tensor] = {}

    def offer(self, module: nn.Module, *, value: float, step: int) -> bool:
        """Keep a copy of the module's weights if ``value`` is higher than any before.

        Returns
        -------
        bool
            True where the weights were kept.
        """
        if not value > self.value:
            return False
        self.value, self.step = value, step
        self._weights = {key: tensor.detach().cpu().clone() for key, tensor in module.state_dict().items()}
        return True

    def weights(self, fallback: nn.Module) -> dict[str, Tensor]:
        """The best weights, or those of ``fallback`` where nothing was ever offered."""
        return self._weights or {key: tensor.detach().cpu().clone() for key, tensor in fallback.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Value, step and weights."""
        return {"value": self.value, "step": self.step, "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.value, self.step, self._weights = float(state["value"]), int(state["step"]), dict(state["weights"])
