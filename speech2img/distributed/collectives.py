"""Training by several processes of ``torchrun`` (data parallel): each computes its rows of one global batch.

What a run computes does not depend on the number of processes, but for the order of sums (relative 1e-6):

* Every process draws the same global batch and keeps its rows (`local_rows`).
* Random numbers are drawn for the global batch and cut (`speech2img.distributed.global_draws`): the random states of
  all processes stay equal, so that a checkpoint of any number of processes is resumed by any other.
* Batch normalisation takes its statistics over all rows (`speech2img.distributed.sync_batch_norm`).
* Losses are computed on what all processes gave (`gather_with_grad`), by every process the same.
* Gradients are averaged (`average_gradients_`).

Models and losses know nothing of it. Two things stay each process's own: dropout inside an LSTM of several layers, and
how far S2IGAN's unmasked encoder (preset ``s2igan-published``) pads: to its longest row. Every process makes the whole
global batch on its CPU before it cuts it, and gradients are averaged after the backward pass, not during it.

This module alone speaks to the other processes. Alone, all of it does nothing.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist

from speech2img.device import communication_backend
from speech2img.errors import (
    ConfigError,
    DataError,
    DiskFullError,
    NonFiniteError,
    OutOfMemoryError,
    RunInterrupted,
    Speech2ImgError,
)
from speech2img.storage.notices import notice
from speech2img.storage.rank import SINGLE, Rank, by_torchrun

T = TypeVar("T")

_TIMEOUT = timedelta(days=1)
"""How long processes wait for one another: for as long as one prepares a corpus; a dead one is noticed at once."""
_RENDEZVOUS_TIMEOUT = timedelta(minutes=5)
"""How long they wait for one another at the beginning."""
_GO_ON = "run the same torchrun command again: the last checkpoint, and what was finished, stays"
_LOST = ("gloo", "nccl", "connection closed by peer", "connection reset", "tcpstore", "process group")


@contextmanager
def process_group(rank: Rank) -> Iterator[None]:
    """Process group of one job while the block runs.

    Parameters
    ----------
    rank : Rank
        This process's place; the only process of a job joins nothing.

    Raises
    ------
    ConfigError
        If the processes do not find each other.
    RunInterrupted
        If another one is gone: this one must not go on alone.
    """
    if rank.count == 1:
        yield
        return

    # Join.
    try:
        store = _rendezvous(rank)
        backend = communication_backend()
        dist.init_process_group(backend, store=store, rank=rank.index, world_size=rank.count, timeout=_TIMEOUT)
    except (RuntimeError, ValueError) as error:
        if "closed" in str(error).lower():  # they had found each other, and one was killed then
            raise RunInterrupted.about(rank, "another process of the job is gone", _GO_ON) from error
        reason = f"the processes of the job do not find each other ({error})"
        raise ConfigError.about(str(rank), reason, "start them with torchrun") from error

    # Run the block; leave, whatever became of it.
    try:
        yield
    except RuntimeError as error:
        if not any(word in str(error).lower() for word in _LOST):
            raise
        raise RunInterrupted.about(rank, "another process of the job is gone", _GO_ON) from error
    finally:
        dist.destroy_process_group()


def _rendezvous(rank: Rank) -> dist.Store:
    """Where the processes of the job find each other, once all of them are there.

    Raises
    ------
    RuntimeError, ValueError
        If one of them does not come in time, or nothing says where to meet.
    """
    if not by_torchrun():
        minutes = int(_RENDEZVOUS_TIMEOUT.total_seconds()) // 60
        notice(f"{rank}: the environment says so (RANK, WORLD_SIZE); waiting {minutes} minutes for the others at most")
    store, _, _ = next(dist.rendezvous("env://", rank.index, rank.count, timeout=_RENDEZVOUS_TIMEOUT))
    here = dist.PrefixStore(f"speech2img-{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    here.set(str(rank.index), "")
    here.wait([str(index) for index in range(rank.count)], _RENDEZVOUS_TIMEOUT)
    return here


def world() -> Rank:
    """Rank and number of processes of the job; outside of `process_group` there is this one alone."""
    return Rank(dist.get_rank(), dist.get_world_size()) if dist.is_available() and dist.is_initialized() else SINGLE


def is_main_process() -> bool:
    """Whether this process writes, logs and measures for all."""
    return world().index == 0


@contextmanager
def main_process_first() -> Iterator[None]:
    """Run the block in the main process, then in the others, which find done what it does.

    Raises
    ------
    Speech2ImgError
        In the others, of the main process's exit status, where an error of the package ended its block: it says why.
    """
    if not is_main_process():
        _demand_success(all_reduce_max([0.0])[0])
        yield
        return
    try:
        yield
    except Speech2ImgError as error:
        all_reduce_max([float(error.exit_code)])
        raise
    all_reduce_max([0.0])


def on_main_process(action: Callable[[], object]) -> None:
    """Let the main process do something that cannot be divided; the others wait and end as it does.

    Raises
    ------
    Speech2ImgError
        What the action raises, in the main process; an error of the same exit status in the others.
    """
    with main_process_first():
        if is_main_process():
            action()


def barrier() -> None:
    """Wait for all processes of the job."""
    all_reduce_max([0.0])


def all_reduce_max(values: Sequence[float]) -> list[float]:
    """Largest of each value over all processes, which wait for one another here."""
    if world().count == 1:
        return list(values)
    shared = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(shared, dist.ReduceOp.MAX)
    return shared.tolist()


def _demand_success(status: float) -> None:
    if not status:
        return
    kinds = (ConfigError, NonFiniteError, OutOfMemoryError, DiskFullError, RunInterrupted)
    kind = next((kind for kind in kinds if kind.exit_code == int(status)), DataError)
    raise kind.about(world(), "the first process of the job stopped", "see its message")


def all_reduce_sum(values: Tensor) -> Tensor:
    """Sum over all processes, in place, no gradient; every process receives the same bits."""
    if world().count > 1:
        dist.all_reduce(values)
    return values


def local_batch_size(batch_size: int) -> int:
    """Rows of a global batch that each process computes.

    Raises
    ------
    ConfigError
        If the batch cannot be divided evenly.
    """
    count = world().count
    if batch_size % count:
        reason = f"{batch_size} is not a multiple of the {count} processes"
        raise ConfigError.about("batch_size", reason, f"start a number of processes that divides {batch_size}")
    return batch_size // count


def local_rows(batch: T) -> T:
    """Rows of a global batch that belong to this process.

    Parameters
    ----------
    batch : Tensor, ndarray, None, or a (named) tuple, list or dict of such
        Axis 0 goes over the rows.
    """
    rank = world()
    return batch if rank.count == 1 else _each(batch, lambda rows: rank_rows(rows, rank))


def gather_with_grad(value: T) -> T:
    """The rows of all processes, in the order of the global batch; gradients find their way back.

    Parameters
    ----------
    value : Tensor, or a (named) tuple, list or dict of such
        What this process computed for its rows; axis 0 goes over them.

    Notes
    -----
    Every process goes on to compute the same loss. Gradients are those of the sum over all processes, so that their
    average, and not the sum, is the gradient of the loss.
    """
    return value if world().count == 1 else _each(value, _Gather.apply)


def global_mean(loss: Tensor) -> Tensor:
    """Mean over all processes of a loss that is itself a mean over rows.

    Parameters
    ----------
    loss : Tensor [shape=()]
        Over the rows of this process.
    """
    return loss if world().count == 1 else gather_with_grad(loss[None]).mean()


def average_gradients_(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over all processes."""
    count = world().count
    if count == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    flat = all_reduce_sum(torch.cat([gradient.reshape(-1) for gradient in gradients])).div_(count)
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


