"""Exponential moving average of a module: parameters and BatchNorm statistics, kept beside the live weights."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class EMA:
    """A second copy of a module whose floating-point state follows the live one slowly.

    Parameters
    ----------
    module : nn.Module
        The live module; it is copied here and never written to.
    decay : float, 0 <= decay < 1
        Share of the average that stays at each update (published 0.999).
    warmup : bool
        Use ``min(decay, (1 + n) / (10 + n))`` at update n, so that short runs forget their random start.

    Raises
    ------
    ValueError
        If ``decay`` is out of range.

    Notes
    -----
    Floating-point buffers are averaged too: averaged weights with the live network's running statistics would be
    neither of the two networks. Integer buffers are copied.
    """

    def __init__(self, module: nn.Module, decay: float = 0.999, *, warmup: bool = False) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be in 0..1 (1 excluded), got {decay}")
        self.decay = decay
        self.warmup = warmup
        self.num_updates = 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards ``module``, which is only read.

        Raises
        ------
        ValueError
            If ``module`` has another structure than the one averaged.
        """
        live, average = _tensors(module), _tensors(self.module)
        if live.keys() != average.keys():
            raise ValueError("the module to average has another structure than the average")
        decay = self.decay
        if self.warmup:
            decay = min(decay, (1 + self.num_updates) / (10 + self.num_updates))
        floating = [name for name, tensor in average.items() if tensor.is_floating_point()]
        new = [live[name].to(average[name].device) for name in floating]  # it may lie in the host's memory
        torch._foreach_lerp_([average[name] for name in floating], new, 1.0 - decay)
        for name in average.keys() - set(floating):
            average[name].copy_(live[name])
        self.num_updates += 1

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs: the averaged state and the number of updates."""
        return {"module": self.module.state_dict(), "num_updates": self.num_updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.module.load_state_dict(state["module"])
        self.num_updates = int(state["num_updates"])


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())
