"""Memory of one training step of the generator: the most bytes of tensors alive at once, as an allocator counts them.

    python tools/benchmark/memory.py [--family stackgan] [--batch-size 24] [--stages 3] [--width 64] [--device auto]
                                     [--out FILE]

``--family attngan`` is AttnGAN as its preset has it, on 64 frames of 1,024 numbers and without a DAMSM:
``--stages 3 --batch-size 20`` is its 256 px, ``--stages 4 --batch-size 4`` its 512 px.

On a CPU nothing is computed: the step runs on tensors without content, and every storage is counted from the operation
that makes it until nothing refers to it. On CUDA the step is made, and the allocator's own peak is told beside the
count. Weights, gradients, the average and Adam's two moments are in both. Not in the count: scratch memory inside an
operation, rounding, and what a CUDA process holds before its first tensor (0.3 to 0.5 GB).
"""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from common import machine, print_table

GB = 1e9
CASES = (("fp32", "normal"), ("fp32", "low"), ("bf16", "normal"), ("bf16", "low"))


@dataclass(frozen=True)
class Memory:
    """Bytes of one training step."""

    weights: int
    """Networks and the average, with their buffers."""
    moments: int
    """Adam's."""
    peak: int
    """The most at once, all in all."""
    allocated: int = 0
    """The peak that the CUDA allocator tells."""


def tensors_of(task: Any) -> list[Any]:
    """Weights and buffers of all networks, and the average's."""
    modules = [*task.networks(), task.average.module]
    return [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]


def moments_of(task: Any) -> int:
    """Bytes of Adam's two moments."""
    return sum(2 * p.numel() * p.element_size() for module in task.networks() for p in module.parameters())


@contextmanager
def without_moments() -> Iterator[None]:
    """Let Adam do nothing, as its moments cannot be made of tensors without content; they are added up instead."""
    import torch

    def nothing(self: Any, closure: Any = None) -> None:
        """Leave the weights as they are."""

    with patch.object(torch.optim.Adam, "step", nothing), patch.object(torch.optim.AdamW, "step", nothing):
        yield


def counted(task: Any, *, real: bool) -> Memory:
    """Count one step.

    Parameters
    ----------
    task : StackGANTask
        On the CPU; without ``real`` it is left as it is.
    real : bool
        Whether to compute the step.
    """
    from live_bytes import LiveBytes
    from torch._subclasses.fake_tensor import FakeTensorMode

    batch = task.next_batch()

    def count(known: Iterable[Any]) -> Memory:
        with LiveBytes(known) as live:
            weights, moments = live.now, moments_of(task)
            task.train_step(batch, 0.0)
        return Memory(weights, moments, live.peak + moments)

    with without_moments():
        if real:
            return count(tensors_of(task))
        with FakeTensorMode(allow_non_fake_inputs=True) as fake:
            empty = [fake.from_tensor(tensor) for tensor in tensors_of(task)]
            return count(empty)


def measured(task: Any) -> Memory:
    """Make two steps on CUDA and ask the allocator; moments are there from the second on."""
    import torch

    for _ in range(2):
        torch.cuda.reset_peak_memory_stats()
        task.train_step(task.next_batch(), 0.0)
    torch.cuda.synchronize()
    weights = sum(tensor.numel() * tensor.element_size() for tensor in tensors_of(task))
    peak = torch.cuda.max_memory_allocated()
    return Memory(weights, moments_of(task), peak, peak)


@contextmanager
def drawn_nothing() -> Iterator[None]:
    """Make networks without drawing their start, which takes longer than the count."""
    import speech2img.training.attngan.task
    import speech2img.training.stackgan.pixel_discriminators
    import speech2img.training.stackgan.task

    def same(module: Any) -> Any:
        return module

    with (
        patch.object(speech2img.training.stackgan.pixel_discriminators, "init_stackgan_", same),
        patch.object(speech2img.training.stackgan.task, "init_stackgan_", same),
        patch.object(speech2img.training.attngan.task, "init_stackgan_", same),
    ):
        yield


def attngan_settings(stages: int, batch_size: int, *, precision: str, memory: str) -> Any:
    """The preset's settings of three or four stages; ``low`` memory computes the generator's stages again."""
    from speech2img.systems.registry import preset
    from speech2img.training.run import LoopSettings

    base = preset("generator", "attngan-512" if stages == 4 else "attngan")
    model = replace(base.model, num_stages=stages, recompute=memory == "low")
    return replace(base, batch_size=batch_size, model=model, loop=LoopSettings(precision=precision))


def main() -> None:
    """Count all cases and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=("stackgan", "attngan"), default="stackgan")
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="JSON file for all that was counted")
    args = parser.parse_args()
    import torch
    from generator import settings_of
    from trainings import attngan_task, generator_task

    from speech2img.device import resolve_device

    where = resolve_device(args.device)
    found: dict[str, Memory] = {}
    for precision, memory in CASES:
        with drawn_nothing():
            if args.family == "attngan":
                task = attngan_task(
                    attngan_settings(args.stages, args.batch_size, precision=precision, memory=memory), where
                )
            else:
                settings = settings_of(args.stages, args.width, args.batch_size, precision=precision, memory=memory)
                task = generator_task(settings, where)
        if where.type == "cuda":
            found[f"{precision}, {memory}"] = measured(task)
            del task
            torch.cuda.empty_cache()
        else:
            found[f"{precision}, {memory}"] = counted(task, real=False)
    size = 64 << (args.stages - 1)
    rows = [
        (name, *(f"{value / GB:.2f}" for value in (one.weights, one.moments, one.peak))) for name, one in found.items()
    ]
    print_table(
        f"Training of {args.family} at {size} px, batch {args.batch_size}, GB",
        rows,
        ("precision, memory", "weights and average", "Adam's moments", "peak, all in all"),
    )
    machine(where.type == "cuda").write(
        args.out, size=size, batch_size=args.batch_size, bytes={name: asdict(one) for name, one in found.items()}
    )


if __name__ == "__main__":
    main()
