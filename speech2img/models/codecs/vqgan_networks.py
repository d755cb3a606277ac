"""Encoder and decoder of VQGAN (Esser et al., arXiv:2012.09841), level by level; both codecs with codes have them."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.codecs.vqgan_blocks import (
    GROUPS,
    AttentionBlock,
    Downsample,
    ResidualBlock,
    Upsample,
    group_norm,
)

MOST_LEVELS = 8
MOST_BLOCKS = 16


@dataclass(frozen=True)
class VQGANSizes:
    """Sizes of encoder and decoder."""

    width: int
    """Channels of the finest level, a multiple of ``groups``."""
    multipliers: Sequence[int]
    """Channels of each level, the finest first, as multiples of ``width``; all but the last halve the sides."""
    blocks: int
    """Residual blocks of each level of the encoder; the decoder has one more."""
    attention_levels: Sequence[int]
    """Levels with attention behind each block, 0 for the finest. The published rule asks for the side of the maps at
    the size of training, and so names levels, whatever the size of an image."""
    latent_channels: int
    """Channels between encoder and decoder."""
    groups: int = GROUPS
    """Of the group normalisation."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.multipliers) <= MOST_LEVELS or min(self.multipliers) < 1:
            raise ValueError(f"multipliers must be 1 to {MOST_LEVELS} numbers of 1 or more, got {self.multipliers}")
        if not set(self.attention_levels) <= set(range(len(self.multipliers))):
            raise ValueError(f"attention_levels must be of 0..{len(self.multipliers) - 1}, got {self.attention_levels}")
        if min(self.width, self.groups, self.latent_channels) < 1 or self.width % self.groups:
            raise ValueError(f"width must be a multiple of {self.groups} groups, got {self.width}")
        if not 1 <= self.blocks <= MOST_BLOCKS:
            raise ValueError(f"blocks must be 1 to {MOST_BLOCKS}, got {self.blocks}")

    @property
    def widths(self) -> list[int]:
        """Channels of each level."""
        return [self.width * multiplier for multiplier in self.multipliers]

    @property
    def stride(self) -> int:
        """Pixels of an image, along a side, for one place of its latents."""
        return 1 << (len(self.multipliers) - 1)


class Level(nn.Module):
    """Residual blocks of one level, attention behind each where the level has it, and the way to the next level.

    Parameters
    ----------
    inside, outside : int
        Channels in and out.
    blocks : int
        How many.
    attends : bool
        Whether there is attention.
    groups : int
        Of the normalisation.
    resample : nn.Module, optional
        What changes the sides at its end.
    """

    def __init__(
        self, inside: int, outside: int, *, blocks: int, attends: bool, groups: int, resample: nn.Module | None
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ResidualBlock(inside if number == 0 else outside, outside, groups=groups) for number in range(blocks)
        )
        self.attentions = nn.ModuleList(AttentionBlock(outside, groups=groups) for _ in range(blocks * attends))
        self.resample = nn.Identity() if resample is None else resample

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Maps for the next level."""
        for number, block in enumerate(self.blocks):
            x_BCHW = block(x_BCHW)
            if self.attentions:
                x_BCHW = self.attentions[number](x_BCHW)
        resampled: Tensor = self.resample(x_BCHW)
        return resampled


def _middle(width: int, groups: int) -> nn.Sequential:
    """Between encoder and latents, and between latents and decoder."""
    return nn.Sequential(
        ResidualBlock(width, width, groups=groups),
        AttentionBlock(width, groups=groups),
        ResidualBlock(width, width, groups=groups),
    )


class VQGANEncoder(nn.Module):
    """Images to latents: a convolution, the levels from the finest to the coarsest, the middle, a convolution.

    Parameters
    ----------
    sizes : VQGANSizes
    """

    def __init__(self, sizes: VQGANSizes) -> None:
        super().__init__()
        widths = sizes.widths
        self.first = nn.Conv2d(3, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(
            Level(
                widths[max(0, level - 1)],
                width,
                blocks=sizes.blocks,
                attends=level in sizes.attention_levels,
                groups=sizes.groups,
                resample=Downsample(width) if level + 1 < len(widths) else None,
            )
            for level, width in enumerate(widths)
        )
        self.middle = _middle(widths[-1], sizes.groups)
        self.norm = group_norm(widths[-1], sizes.groups)
        self.last = nn.Conv2d(widths[-1], sizes.latent_channels, 3, padding=1)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Latents (B, latent_channels, H / stride, W / stride) of images in -1..1."""
        x = self.first(images_B3HW)
        for level in self.levels:
            x = level(x)
        latents: Tensor = self.last(F.silu(self.norm(self.middle(x))))
        return latents


class VQGANDecoder(nn.Module):
    """Latents to images: a convolution, the middle, the levels from the coarsest to the finest, a convolution.

    Parameters
    ----------
    sizes : VQGANSizes
    """

    def __init__(self, sizes: VQGANSizes) -> None:
        super().__init__()
        widths = sizes.widths
        self.first = nn.Conv2d(sizes.latent_channels, widths[-1], 3, padding=1)
        self.middle = _middle(widths[-1], sizes.groups)
        # The finest level is number 0 here too, and is run last.
        self.levels = nn.ModuleList(
            Level(
                widths[min(level + 1, len(widths) - 1)],
                width,
                blocks=sizes.blocks + 1,
                attends=level in sizes.attention_levels,
                groups=sizes.groups,
                resample=Upsample(width) if level else None,
            )
            for level, width in enumerate(widths)
        )
        self.norm = group_norm(widths[0], sizes.groups)
        self.last = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, latents_BChw: Tensor) -> Tensor:
        """Images (B, 3, h * stride, w * stride), about -1..1."""
        x = self.middle(self.first(latents_BChw))
        for level in reversed(self.levels):
            x = level(x)
        images: Tensor = self.last(F.silu(self.norm(x)))
        return images
