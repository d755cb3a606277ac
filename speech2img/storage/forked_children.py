"""Children forked after a model was loaded: they go on with one thread, where they would wait for those left behind.

A fork copies memory but no threads. OpenMP, which PyTorch computes with, keeps a pool of threads from its first use on,
and a forked child waits for that pool without end (gunicorn ``--preload``, celery, ``multiprocessing`` before Python
3.14). With one thread no pool is needed; PyTorch's own data loaders do the same in their children. To load weights uses
the pool already. A child that was forked before that, or started by ``spawn``, keeps all threads.
"""

import os
from functools import cache

import torch

from speech2img.errors import ConfigError


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
