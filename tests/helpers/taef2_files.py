"""A small TAEF2 of random weights in the names of the published files, its graph by those names, and its relatives."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

WIDTH, POOL = 8, 16
ENCODER = {0: "conv", 1: "block", **dict.fromkeys((2, 6, 10), "down"), **dict.fromkeys((3, 4, 5, 7, 8, 9), "block")}
ENCODER = dict(sorted({**ENCODER, **dict.fromkeys((11, 12, 13), "pooled"), 14: "conv"}.items()))
DECODER = {1: "conv", **dict.fromkeys((3, 4, 5), "pooled"), **dict.fromkeys((8, 9, 10, 13, 14, 15, 18), "block")}
DECODER = dict(sorted({**DECODER, **dict.fromkeys((7, 12, 17), "flat"), 19: "conv"}.items()))
"""Number of each layer in the published files that has weights -> what it is."""


def published_state(part: str, *, channels: int = 32, pooled: bool = True, width: int = WIDTH) -> dict[str, Tensor]:
    """Encoder or decoder in float16; a relative (TAESD, TAEF1) has 4 or 16 channels and no pools."""
    generator = torch.Generator().manual_seed(len(part) + channels)
    ends = {("encoder", 0): (3, width), ("encoder", 14): (width, channels)}
    ends |= {("decoder", 1): (channels, width), ("decoder", 19): (width, 3)}
    state: dict[str, Tensor] = {}

    def add(name: str, inside: int, outside: int, side: int = 3, *, bias: bool = True) -> None:
        scale = (2.0 / (inside * side * side)) ** 0.5
        state[f"{name}.weight"] = scale * torch.randn(outside, inside, side, side, generator=generator)
        if bias:
            state[f"{name}.bias"] = 0.1 * torch.randn(outside, generator=generator)

    for number, kind in (ENCODER if part == "encoder" else DECODER).items():
        if kind in ("conv", "down", "flat"):
            add(f"{number}", *ends.get((part, number), (width, width)), bias=kind == "conv")
            continue
        for layer in (0, 2, 4):
            add(f"{number}.conv.{layer}", width, width)
        if kind == "pooled" and pooled:
            add(f"{number}.pool.0", width, POOL, 1, bias=False)
            state[f"{number}.pool.1.weight"] = 1 + 0.1 * torch.randn(POOL, generator=generator)
            state[f"{number}.pool.1.bias"] = 0.1 * torch.randn(POOL, generator=generator)
            add(f"{number}.pool.3", POOL, width, 1, bias=False)
    return {name: value.half() for name, value in state.items()}


def taef2_files(folder: Path) -> tuple[Path, Path]:
    """Both files, small."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("encoder", "decoder"):
        torch.save(published_state(part), folder / f"taef2_{part}.pth")
    return folder / "taef2_encoder.pth", folder / "taef2_decoder.pth"


def published_graph(part: str, state: dict[str, Tensor], x: Tensor) -> Tensor:
    """What the publisher computes, layer by layer by the names of the file: pixels 0..1, unscaled latents."""
    weights = {name: value.to(x.dtype) for name, value in state.items()}

    def conv(name: str, x: Tensor, *, stride: int = 1, padding: int = 1) -> Tensor:
        return F.conv2d(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"), stride=stride, padding=padding)

    if part == "decoder":
        x = 3 * torch.tanh(x / 3)
    for number, kind in (ENCODER if part == "encoder" else DECODER).items():
        if kind == "pooled":
            wide = conv(f"{number}.pool.0", x, padding=0)
            scale, shift = weights[f"{number}.pool.1.weight"], weights[f"{number}.pool.1.bias"]
            x = x + conv(f"{number}.pool.3", F.group_norm(wide, 4, scale, shift).relu(), padding=0)
        if kind in ("pooled", "block"):
            inside = conv(f"{number}.conv.2", conv(f"{number}.conv.0", x).relu()).relu()
            x = (x + conv(f"{number}.conv.4", inside)).relu()
        elif kind == "flat":
            x = conv(f"{number}", F.interpolate(x, scale_factor=2, mode="nearest"))
        else:
            x = conv(f"{number}", x, stride=2 if kind == "down" else 1)
            if part == "decoder" and number == 1:
                x = x.relu()
    return x
