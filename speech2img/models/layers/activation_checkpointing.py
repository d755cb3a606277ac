"""Memory against time: a part of a network whose inner activations are computed again in the backward pass."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpointed(part: nn.Module, function: Callable[..., Tensor], *inputs: Tensor | None) -> Tensor:
    """Call a function of a module, keep its inputs only, and call it once more when gradients are asked for.

    Output, gradients and running statistics are, bit for bit, what the plain call gives.

    Parameters
    ----------
    part : nn.Module
        Whose batch normalisations the function uses: their running statistics move in the first call only.
    function : callable
        From tensors to a tensor; it must not draw random numbers.
    *inputs : Tensor
        Its arguments.

    Returns
    -------
    Tensor
        What the function gives.
    """
    if not torch.is_grad_enabled():
        return function(*inputs)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _untracked(part)

    given = checkpoint(
        function, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=contexts, determinism_check="none"
    )
    return cast(Tensor, given)


@contextmanager
def _untracked(part: nn.Module) -> Iterator[None]:
    """Let normalisations move copies of their running statistics."""
    norms = [module for module in part.modules() if isinstance(module, _BatchNorm)]
    kept = [dict(norm._buffers) for norm in norms]
    for norm in norms:
        for name, buffer in norm._buffers.items():
            norm._buffers[name] = None if buffer is None else buffer.clone()
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            norm._buffers.update(buffers)
