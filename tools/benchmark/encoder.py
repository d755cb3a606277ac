"""Training step of the speech encoder against the published recipe, on the same utterances and machine.

    python tools/benchmark/encoder.py [--root CORPUS] [--batch-size 64] [--rounds 4] [--device auto] [--out FILE]

``published``: two-dimensional convolutions on 2,048 padded frames in float32, the three published losses, Adam one
tensor at a time, drawn at random. ``ours``: this library's own training step on the same number of utterances,
bucketed by length, in float32 and at precision auto. Making the batch is part of every step. They take turns in one
process with the allocator's settings that the command line gives itself; beside it, in a process without them,
``published, as started by its users``. Lengths come from the corpus's mel store, or are drawn around 4.2 s.
Processor time is counted on the CPU, the clock on CUDA; a ratio is that of the means, for the lengths of ours differ
from step to step.
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

from common import machine, print_table
from turns import environments, serve, servers, take_turns

STEPS = 4  # of ours in a turn, for one of the published
PLAIN = "published, as started by its users"
PUBLISHED, FLOAT32, AUTO = "published", "ours, float32", "ours, auto"
CUB_PASSES, CUB_PICTURES = 1000, 8855


def build(root: Path | None, batch_size: int, device: str) -> dict[str, Callable[[], object]]:
    """Steps by name."""
    import numpy as np
    import torch
    from published_encoder import FRAMES, PublishedTraining
    from trainings import encoder_task, utterance_lengths

    from speech2img.device import resolve_device
    from speech2img.training.encoder.settings import EncoderSettings
    from speech2img.training.run import LoopSettings

    where = resolve_device(device)
    lengths = utterance_lengths(root, 64 * batch_size)
    torch.manual_seed(0)
    tasks = {
        name: encoder_task(
            EncoderSettings(batch_size=batch_size, loop=LoopSettings(precision=precision)), lengths, where
        )
        for name, precision in ((FLOAT32, "fp32"), (AUTO, "auto"))
    }
    training = PublishedTraining(where)
    data = next(iter(tasks.values())).data
    draw = np.random.default_rng(1)

    def published() -> None:
        rows = draw.integers(len(lengths), size=batch_size)
        mel, frames = data.mels.batch(rows, frames=FRAMES)
        labels = draw.integers(len(data.features), size=batch_size)
        training.step(mel, frames, torch.from_numpy(data.features[labels, 0]), torch.from_numpy(labels))

    def ours(name: str) -> None:
        for _ in range(STEPS):
            tasks[name].train_step(tasks[name].next_batch(), 0.5)

    return {PUBLISHED: published, FLOAT32: lambda: ours(FLOAT32), AUTO: lambda: ours(AUTO)}


def main() -> None:
    """Let all ways take turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="corpus whose utterance lengths are taken")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    from speech2img.device import resolve_device

    cuda = resolve_device(args.device).type == "cuda"
    if args.serve:
        serve(build(args.root, args.batch_size, args.device), cuda=cuda)
        return
    options = ["--serve", "--batch-size", str(args.batch_size), "--device", args.device]
    options += ["--root", str(args.root)] if args.root else []
    environs = environments()
    with servers(__file__, dict.fromkeys(environs, options), environs) as started:
        steps = {way: (lambda way=way: started["tuned"].step(way)) for way in started["tuned"].ways}
        steps = {PLAIN: lambda: started["plain"].step(PUBLISHED), **steps}
        results = take_turns(steps, rounds=args.rounds)
    clock = "wall" if cuda else "cpu"
    seconds = {
        way: statistics.fmean(turn[clock] for turn in turns) / (1 if "published" in way else STEPS)
        for way, turns in results.items()
    }
    ratios = {base: {way: seconds[base] / one for way, one in seconds.items()} for base in (PLAIN, PUBLISHED)}
    passes = {way: one * CUB_PASSES * CUB_PICTURES / args.batch_size / 60 for way, one in seconds.items()}
    rows = [
        (
            way,
            f"{one:.3f}",
            f"{args.batch_size / one:.1f}",
            *(f"{ratios[base][way]:.2f}" for base in ratios),
            f"{passes[way]:,.0f}",
        )
        for way, one in seconds.items()
    ]
    head = (
        "way",
        f"s a step ({clock})",
        "utterances/s",
        f"times {PLAIN}",
        f"times {PUBLISHED}",
        f"minutes for {CUB_PASSES} passes over {CUB_PICTURES} pictures",
    )
    print_table(f"Encoder training, batch {args.batch_size}", rows, head)
    machine(cuda).write(
        args.out,
        clock=clock,
        batch_size=args.batch_size,
        seconds=seconds,
        ratios=ratios,
        minutes_of_cub=passes,
        turns=results,
    )


if __name__ == "__main__":
    main()
