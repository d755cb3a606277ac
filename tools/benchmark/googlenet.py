"""Milliseconds an image through BVLC GoogLeNet, forward and with its gradient, against the customary way.

    python tools/benchmark/googlenet.py [--side 160] [--batch-size 16] [--rounds 5] [--threads 1]

``customary``: images and maps in PyTorch's usual order, and its own local response normalisation. ``here``: this
library's network. Both take turns in one process with the same random weights, in float32 and under bfloat16; medians
of the processor's time, after a round that does not count.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from common import print_table, timed
from torch import Tensor
from torch.nn import functional as F

from speech2img.models.vision import googlenet

WAYS = ("customary", "here")
LARGEST_DIFFERENCE = 1e-3
"""Of the last map, in parts of its largest value, in float32."""


@contextmanager
def computed(way: str) -> Iterator[None]:
    """The network as it is here, or in the customary way, for as long as the context lasts."""
    ours: tuple[Callable[..., Tensor], Callable[..., Tensor]] = googlenet.pooled_fast, googlenet.response_norm
    if way == "customary":
        googlenet.pooled_fast = lambda images: images
        googlenet.response_norm = lambda maps: F.local_response_norm(maps, 5)
    try:
        yield
    finally:
        googlenet.pooled_fast, googlenet.response_norm = ours


def pass_through(network: googlenet.BVLCGoogLeNet, images: Tensor, *, way: str, half: bool, gradient: bool) -> Tensor:
    """The last map; with the gradient of all maps to the images as well, if that is wanted."""
    given = images.clone().requires_grad_(gradient)
    with computed(way), torch.set_grad_enabled(gradient), torch.autocast("cpu", torch.bfloat16, enabled=half):
        maps = network.maps(given)
    if gradient:
        torch.stack([one.float().square().mean() for one in maps]).sum().backward()
    return maps[-1].detach().float()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("side", 160), ("batch-size", 16), ("rounds", 5), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    if min(vars(args).values()) < 1 or args.side < 32:
        parser.error("--side is 32 or more, and all are 1 or more")
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    network = googlenet.BVLCGoogLeNet().eval().requires_grad_(False)
    images = 60 * torch.randn(args.batch_size, 3, args.side, args.side)

    # Both ways must give the same.
    customary, here = (pass_through(network, images, way=way, half=False, gradient=False) for way in WAYS)
    difference = float((here - customary).abs().max() / customary.abs().max())
    if difference > LARGEST_DIFFERENCE:
        raise SystemExit(f"the two ways differ by {difference:.1e}: nothing is measured")

    # Times in turn.
    rows = []
    for half in (False, True):
        for gradient in (False, True):
            seconds: dict[str, list[float]] = {way: [] for way in WAYS}
            for turn in range(args.rounds + 1):
                for way in WAYS:
                    used = timed(partial(pass_through, network, images, way=way, half=half, gradient=gradient))
                    if turn:
                        seconds[way].append(used["cpu"])
            before, after = (1000 * statistics.median(seconds[way]) / args.batch_size for way in WAYS)
            what = f"{'bfloat16' if half else 'float32'}, {'with gradient' if gradient else 'forward'}"
            rows.append([what, f"{before:.1f}", f"{after:.1f}", f"{before / after:.2f}"])
    title = f"{args.side} px, batch {args.batch_size}, {args.threads} threads; last map off by {difference:.1e}"
    print_table(title, rows, ["", "customary, ms an image", "here, ms", "times as fast"])


if __name__ == "__main__":
    main()
