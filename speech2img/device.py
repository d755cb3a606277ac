"""Which device a model computes on, and what its processes may do there.

A fork copies memory but no threads. OpenMP, which PyTorch computes with, keeps a pool of threads from its first use on,
and a forked child waits for that pool without end (gunicorn ``--preload``, celery, ``multiprocessing`` before Python
3.14). With one thread no pool is needed; PyTorch's own data loaders do the same in their children. To load weights uses
the pool already. A child that was forked before that, or started by ``spawn``, keeps all threads.
"""

import os
from functools import cache
from typing import NamedTuple

import torch

from speech2img.errors import ConfigError


def resolve_device(name: str = "auto") -> torch.device:
    """Turn a device's name into a device that is there.

    Parameters
    ----------
    name : str
        ``"auto"`` (CUDA where there is one, else CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ... Each process of
        ``torchrun`` takes a CUDA device of its own for ``auto`` and ``cuda``.

    Raises
    ------
    ConfigError
        If the name is no device, or the device is not there.
    """
    # The name; each process of a job takes a device of its own.
    shared = _is_one_of_several()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and shared:
        from speech2img.storage.rank import local_index

        name = f"cuda:{local_index()}"

    # The device, if it is there.
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError.about(
            f"device '{name}'", "no such kind of device", "use auto, cpu, cuda or cuda:N"
        ) from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError.about(f"device '{name}'", "only CPU and CUDA are supported", "use auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ConfigError.about(f"device '{name}'", f"{count} CUDA devices were found", "use auto or cpu")
        if shared:
            torch.cuda.set_device(device)
    return device


def _is_one_of_several() -> bool:
    """Whether this process is one of a job of several; what a job's environment says is read where there may be one."""
    if os.environ.get("RANK", "0") == "0" and os.environ.get("WORLD_SIZE", "1") == "1":
        return False
    from speech2img.storage.rank import this_rank

    return this_rank().count > 1


@cache
def let_children_compute() -> None:
    """Have every child that is forked from now on compute with one thread; called where a model is loaded."""
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def require_own_process(device: torch.device, loaded_in: int, *, name: str) -> None:
    """Raise ConfigError where a model on a GPU was loaded before this process was forked: CUDA does not survive that.

    Parameters
    ----------
    device : torch.device
        Where the model is.
    loaded_in : int
        Process that loaded it.
    name : str
        What messages call the model.
    """
    if device.type != "cpu" and os.getpid() != loaded_in:
        reason = f"was loaded on {device} before this process was forked"
        raise ConfigError.about(name or "the model", reason, "load it in the child, or start children by 'spawn'")


def communication_backend() -> str:
    """What processes of a job talk through: gloo, and between CUDA devices nccl."""
    has_nccl = torch.cuda.is_available() and torch.distributed.is_nccl_available()
    return "cpu:gloo,cuda:nccl" if has_nccl else "gloo"


class CudaDevice(NamedTuple):
    """A CUDA device."""

    name: str
    """As its maker calls it."""
    memory: int
    """Bytes."""
    capability: tuple[int, int]
    """Compute capability."""


def cuda_devices() -> list[CudaDevice]:
    """The CUDA devices of this machine, in the order of their numbers."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices = map(torch.cuda.get_device_properties, range(count))
    return [CudaDevice(device.name, device.total_memory, (device.major, device.minor)) for device in devices]
