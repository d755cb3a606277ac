"""Perceptual loss: a frozen network's maps of two images, compared place by place (Zhang et al., arXiv:1801.03924)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_SMALLEST_LENGTH = 1e-10


def perceptual_loss(
    maps: Sequence[Tensor], target_maps: Sequence[Tensor], *, channel_weights: Sequence[Tensor] = ()
) -> Tensor:
    """Squared distance of the directions of the maps' channels at each place, mean over places, images and maps.

    Parameters
    ----------
    maps : sequence of Tensor [shape=(B, C, h, w)]
        Of made images, with gradient; as many as there are layers to look at.
    target_maps : sequence of Tensor
        Of the real ones, of the same shapes; no gradient goes there.
    channel_weights : sequence of Tensor [shape=(C,), float, >= 0]
        Of each map; where they are given the loss is LPIPS as published, which is the sum over the maps.

    Returns
    -------
    Tensor [shape=(), float32, >= 0]
        At most 4 without weights.

    Raises
    ------
    ValueError
        If there is no map, or the two or the weights have other shapes.

    Notes
    -----
    The published metric weighs the channels by people's judgements; without those all weigh the same, so that any
    network will do. What counts at a place is which channels stand out, not by how much, so that no layer outweighs
    another.
    """
    if not maps or [part.shape for part in maps] != [part.shape for part in target_maps]:
        shapes = [tuple(part.shape) for part in maps], [tuple(part.shape) for part in target_maps]
        raise ValueError(f"expected the same maps of both images, got shapes {shapes[0]} and {shapes[1]}")
    # LPIPS.
    if channel_weights:
        if [tuple(weight.shape) for weight in channel_weights] != [part.shape[1:2] for part in maps]:
            shapes = [tuple(weight.shape) for weight in channel_weights], [tuple(part.shape) for part in maps]
            raise ValueError(f"expected a weight for each channel, got shapes {shapes[0]} for maps {shapes[1]}")
        weighed = [
            torch.einsum("bchw,c->bhw", (_unit(part) - _unit(target.detach())).square(), weight.float()).mean()
            for part, target, weight in zip(maps, target_maps, channel_weights, strict=True)
        ]
        return torch.stack(weighed).sum()
    # All channels and maps alike.
    distances = [
        (F.normalize(part.float(), dim=1) - F.normalize(target.detach().float(), dim=1)).square().sum(dim=1).mean()
        for part, target in zip(maps, target_maps, strict=True)
    ]
    return torch.stack(distances).mean()


def _unit(map_BChw: Tensor) -> Tensor:
    """Channels of each place at length 1; as published the smallest number is added to the length."""
    wide = map_BChw.float()
    return wide / (torch.linalg.vector_norm(wide, dim=1, keepdim=True) + _SMALLEST_LENGTH)
