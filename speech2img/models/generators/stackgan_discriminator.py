"""Discriminator of StackGAN-v2 (arXiv:1710.10916): one for each size of image, with and without the condition."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.generators.stackgan import BASE_SIZE, MAX_STAGES


class DiscriminatorOutput(NamedTuple):
    """Scores before the sigmoid, and the image code they were made from."""

    conditional_logits: Tensor
    """(B,) float32: is the image real and does it fit the condition?"""
    unconditional_logits: Tensor
    """(B,) float32: is the image real?"""
    code: Tensor
    """(B, 8 * width * 16): flattened code before the condition joins (class-aware loss)."""


class LeakyConv(nn.Module):
    """Convolution without bias, batch normalisation (optional), leaky ReLU; halves the image if asked."""

    def __init__(self, in_channels: int, out_channels: int, *, downsample: bool, norm: bool = True) -> None:
        super().__init__()
        kernel, stride = (4, 2) if downsample else (3, 1)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H, W) or (B, out, H / 2, W / 2)."""
        return F.leaky_relu(self.norm(self.conv(x)), 0.2, inplace=True)


class StackDiscriminator(nn.Module):
    """Real or made, and does it fit the condition: two scores for images of one size.

    Parameters
    ----------
    size : {64, 128, 256, 512}
        Image side in pixels.
    condition_dim : int
        Size of the condition (the generator's ``mu``).
    width : int
        Channels after the first convolution ("df" of the publication).

    Raises
    ------
    ValueError
        For another size.
    """

    def __init__(self, size: int, *, condition_dim: int = 128, width: int = 64) -> None:
        super().__init__()
        sizes = [BASE_SIZE << i for i in range(MAX_STAGES)]
        if size not in sizes:
            raise ValueError(f"discriminator size must be one of {sizes}, got {size}")
        self.size = size
        extra = sizes.index(size)
        downs = [width << i for i in range(4 + extra)]
        blocks = [LeakyConv(3, width, downsample=True, norm=False)]
        blocks += [LeakyConv(a, 2 * a, downsample=True) for a in downs[:-1]]
        blocks += [LeakyConv(2 * a, a, downsample=False) for a in reversed(downs[3:-1])]
        self.trunk = nn.Sequential(*blocks)
        code_channels = 8 * width
        self.joint = LeakyConv(condition_dim + code_channels, code_channels, downsample=False)
        self.conditional = nn.Conv2d(code_channels, 1, 4, stride=4)
        self.unconditional = nn.Conv2d(code_channels, 1, 4, stride=4)

    def forward(self, images: Tensor, mu: Tensor) -> DiscriminatorOutput:
        """Score images.

        Parameters
        ----------
        images : Tensor [shape=(B, 3, size, size), range -1..1]
        mu : Tensor [shape=(B, condition_dim)]

        Returns
        -------
        DiscriminatorOutput

        Raises
        ------
        ValueError
            If the images have another size.
        """
        if images.shape[1:] != (3, self.size, self.size):
            raise ValueError(f"expected images (B, 3, {self.size}, {self.size}), got {tuple(images.shape)}")
        code = self.trunk(images)
        tiled = mu[:, :, None, None].expand(-1, -1, *code.shape[2:]).to(code.dtype)
        joint = self.joint(torch.cat([tiled, code], dim=1))
        return DiscriminatorOutput(
            self.conditional(joint).flatten().float(), self.unconditional(code).flatten().float(), code.flatten(1)
        )
