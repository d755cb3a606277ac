"""The image side of CLIP's ResNets (Radford et al. 2021, arXiv:2103.00020), such as RN50x64, S2IVQ-D's teacher.

A ResNet with a stem of three convolutions, averages before every stride, and attention in place of the last average.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.layers.attention import attend

MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of each colour of images in 0..1, which CLIP's inputs are standardised with."""
STRIDE = 32
"""Pixels of an image, along a side, for one place of the last map."""
_EXPANSION = 4


class CLIPResNet(nn.Module):
    """Images to vectors in the space of CLIP's texts.

    ``speech2img.models.published.clip`` maps published states to this module.

    Parameters
    ----------
    blocks : sequence of int
        Blocks of each of the four stages.
    width : int
        Channels behind the stem; the last map has 32 times as many.
    num_heads : int
        Heads of the attention.
    embedding_dim : int
        Size of a vector.
    image_size : int
        Side of the images, a multiple of 32: each place of the last map has a position of its own.

    Raises
    ------
    ValueError
        If a number is below 1, or the sizes do not fit.
    """

    def __init__(
        self,
        *,
        blocks: Sequence[int] = (3, 15, 36, 10),
        width: int = 128,
        num_heads: int = 64,
        embedding_dim: int = 1024,
        image_size: int = 448,
    ) -> None:
        super().__init__()
        if len(blocks) != 4 or min(*blocks, width, num_heads, embedding_dim) < 1 or width % 2:
            raise ValueError("there are four stages of one block or more, and all sizes are positive")
        if image_size < STRIDE or image_size % STRIDE:
            raise ValueError(f"image_size must be a multiple of {STRIDE}, got {image_size}")
        self.image_size, self.embedding_dim = image_size, embedding_dim
        # Three convolutions, of which the first halves the sides; their average halves them again.
        widths = (3, width // 2, width // 2, width)
        self.stem = nn.ModuleList(
            _ConvNorm(inside, outside, 3, stride=1 if number else 2)
            for number, (inside, outside) in enumerate(zip(widths, widths[1:], strict=False))
        )
        # Four stages, of which all but the first halve the sides.
        self.stages, inside = nn.ModuleList(), width
        for stage, count in enumerate(blocks):
            inner = width * 2**stage
            layers = []
            for number in range(count):
                layers.append(_Bottleneck(inside, inner, stride=2 if stage and not number else 1))
                inside = _EXPANSION * inner
            self.stages.append(nn.Sequential(*layers))
        self.pool = _AttentionPool(inside, num_heads, embedding_dim, places=(image_size // STRIDE) ** 2)

    def forward(self, images_B3SS: Tensor) -> Tensor:
        """Vectors of images.

        Parameters
        ----------
        images_B3SS : Tensor [shape=(B, 3, image_size, image_size), float]
            Standardised with `MEAN` and `DEVIATION`.

        Returns
        -------
        Tensor [shape=(B, embedding_dim)]
            Of any length.

        Raises
        ------
        ValueError
            If the images have another size.
        """
        if images_B3SS.shape[1:] != (3, self.image_size, self.image_size):
            raise ValueError(f"expected images of {self.image_size} px, got shape {tuple(images_B3SS.shape)}")
        x = images_B3SS
        for conv in self.stem:
            x = F.relu(conv(x))
        x = F.avg_pool2d(x, 2)
        for stage in self.stages:
            x = stage(x)
        vectors: Tensor = self.pool(x)
        return vectors


class _ConvNorm(nn.Module):
    """A convolution without bias, and batch normalisation."""

    def __init__(self, inside: int, outside: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.conv(x))
        return normed


class _Bottleneck(nn.Module):
    """Three convolutions beside a shortcut; where sides are halved, averages do it on both ways."""

    def __init__(self, inside: int, inner: int, *, stride: int) -> None:
        super().__init__()
        outside = _EXPANSION * inner
        self.stride = stride
        self.reduce, self.middle = _ConvNorm(inside, inner, 1), _ConvNorm(inner, inner, 3)
        self.expand = _ConvNorm(inner, outside, 1)
        self.shortcut = _ConvNorm(inside, outside, 1) if stride > 1 or inside != outside else None

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.middle(F.relu(self.reduce(x))))
        if self.stride > 1:
            inner, x = F.avg_pool2d(inner, self.stride), F.avg_pool2d(x, self.stride)
        return F.relu(self.expand(inner) + (x if self.shortcut is None else self.shortcut(x)))


class _AttentionPool(nn.Module):
    """One look from the mean of all places at them and at itself."""

    def __init__(self, width: int, num_heads: int, embedding_dim: int, *, places: int) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(f"num_heads must divide the width {width}, got {num_heads}")
        self.num_heads = num_heads
        self.positions = nn.Parameter(torch.randn(places + 1, width) / width**0.5)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, embedding_dim)

    def forward(self, map_BChw: Tensor) -> Tensor:
        places_BNC = map_BChw.flatten(2).transpose(1, 2)
        steps_BNC = torch.cat([places_BNC.mean(dim=1, keepdim=True), places_BNC], dim=1) + self.positions
        query, key, value = (
            layer(steps).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for layer, steps in ((self.query, steps_BNC[:, :1]), (self.key, steps_BNC), (self.value, steps_BNC))
        )
        looked: Tensor = self.out(attend(query, key, value, None).transpose(1, 2).flatten(2))
        return looked[:, 0]
