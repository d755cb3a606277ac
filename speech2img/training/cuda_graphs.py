"""A training step replayed as one CUDA graph: no time is lost between its kernels."""

from collections.abc import Callable

import torch
from torch import Tensor

from speech2img.distributed.collectives import world
from speech2img.errors import ConfigError

WARM_UP = 3
"""Steps before the capture, in which libraries choose kernels and optimizers make their state."""


class GraphedStep:
    """A step that reads its inputs from fixed places and is, on CUDA, captured once and replayed from then on.

    Parameters
    ----------
    step : callable
        From tensors to scalar terms by name. What it does must depend on nothing that changes but these tensors, other
        tensors that are changed in place, and random numbers of the device.
    device : torch.device
        Where it computes. On a CPU every call is an ordinary one, with the same fixed places.
    warm_up : int
        Ordinary calls before the capture. They count as steps like all others.

    Raises
    ------
    ConfigError
        In a job of several processes, which wait for one another inside a step.
    """

    def __init__(self, step: Callable[..., dict[str, Tensor]], *, device: torch.device, warm_up: int = WARM_UP) -> None:
        if world().count > 1:
            raise ConfigError.about(
                "compute.graphs", f"torchrun started {world().count} processes", "set it to false, or start one process"
            )
        self._step, self._device, self._left = step, device, warm_up
        self._inputs: list[Tensor] = []
        self._terms: dict[str, Tensor] = {}
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Make a step.

        Parameters
        ----------
        *inputs : Tensor
            On the device, of the same shapes in every call.

        Returns
        -------
        dict of str to Tensor
            The step's terms, detached; later calls leave them alone.
        """
        if not self._inputs:
            self._inputs = [tensor.clone() for tensor in inputs]
        for fixed, tensor in zip(self._inputs, inputs, strict=True):
            fixed.copy_(tensor)
        if self._graph is not None:
            self._graph.replay()
        elif self._device.type != "cuda" or self._left > 0:
            self._left -= 1
            self._terms = self._ordinary()
        else:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._terms = self._step(*self._inputs)
            self._graph.replay()
        return {name: value.detach().clone() for name, value in self._terms.items()}

    def _ordinary(self) -> dict[str, Tensor]:
        if self._device.type != "cuda":
            return self._step(*self._inputs)
        # A capture needs a stream of its own, and so does what runs before it.
        aside, current = torch.cuda.Stream(self._device), torch.cuda.current_stream(self._device)
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            terms = self._step(*self._inputs)
        current.wait_stream(aside)
        return terms
