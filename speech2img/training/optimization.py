"""Optimizer step: learning rate, loss scaling, gradient clipping."""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from speech2img.distributed.collectives import average_gradients_
from speech2img.precision import Precision, restore_optimizer_

Schedule = Literal["cosine", "constant", "step"]


def learning_rate(
    progress: float,
    *,
    base: float,
    schedule: Schedule = "cosine",
    warmup: float = 0.0,
    floor: float = 0.01,
    step_parts: float = 5.0,
    step_factor: float = 0.5,
) -> float:
    """Learning rate at a point of the run.

    Parameters
    ----------
    progress : float
        0 at the start, 1 at the end of the budget.
    base : float
        The highest rate.
    schedule : {"cosine", "constant", "step"}
        ``step`` multiplies the rate by ``step_factor`` at the end of every part of the run.
    warmup : float
        Part of the run in which the rate rises linearly from 0, 0..1.
    floor : float
        Part of ``base`` left at the end of the cosine.
    step_parts : float >= 1
        Parts of the run, for ``step``: Li et al. 2020 halve every 200 of 1,000 epochs (5), S2IGAN takes a tenth every
        50 of 150 or of 120 epochs (3 or 2.4).
    step_factor : float
        Factor of each step.
    """
    if progress < warmup:
        return base * max(progress, 1e-3 * warmup) / warmup
    if schedule == "constant":
        return base
    if schedule == "step":
        return base * step_factor ** min(math.ceil(step_parts) - 1, int(progress * step_parts))
    rest = min(1.0, (progress - warmup) / max(1e-9, 1.0 - warmup))
    return base * (floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * rest)))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Give every parameter group the same learning rate; one that is a tensor keeps its place, for CUDA graphs."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(value)
        else:
            group["lr"] = value


class OptimizerStep:
    """Gradient step of one network.

    Parameters
    ----------
    network : nn.Module
        What is trained.
    optimizer : torch.optim.Optimizer
        Over the network's parameters.
    precision : Precision
        Decides whether the loss is scaled (fp16).
    base : float
        Highest learning rate.
    schedule : {"cosine", "constant", "step"}
        Course of the rate; see `learning_rate`.
    warmup : float
        Part of the run in which the rate rises, 0..1.
    clip : float
        Largest norm of the gradient.
    step_parts, step_factor : float
        Of the schedule ``step``.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        precision: Precision,
        *,
        base: float,
        schedule: Schedule,
        warmup: float,
        clip: float,
        step_parts: float = 5.0,
        step_factor: float = 0.5,
    ) -> None:
        self.network, self.optimizer, self.scaler = network, optimizer, precision.scaler()
        self.base, self.schedule, self.warmup, self.clip = base, schedule, warmup, clip
        self.step_parts, self.step_factor = step_parts, step_factor

    def start(self, progress: float) -> None:
        """Set the rate of this point of the run, 0..1, and put the network into training mode."""
        rate = learning_rate(
            progress,
            base=self.base,
            schedule=self.schedule,
            warmup=self.warmup,
            step_parts=self.step_parts,
            step_factor=self.step_factor,
        )
        set_learning_rate(self.optimizer, rate)
        self.network.train()

    def step(self, loss: Tensor) -> dict[str, Tensor]:
        """Follow the gradient of a loss.

        Parameters
        ----------
        loss : Tensor [shape=()]
            Of this batch.

        Returns
        -------
        dict of str to Tensor
            ``gradient_norm`` before clipping, detached; nothing under loss scaling, where a norm that is not finite is
            part of the search for the scale.
        """
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        average_gradients_(self.network.parameters())
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return {} if self.scaler.is_enabled() else {"gradient_norm": norm.detach()}

    def state_dict(self) -> dict[str, Any]:
        """State of optimizer and scaler."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave; further keys are left alone."""
        restore_optimizer_(self.optimizer, state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
