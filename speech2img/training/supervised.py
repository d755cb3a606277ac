"""`SupervisedTask`: a training of one network by one optimizer on a loss of each batch."""

from abc import abstractmethod
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from speech2img.batches.sampler import ResumableSampler
from speech2img.precision import resolve_precision
from speech2img.training.optimization import OptimizerStep, Schedule
from speech2img.training.run import LoopSettings
from speech2img.training.task import BestWeights, Task


class SupervisedSettings(Protocol):
    """What the settings of such a training say of its optimizer, beside what is each training's own."""

    @property
    def learning_rate(self) -> float:
        """Highest rate."""

    @property
    def schedule(self) -> Any:
        """Course of the rate; a training may know more than `Schedule`."""

    @property
    def warmup(self) -> float:
        """Part of the run in which the rate rises, 0..1."""

    @property
    def loop(self) -> LoopSettings:
        """How long, how often, in which arithmetic."""


class IndexedBatch(Protocol):
    """A batch that knows the items it was made of."""

    @property
    def indices_B(self) -> np.ndarray:
        """int, numbers of the items in whatever they were read from."""


class BatchSource(Protocol):
    """Training batches in a reproducible, resumable order."""

    sampler: ResumableSampler
    """The order, and how far it was followed."""

    def next(self) -> IndexedBatch:
        """Draw a batch."""


SettingsT = TypeVar("SettingsT", bound=SupervisedSettings)
NetworkT = TypeVar("NetworkT", bound=nn.Module)


class SupervisedTask(Task, Generic[SettingsT, NetworkT]):
    """A network, its optimizer, its batches and its best weights; a subclass says what the loss is.

    A subclass must define `build`, `compute_terms` and `export`.

    Parameters
    ----------
    settings : SettingsT
        How to train.
    network : nn.Module
        What is trained, on the device.
    optimizer : torch.optim.Optimizer
        Over its parameters.
    batches : BatchSource
        Where training batches come from.
    device : torch.device
        Where it computes.
    clip : float
        Largest norm of the gradient.
    step_parts, step_factor : float
        Of the schedule ``step``; see `learning_rate`.
    schedule : {"cosine", "constant", "step"}, optional
        Course of the rate, where it is not the one of the settings.
    """

    network_key: ClassVar[str] = "network"
    """Name of the network's weights in checkpoints."""
    keeps_best: ClassVar[bool] = True
    """Whether checkpoints hold the best weights; `evaluate` offers them to ``self.best``."""

    def __init__(
        self,
        settings: SettingsT,
        network: NetworkT,
        optimizer: torch.optim.Optimizer,
        batches: BatchSource,
        *,
        device: torch.device,
        clip: float,
        step_parts: float = 5.0,
        step_factor: float = 0.5,
        schedule: Schedule | None = None,
    ) -> None:
        self.settings, self.network, self.batches, self.device = settings, network, batches, device
        self.batch_size = batches.sampler.batch_size
        self.precision = resolve_precision(settings.loop.precision, device)
        self.optimizer_step = OptimizerStep(
            network,
            optimizer,
            self.precision,
            base=settings.learning_rate,
            schedule=schedule or settings.schedule,
            warmup=settings.warmup,
            clip=clip,
            step_parts=step_parts,
            step_factor=step_factor,
        )
        self.best = BestWeights()

    @abstractmethod
    def compute_terms(self, batch: Any) -> dict[str, Tensor]:
        """Run the network, in training mode, on a batch.

        Parameters
        ----------
        batch : IndexedBatch
            As from the batch source; under ``torchrun`` the rows of this process.

        Returns
        -------
        dict of str to Tensor [shape=()]
            ``loss``, which is made smaller, and what else is to be logged; over the rows of all processes.
        """

    def networks(self) -> list[nn.Module]:
        """The network."""
        return [self.network]

    def next_batch(self) -> IndexedBatch:
        """Draw a batch."""
        return self.batches.next()

    def batch_ids(self, batch: IndexedBatch) -> list[int]:
        """Numbers of a batch's items."""
        return [int(index) for index in batch.indices_B]

    def start_step(self, progress: float) -> None:
        """Set the rate of this point of the run, 0..1, and put the network into training mode."""
        self.optimizer_step.start(progress)

    def train_step(self, batch: Any, progress: float) -> dict[str, Tensor]:
        """One step of the optimizer."""
        self.start_step(progress)
        terms = self.compute_terms(batch)
        logged = {name: value.detach() for name, value in terms.items()}
        return logged | self.optimizer_step.step(terms["loss"])

    def state_dict(self) -> dict[str, Any]:
        """Network, optimizer, scaler, sampler and best weights."""
        state = {
            self.network_key: self.network.state_dict(),
            **self.optimizer_step.state_dict(),
            "sampler": self.batches.sampler.state_dict(),
        }
        return state | {"best": self.best.state_dict()} if self.keeps_best else state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.network.load_state_dict(state[self.network_key])
        self.optimizer_step.load_state_dict(state)
        self.batches.sampler.load_state_dict(state["sampler"])
        if self.keeps_best:
            self.best.load_state_dict(state["best"])
