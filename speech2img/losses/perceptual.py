"""Perceptual loss: a frozen network's maps of two images, compared place by place (Zhang et al., arXiv:1801.03924)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def perceptual_loss(maps: Sequence[Tensor], target_maps: Sequence[Tensor]) -> Tensor:
    """Squared distance of the directions of the maps' channels at each place, mean over places, images and maps.

    Parameters
    ----------
    maps : sequence of Tensor [shape=(B, C, h, w)]
        Of made images, with gradient; as many as there are layers to look at.
    target_maps : sequence of Tensor
        Of the real ones, of the same shapes; no gradient goes there.

    Returns
    -------
    Tensor [shape=(), float32, 0..4]

    Raises
    ------
    ValueError
        If there is no map, or the two have other shapes.

    Notes
    -----
    The published metric weighs the channels by people's judgements; here all weigh the same, so that any network will
    do. What counts at a place is which channels stand out, not by how much, so that no layer outweighs another.
    """
    if not maps or [part.shape for part in maps] != [part.shape for part in target_maps]:
        shapes = [tuple(part.shape) for part in maps], [tuple(part.shape) for part in target_maps]
        raise ValueError(f"expected the same maps of both images, got shapes {shapes[0]} and {shapes[1]}")
    distances = [
        (F.normalize(part.float(), dim=1) - F.normalize(target.detach().float(), dim=1)).square().sum(dim=1).mean()
        for part, target in zip(maps, target_maps, strict=True)
    ]
    return torch.stack(distances).mean()
