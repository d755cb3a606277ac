"""Differentiable augmentation of what a discriminator sees (Zhao et al. 2020, arXiv:2006.10738)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Policy = Literal["translation", "cutout", "color"]


def augment(images_BCHW: Tensor, policy: Sequence[Policy]) -> Tensor:
    """Apply each step of a policy with random parameters of every image's own.

    Parameters
    ----------
    images_BCHW : Tensor
        Images in -1..1.
    policy : sequence of {"translation", "cutout", "color"}
        ``translation`` moves by up to an eighth, ``cutout`` hides a square of a quarter of the side, ``color`` changes
        brightness and contrast (which would hide the light of a scene from the discriminator).
    """
    for name in policy:
        images_BCHW = _STEPS[name](images_BCHW)
    return images_BCHW


def _translation(images: Tensor) -> Tensor:
    batch, _, height, width = images.shape
    reach_y, reach_x = height // 8, width // 8
    moved_y = torch.randint(-reach_y, reach_y + 1, (batch, 1, 1), device=images.device)
    moved_x = torch.randint(-reach_x, reach_x + 1, (batch, 1, 1), device=images.device)
    rows = (torch.arange(height, device=images.device)[None, :, None] + moved_y).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device)[None, None, :] + moved_x).clamp(0, width - 1)
    position = (rows * width + columns).flatten(1)[:, None].expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, position).view_as(images)


def _cutout(images: Tensor) -> Tensor:
    batch, _, height, width = images.shape
    side_y, side_x = height // 4, width // 4
    first_y = torch.randint(0, height - side_y + 1, (batch, 1), device=images.device)
    first_x = torch.randint(0, width - side_x + 1, (batch, 1), device=images.device)
    rows = torch.arange(height, device=images.device)[None]
    columns = torch.arange(width, device=images.device)[None]
    hidden_y = (rows >= first_y) & (rows < first_y + side_y)
    hidden_x = (columns >= first_x) & (columns < first_x + side_x)
    hidden = hidden_y[:, None, :, None] & hidden_x[:, None, None, :]
    return images.masked_fill(hidden, 0.0)


def _color(images: Tensor) -> Tensor:
    batch = len(images)
    shape = (batch, 1, 1, 1)
    images = images + (torch.rand(shape, device=images.device) - 0.5) * 0.5
    mean = F.adaptive_avg_pool2d(images.mean(dim=1, keepdim=True), 1)
    return (images - mean) * (0.5 + torch.rand(shape, device=images.device)) + mean


_STEPS = {"translation": _translation, "cutout": _cutout, "color": _color}
