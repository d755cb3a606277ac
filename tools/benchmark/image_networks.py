"""Milliseconds an image through the networks that look at images, against the customary way.

    python tools/benchmark/image_networks.py [--side 128] [--batch-size 16] [--rounds 5] [--threads 1]

``customary``: images in PyTorch's usual order, and its own local response normalisation. ``here``: this library's
networks, channels last on a CPU. Both take turns in one process with the same random weights, in float32 and under
bfloat16, forward and with the gradient to what they are given; medians of the processor's time, after a round that does
not count.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import NamedTuple

import torch
from common import print_table, timed
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.vision import efficientnet_lite, googlenet

WAYS = ("customary", "here")
LARGEST_DIFFERENCE = 1e-3
"""Of what a network gives, in parts of its largest value, in float32."""
SMALLEST_SIDE = 64


class Case(NamedTuple):
    """A network, and what it is asked of which images."""

    module: ModuleType
    network: nn.Module
    call: Callable[[Tensor], Tensor]
    given: Tensor


def cases_of(side: int, count: int) -> Mapping[str, Case]:
    """Networks with random weights, by the name of the row, and images for them."""
    images = torch.randn(count, 3, side, side)
    bvlc, lite = googlenet.BVLCGoogLeNet(), efficientnet_lite.EfficientNetLite()
    return {
        "GoogLeNet": Case(googlenet, bvlc, bvlc.features, 60 * images),
        "EfficientNet-Lite0": Case(efficientnet_lite, lite, lite.features, images),
    }


@contextmanager
def computed(module: ModuleType, way: str) -> Iterator[None]:
    """A network's module as it is here, or in the customary way, for as long as the context lasts."""
    ours = dict(vars(module))
    if way == "customary":
        module.channels_last_on_cpu = lambda images: images  # type: ignore[attr-defined]
        module.response_norm = lambda maps: F.local_response_norm(maps, 5)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        vars(module).update(ours)


def pass_through(case: Case, *, way: str, half: bool, gradient: bool) -> Tensor:
    """What the network gives; with the gradient to what it was given as well, if that is wanted."""
    given = case.given.clone().requires_grad_(gradient)
    with (
        computed(case.module, way),
        torch.set_grad_enabled(gradient),
        torch.autocast("cpu", torch.bfloat16, enabled=half),
    ):
        made = case.call(given)
    if gradient:
        made.float().square().mean().backward()
    return made.detach().float()


def row_of(name: str, case: Case, *, rounds: int, half: bool, gradient: bool) -> list[str]:
    """A row of the table: both ways in turn."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(rounds + 1):
        for way in WAYS:
            used = timed(partial(pass_through, case, way=way, half=half, gradient=gradient))
            if turn:
                seconds[way].append(used["cpu"])
    before, after = (1000 * statistics.median(seconds[way]) / len(case.given) for way in WAYS)
    what = f"{'bfloat16' if half else 'float32'}, {'with gradient' if gradient else 'forward'}"
    return [name, what, f"{before:.1f}", f"{after:.1f}", f"{before / after:.2f}"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("side", 128), ("batch-size", 16), ("rounds", 5), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    if min(vars(args).values()) < 1 or args.side < SMALLEST_SIDE:
        parser.error(f"--side is {SMALLEST_SIDE} or more, and all are 1 or more")
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    rows, largest = [], 0.0
    for name, case in cases_of(args.side, args.batch_size).items():
        case.network.eval().requires_grad_(False)
        # Both ways must give the same.
        customary, here = (pass_through(case, way=way, half=False, gradient=False) for way in WAYS)
        difference = float((here - customary).abs().max() / customary.abs().max())
        if not difference < LARGEST_DIFFERENCE:
            raise SystemExit(f"{name}: the two ways differ by {difference:.1e}; nothing is measured")
        largest = max(largest, difference)
        for half in (False, True):
            for gradient in (False, True):
                rows.append(row_of(name, case, rounds=args.rounds, half=half, gradient=gradient))
    title = f"{args.side} px, batch {args.batch_size}, {args.threads} threads; largest difference {largest:.1e}"
    print_table(title, rows, ["network", "", "customary, ms an image", "here, ms", "times as fast"])


if __name__ == "__main__":
    main()
