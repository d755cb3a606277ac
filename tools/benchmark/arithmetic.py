"""Arithmetic rate of each part of a training step as a share of the machine's own matrix product.

    python tools/benchmark/arithmetic.py [--parts encoder generator] [--batch-size 24] [--precisions fp32 auto]
                                         [--rounds 3] [--device auto] [--out FILE]

Products and additions are counted operation by operation (torch.utils.flop_counter), those that are made, not those of
the published networks. The peak is the best of several matrix products of the same type in the same process; on a CPU
a 3 x 3 convolution can be faster than it, and is told as well. Processor time on the CPU, the clock on CUDA.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import machine, print_table
from turns import environments, serve, servers, used

REST = "rest: generator's update, average"
WHOLE = "whole step"


class Stopwatch:
    """Seconds and operations of functions, by name.

    Parameters
    ----------
    read : callable
        Operations counted so far.
    cuda : bool
        Whether to wait for the device.
    """

    def __init__(self, read: Callable[[], int], *, cuda: bool) -> None:
        self._read, self._cuda = read, cuda
        self.spent: dict[str, dict[str, float]] = defaultdict(lambda: {"wall": 0.0, "cpu": 0.0, "flop": 0.0})

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, watched; its name may take up the first argument by {}."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            given: list[Any] = []
            before = self._read()
            took = used(lambda: given.append(function(*args, **kwargs)), cuda=self._cuda)
            spent = self.spent[name.format(*args)]
            for clock in ("wall", "cpu"):
                spent[clock] += took[clock]
            spent["flop"] += self._read() - before
            return given[0]

        return watched


def watch_generator(task: Any, watch: Stopwatch) -> None:
    """Watch painting and each discriminator's step of a task."""
    task.forward = watch.around("generator forward", task.forward)
    task.adversaries["pixel"].step_of = watch.around("discriminator {}", task.adversaries["pixel"].step_of)


def parts_of(make: Callable[[], Any], rounds: int, *, cuda: bool) -> dict[str, dict[str, float]]:
    """Seconds and operations of a step's parts: medians over the rounds, after one that counts the operations."""
    from torch.utils.flop_counter import FlopCounterMode

    task = make()
    counter = FlopCounterMode(display=False)
    watch = Stopwatch(counter.get_total_flops, cuda=cuda)
    if hasattr(task, "pixel"):
        watch_generator(task, watch)
    step = watch.around(WHOLE, lambda: task.train_step(batches[-1], 0.0))
    batches = [task.next_batch()]
    with counter:
        step()
    flops = {name: spent["flop"] for name, spent in watch.spent.items()}
    seconds: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(rounds):
        watch.spent.clear()
        step()
        for name, spent in watch.spent.items():
            seconds[name].append(dict(spent))
    found = {
        name: {
            "flop": flops[name],
            **{clock: statistics.median(turn[clock] for turn in turns) for clock in ("wall", "cpu")},
        }
        for name, turns in seconds.items()
    }
    if len(found) > 1:
        whole = found[WHOLE]
        found[REST] = {key: whole[key] - sum(one[key] for name, one in found.items() if name != WHOLE) for key in whole}
    return found


def peaks(name: str, *, cuda: bool) -> dict[str, float]:
    """Operations a second of a matrix product and of a convolution of one type."""
    import torch

    device = "cuda" if cuda else "cpu"
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
    side, clock = (8192, "wall") if cuda else (2048, "cpu")
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    images, weight = torch.randn(8, 128, 64, 64, device=device).to(dtype), torch.randn(128, 128, 3, 3).to(device, dtype)
    actions: dict[str, tuple[Callable[[], object], float]] = {
        "matmul": (lambda: a @ b, 2.0 * side**3),
        "convolution": (lambda: torch.conv2d(images, weight, padding=1), 2.0 * images.numel() * 128 * 9),
    }
    return {
        action: max(flop / used(run, cuda=cuda)[clock] for _ in range(6)) for action, (run, flop) in actions.items()
    }


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Everything, in this process."""
    import torch
    from generator import settings_of
    from memory import drawn_nothing
    from trainings import encoder_task, generator_task, utterance_lengths

    from speech2img.device import resolve_device
    from speech2img.precision import resolve_precision
    from speech2img.training.encoder.settings import EncoderSettings
    from speech2img.training.run import LoopSettings

    where = resolve_device(args.device)
    cuda = where.type == "cuda"
    found: dict[str, Any] = {"threads": torch.get_num_threads(), "peaks": {}, "stages": {}}
    for wanted in args.precisions:
        name = resolve_precision(wanted, where).name
        found["peaks"][name] = peaks(name, cuda=cuda)
        makes: dict[str, Callable[[], Any]] = {
            "encoder": lambda name=name: encoder_task(
                EncoderSettings(batch_size=64, loop=LoopSettings(precision=name)), utterance_lengths(None, 256), where
            ),
            "generator": lambda name=name: generator_task(
                settings_of(args.stages, args.width, args.batch_size, precision=name), where
            ),
        }
        for part in args.parts:
            with drawn_nothing():
                found["stages"][f"{part}, {name}"] = parts_of(makes[part], args.rounds, cuda=cuda)
    return found


def main() -> None:
    """Measure in the command line's environment and print rates and shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("encoder", "generator"), default=["encoder", "generator"])
    parser.add_argument("--precisions", nargs="+", choices=("fp32", "auto"), default=["fp32", "auto"])
    parser.add_argument("--batch-size", type=int, default=24, help="of the generator; the encoder takes 64")
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    from speech2img.device import resolve_device

    cuda = resolve_device(args.device).type == "cuda"
    if args.serve:
        serve({}, **measure(args))
        return
    options = [
        "--serve",
        "--batch-size",
        str(args.batch_size),
        "--stages",
        str(args.stages),
        "--width",
        str(args.width),
        "--rounds",
        str(args.rounds),
        "--device",
        args.device,
        "--parts",
        *args.parts,
        "--precisions",
        *args.precisions,
    ]
    with servers(__file__, {"tuned": options}, {"tuned": environments()["tuned"]}) as started:
        found = started["tuned"].found
    clock = "wall" if cuda else "cpu"
    rows = []
    for part, stages in found["stages"].items():
        peak = found["peaks"][part.rpartition(" ")[2]]
        for stage, one in stages.items():
            rate = one["flop"] / one[clock]
            shares = (f"{100 * rate / peak[action]:.0f} %" for action in ("matmul", "convolution"))
            rows.append((part, stage, f"{one['flop'] / 1e9:,.1f}", f"{one[clock]:.3f}", f"{rate / 1e9:,.0f}", *shares))
    print_table(
        f"Arithmetic, generator of {64 << (args.stages - 1)} px with batch {args.batch_size}, "
        f"{found['threads']} thread(s)",
        rows,
        ("training", "part", "GFLOP", f"s ({clock})", "GFLOP/s", "of matmul", "of convolution"),
    )
    print_table(
        "Peaks",
        [(name, *(f"{value / 1e9:,.0f}" for value in one.values())) for name, one in found["peaks"].items()],
        ("type", "matmul, GFLOP/s", "convolution, GFLOP/s"),
    )
    machine(cuda).write(args.out, clock=clock, batch_size=args.batch_size, stages_of_generator=args.stages, **found)


if __name__ == "__main__":
    main()