@torch.no_grad()
def broadcast_state_(networks: Iterable[nn.Module]) -> None:
    """Give all processes the main process's parameters and buffers: machines may differ in their last bits."""
    if world().count == 1:
        return
    for network in networks:
        for tensor in network.state_dict().values():
            dist.broadcast(tensor, 0)


class _Gather(torch.autograd.Function):
    """Rows of all processes; backward adds up what all of them want of these rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        """Gather; half precision travels as float32, which not every backend knows how to move otherwise."""
        payload = rows.detach().float() if rows.dtype in (torch.float16, torch.bfloat16) else rows.detach()
        parts = [torch.empty_like(payload, memory_format=torch.contiguous_format) for _ in range(world().count)]
        dist.all_gather(parts, payload.contiguous())
        return torch.cat(parts).to(rows.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Sum and cut."""
        (gradient,) = gradients
        total = all_reduce_sum(gradient.float().contiguous().clone())
        return rank_rows(total, world()).to(gradient.dtype)


def rank_rows(rows: Any, rank: Rank) -> Any:
    """Rows of a global batch that belong to a process."""
    size = len(rows) // rank.count
    return rows[rank.index * size : (rank.index + 1) * size]


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change every tensor or array in nested data."""
    if isinstance(value, (Tensor, np.ndarray)):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each(inner, change) for key, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_each(inner, change) for inner in value))
    if isinstance(value, (tuple, list)):
        return type(value)(_each(inner, change) for inner in value)
    return value
