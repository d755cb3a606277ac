"""Small LPIPS and PatchGAN of random weights under the names of published files."""

import torch
from torch import Tensor

SLICES = ((4, 4), (4, 6), (6, 6, 6), (8, 8, 8), (8, 8, 8))
"""Channels of the convolutions before each map."""


def lpips_state() -> dict[str, Tensor]:
    """State of LPIPS alone."""
    generator = torch.Generator().manual_seed(0)
    state = {
        "scaling_layer.shift": torch.tensor([-0.03, -0.088, -0.188]).view(1, 3, 1, 1),
        "scaling_layer.scale": torch.tensor([0.458, 0.448, 0.45]).view(1, 3, 1, 1),
    }
    inside, place = 3, 0
    for number, widths in enumerate(SLICES):
        place += number > 0
        for width in widths:
            name = f"net.slice{number + 1}.{place}"
            state[f"{name}.weight"] = torch.randn(width, inside, 3, 3, generator=generator) / (2 * inside**0.5)
            state[f"{name}.bias"] = 0.1 * torch.randn(width, generator=generator)
            inside, place = width, place + 2
        state[f"lin{number}.model.1.weight"] = torch.rand(1, widths[-1], 1, 1, generator=generator)
    return state


def patchgan_state() -> dict[str, Tensor]:
    """State of a discriminator of two layers that halve the sides."""
    generator = torch.Generator().manual_seed(0)
    state = {"main.0.bias": torch.randn(4, generator=generator), "main.8.bias": torch.randn(1, generator=generator)}
    for place, (inside, outside) in {0: (3, 4), 2: (4, 8), 5: (8, 16), 8: (16, 1)}.items():
        state[f"main.{place}.weight"] = torch.randn(outside, inside, 4, 4, generator=generator)
        if place in (2, 5):
            for name in ("weight", "bias", "running_mean", "running_var"):
                state[f"main.{place + 1}.{name}"] = torch.rand(outside, generator=generator)
            state[f"main.{place + 1}.num_batches_tracked"] = torch.tensor(3)
    return state
