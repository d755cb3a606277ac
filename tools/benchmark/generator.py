"""Training step of the stacked generator at 64/128/256 px against the published step, from equal weights.

    python tools/benchmark/generator.py [--batch-size 24] [--stages 3] [--width 64] [--rounds 3] [--device auto]
                                        [--quick] [--out FILE]

``published``: StackGAN-v2's step as its code computes it (see published_stackgan.py), pictures given ready in all
sizes. ``ours``: this library's own training step with preset stackgan-v2, which also crops, mirrors and scales the
pictures, in float32, at precision auto, and the same with memory = low. First, two steps of both from equal weights
and equal noise must have equal losses. They take turns in one process with the allocator's settings that the command
line gives itself; beside it, in a process without them, ``published, as started by its users`` (not with --quick).
Processor time is counted on the CPU, the clock on CUDA; ratios are medians over the rounds.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import machine, print_table
from turns import environments, serve, servers, take_turns, times

PLAIN = "published, as started by its users"
PUBLISHED = "published"
OURS = {  # way: precision, memory
    "ours, float32": ("fp32", "normal"),
    "ours, auto": ("auto", "normal"),
    "ours, auto, low memory": ("auto", "low"),
}
CLOSE = 2e-3  # relative; losses of the second step, after Adam divided rounding by rounding


def settings_of(stages: int, width: int, batch_size: int, *, precision: str = "fp32", memory: str = "normal") -> Any:
    """The published settings at a size."""
    from speech2img.systems.registry import preset
    from speech2img.training.run import LoopSettings
    from speech2img.training.stackgan.settings import ComputeSettings

    base = preset("generator", "stackgan-v2")
    return replace(
        base,
        batch_size=batch_size,
        loop=LoopSettings(precision=precision),
        compute=ComputeSettings(memory=memory),
        model=replace(base.model, num_stages=stages, width=width, discriminator_width=width),
    )


def published_training(settings: Any, device: Any) -> Any:
    """The published networks and optimizers, of the same sizes."""
    from published_stackgan import PublishedDiscriminator, PublishedGenerator, PublishedTraining

    model = settings.model
    generator = PublishedGenerator(
        stages=model.num_stages,
        width=model.width,
        embedding=1024,
        condition=model.condition_dim,
        noise=model.noise_dim,
        blocks=model.residual_blocks,
    )
    discriminators = [
        PublishedDiscriminator(64 << i, width=model.discriminator_width, condition=model.condition_dim)
        for i in range(model.num_stages)
    ]
    return PublishedTraining(generator.to(device), [network.to(device) for network in discriminators])


def equal_weights(published: Any, task: Any) -> None:
    """Give the published networks and ours the same weights."""
    from speech2img.models.published import stackgan_v2 as names

    task.generator.load_state_dict(names.convert_stackgan_v2_generator(published.generator.state_dict()))
    for judge, network in zip(published.discriminators, task.adversaries["pixel"].networks, strict=True):
        network.load_state_dict(names.convert_stackgan_v2_discriminator(judge.state_dict()))


def compare(published: Any, task: Any, settings: Any, steps: int = 2) -> float:
    """Largest relative difference of any loss over the first steps, same weights, pictures and noise."""
    import torch

    from speech2img.images.pyramid import pyramid

    equal_weights(published, task)
    worst = 0.0
    for step in range(steps):
        batch = task.next_batch()
        real, wrong = (
            pyramid(x.to(task.device), task.generator.image_sizes) for x in (batch.real_BCHW, batch.wrong_BCHW)
        )
        torch.manual_seed(step)
        noise = torch.randn(len(batch.embeddings_BD), settings.model.noise_dim, device=task.device)
        theirs = published.step(batch.embeddings_BD.to(task.device), noise, real, wrong)
        torch.manual_seed(step)
        ours = task.train_step(batch, 0.0)
        worst = max(worst, *(abs(float(ours[name]) / float(theirs[name]) - 1) for name in theirs))
    return worst


def build(args: argparse.Namespace) -> tuple[dict[str, Callable[[], object]], dict[str, Any]]:
    """Steps by name, and how far the two kinds of step agree."""
    import torch
    from trainings import generator_task, reconfigure

    from speech2img.device import resolve_device
    from speech2img.images.pyramid import pyramid

    where = resolve_device(args.device)
    torch.manual_seed(0)
    found: dict[str, Any] = {"threads": torch.get_num_threads()}
    small = settings_of(args.stages, args.width, min(4, args.batch_size))
    if args.compare:
        found["difference"] = compare(published_training(small, where), generator_task(small, where), small)
        if not found["difference"] < CLOSE:
            raise SystemExit(f"the losses of the two steps differ by {found['difference']:.1e}: nothing is measured")
    settings = settings_of(args.stages, args.width, args.batch_size)
    training = published_training(settings, where)
    embeddings = torch.randn(args.batch_size, 1024, device=where)
    side = settings.image_size
    pictures = torch.randint(0, 256, (args.batch_size, 3, side, side), dtype=torch.uint8, device=where)
    ready = pyramid(pictures, [64 << i for i in range(args.stages)])

    def published() -> None:
        training.step(embeddings, torch.randn(args.batch_size, settings.model.noise_dim, device=where), ready, ready)

    task = generator_task(settings, where) if args.ours else None

    def ours(precision: Any, memory: Any) -> None:
        reconfigure(task, precision=precision, memory=memory)
        task.train_step(task.next_batch(), 0.0)

    ways: dict[str, Callable[[], object]] = {PUBLISHED: published}
    for name in args.ours:
        ways[name] = lambda given=OURS[name]: ours(*given)
    return ways, found


def main() -> None:
    """Let all ways take turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help="without the process whose allocator is not set")
    parser.add_argument("--ours", nargs="*", choices=OURS, default=list(OURS), help="ways of ours (default: all)")
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--compare", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    from speech2img.device import resolve_device

    cuda = resolve_device(args.device).type == "cuda"
    if args.serve:
        ways, found = build(args)
        serve(ways, cuda=cuda, **found)
        return
    options = [
        "--serve",
        "--batch-size",
        str(args.batch_size),
        "--stages",
        str(args.stages),
        "--width",
        str(args.width),
        "--device",
        args.device,
        "--ours",
    ]
    arguments = {"tuned": [*options, *args.ours, "--compare"], "plain": options}
    environs = environments()
    if cuda or args.quick:
        del environs["plain"]
    with servers(__file__, arguments, environs) as started:
        tuned = started["tuned"]
        steps = {way: (lambda way=way: tuned.step(way)) for way in tuned.ways}
        if "plain" in started:
            steps = {PLAIN: lambda: started["plain"].step(PUBLISHED), **steps}
        results = take_turns(steps, rounds=args.rounds)
        found = tuned.found
    clock = "wall" if cuda else "cpu"
    seconds = {way: statistics.median(turn[clock] for turn in turns) for way, turns in results.items()}
    ratios = {base: times(results, base, clock) for base in (PLAIN, PUBLISHED) if base in results}
    rows = [
        (way, f"{one:.2f}", f"{args.batch_size / one:.2f}", *(f"{ratios[base][way]:.2f}" for base in ratios))
        for way, one in seconds.items()
    ]
    head = ("way", f"s a step ({clock})", "pictures/s", *(f"times {base}" for base in ratios))
    size = 64 << (args.stages - 1)
    print_table(f"Generator training at {size} px, batch {args.batch_size}, {found['threads']} thread(s)", rows, head)
    print(f"\nlosses of two steps from equal weights differ by at most {found['difference']:.1e} (float32)")
    machine(cuda).write(
        args.out,
        clock=clock,
        size=size,
        batch_size=args.batch_size,
        **found,
        seconds=seconds,
        ratios=ratios,
        turns=results,
    )


if __name__ == "__main__":
    main()
