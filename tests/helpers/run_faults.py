"""What goes wrong in the middle of a training, on order: signals, kills within a save, no memory, no disk, nonsense.

Keys of an order; steps are counted from 0 within a sitting:

``events``      {step: [rank, signal, delay]}: a signal to a rank, so many seconds after the step began (at once
                without a delay)
``kill_in_save``  [number, moment]: SIGKILL just before the so many-th change of the disk within that save
``file_limit``  bytes: no file may become larger, as on a full disk
``no_memory``   [step, kind]: ``raised`` an error of PyTorch's allocator, ``limit`` an allocation beyond RLIMIT_AS
``nonsense``    [step, where, value]: value in ``input``, ``weight``, ``loss`` or ``gradient``
``kill_at_part``  [rank, number]: SIGKILL of a rank when it is about to keep its so many-th part
``small_parts``  true: teacher features and embeddings in parts of a few rows
``long_epoch``  true: epochs so long that no test reaches the second one
"""

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"}
_EPOCHS = 100

Step = Callable[[Any, Any, float], Any]
"""``_Loop._step``."""


def arm(order: dict[str, Any], rank: int) -> None:
    """Prepare what an order wants to go wrong in this process, and nothing else."""
    if limit := order.get("file_limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if order.get("long_epoch"):
        _lengthen_epochs()
    if order.get("small_parts"):
        _small_parts()
    if (fault := order.get("kill_at_part")) and fault[0] == rank:
        _kill_at_part(fault[1])
    if fault := order.get("kill_in_save"):
        _kill_in_save(*fault)
    _at_steps(_events(order.get("events", {}), rank))
    if fault := order.get("no_memory"):
        _at_steps(_no_memory(*fault))
    if fault := order.get("nonsense"):
        _at_steps(_nonsense(*fault))


def _at_steps(before: Callable[[int, Any, Any], None]) -> None:
    """Call something with the number of each step, the loop and the batch, just before the step."""
    from speech2img.training import loop

    original, count = loop._Loop._step, 0

    def step(self: Any, batch: Any, used: float) -> Any:
        nonlocal count
        count += 1
        before(count - 1, self, batch)
        return original(self, batch, used)

    loop._Loop._step = step  # type: ignore[method-assign]


def _events(events: dict[str, list[Any]], rank: int) -> Callable[[int, Any, Any], None]:
    def before(step: int, loop: Any, batch: Any) -> None:
        wanted, number, *delay = events.get(str(step), (-1, 0))
        if wanted == rank and delay:
            threading.Timer(delay[0], os.kill, (os.getpid(), number)).start()
        elif wanted == rank:
            os.kill(os.getpid(), number)

    return before


def _no_memory(wanted: int, kind: str) -> Callable[[int, Any, Any], None]:
    def before(step: int, loop: Any, batch: Any) -> None:
        if step != wanted:
            return
        original = loop.task.train_step

        def train_step(*args: Any) -> Any:
            if kind == "raised":
                raise torch.OutOfMemoryError("CUDA out of memory")
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), resource.RLIM_INFINITY))
            torch.empty(1 << 28)
            return original(*args)

        loop.task.train_step = train_step

    return before


def _nonsense(wanted: int, where: str, value: str) -> Callable[[int, Any, Any], None]:
    number = float(value)

    def before(step: int, loop: Any, batch: Any) -> None:
        if step != wanted:
            return
        network = loop.task.networks()[0]
        if where == "input":
            tensors = [part for part in batch if isinstance(part, Tensor) and part.is_floating_point()]
            tensors[0].view(-1)[0] = number
        elif where == "weight":
            with torch.no_grad():
                next(network.parameters()).view(-1)[0] = number
        elif where == "gradient":
            handles = [p.register_hook(lambda gradient: gradient * number) for p in network.parameters()]
            assert handles
        else:
            original = Tensor.backward

            def backward(self: Tensor, *args: Any, **more: Any) -> None:
                Tensor.backward = original  # type: ignore[method-assign]
                original(self * number, *args, **more)

            Tensor.backward = backward  # type: ignore[method-assign]

    return before


def _kill_in_save(number: int, moment: int) -> None:
    from speech2img.storage.checkpoint import CheckpointStore

    original, saves, left, fsync = CheckpointStore.save, 0, moment, os.fsync
    armed = False

    def change(event: str, _: object = None) -> None:
        nonlocal left
        if armed and event in _CHANGES:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def counted_fsync(descriptor: int) -> None:
        change("open")
        fsync(descriptor)

    def save(self: Any, *args: Any, **more: Any) -> Path:
        nonlocal saves, armed
        armed, saves = saves == number, saves + 1
        try:
            return original(self, *args, **more)
        finally:
            armed = False

    sys.addaudithook(change)
    os.fsync = counted_fsync
    CheckpointStore.save = save  # type: ignore[method-assign]


def _kill_at_part(number: int) -> None:
    from speech2img.storage.chunks import StoredChunks

    original, left = StoredChunks.add, number

    def add(self: Any, start: int, chunk: Any) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        original(self, start, chunk)

    StoredChunks.add = add  # type: ignore[method-assign]


def _small_parts() -> None:
    from speech2img.features import image_features as features
    from speech2img.features import speech_embeddings as extract

    extract.BATCH_FRAMES = 200
    features.build_teacher_features.__kwdefaults__["batch_size"] = 2


def _lengthen_epochs() -> None:
    from speech2img.batches.sampler import ResumableSampler

    made, drawn = ResumableSampler.__init__, ResumableSampler.next

    def init(self: Any, num_items: int, batch_size: int, *, lengths: np.ndarray | None = None, **more: Any) -> None:
        many = None if lengths is None else np.tile(lengths, _EPOCHS)
        made(self, num_items * _EPOCHS, min(batch_size, num_items), lengths=many, **more)
        self.true_items = num_items

    def next_batch(self: Any) -> tuple[np.ndarray, np.random.Generator]:
        indices, generator = drawn(self)
        return indices % self.true_items, generator

    ResumableSampler.__init__ = init  # type: ignore[method-assign]
    ResumableSampler.next = next_batch  # type: ignore[method-assign]
