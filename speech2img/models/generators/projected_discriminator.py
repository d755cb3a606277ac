"""Discriminator that looks at a frozen network's maps of images (Projected GANs, Sauer et al., arXiv:2111.01007).

What a network learned from many images need not be learned again from few: only small convolutions behind each map
are trained. A random map over the channels, frozen as well, keeps them from holding on to single channels.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.generators.stackgan_discriminator import DiscriminatorOutput

CODE_SIDE = 4


class NormalisedConv(nn.Module):
    """Convolution, each image normalised by itself, leaky ReLU; halves the map if asked.

    Batch statistics would hide what all generated images of a batch have in common, since they are never in one batch
    with real ones.
    """

    def __init__(self, in_channels: int, out_channels: int, *, downsample: bool = False) -> None:
        super().__init__()
        kernel, stride = (4, 2) if downsample else (3, 1)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=1, bias=False)
        self.norm = nn.GroupNorm(1, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H, W) or (B, out, H / 2, W / 2)."""
        return F.leaky_relu(self.norm(self.conv(x)), 0.2)


class MapHead(nn.Module):
    """Scores of one map: mixed by frozen random weights, halved to 4 x 4, scored with the condition and without.

    Parameters
    ----------
    channels : int
        Of the map.
    halvings : int, >= 0
        How often the map is halved before it is scored.
    condition_dim : int
        Size of the condition.
    width : int
        Channels of all that is trained.
    """

    mixing: Tensor

    def __init__(self, channels: int, halvings: int, condition_dim: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mixing", torch.randn(width, channels, 1, 1) / math.sqrt(channels))
        self.scale = nn.GroupNorm(1, width)
        self.code = nn.Sequential(
            *(NormalisedConv(width, width, downsample=True) for _ in range(halvings)), NormalisedConv(width, width)
        )
        self.joint = NormalisedConv(condition_dim + width, width)
        self.conditional = nn.Conv2d(width, 1, 1)
        self.unconditional = nn.Conv2d(width, 1, 1)

    def forward(self, features: Tensor, mu: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Conditional and unconditional scores (B,), and the code (B, N), of maps (B, channels, h, w)."""
        code = self.code(self.scale(F.conv2d(features, self.mixing.to(features.dtype))))
        tiled = mu[:, :, None, None].expand(-1, -1, *code.shape[2:]).to(code.dtype)
        joint = self.joint(torch.cat([tiled, code], dim=1))
        return (
            self.conditional(joint).float().mean(dim=(1, 2, 3)),
            self.unconditional(code).float().mean(dim=(1, 2, 3)),
            code.flatten(1),
        )


class ProjectedDiscriminator(nn.Module):
    """Real or made, and does it fit the condition: one judgement for each map of a frozen network.

    Parameters
    ----------
    channels, sides : sequence of int
        Channels and sides in pixels of the maps.
    condition_dim : int
        Size of the condition (the generator's ``mu``).
    width : int
        Channels behind each map.

    Raises
    ------
    ValueError
        If there is no map, or the sides are of other maps.
    """

    def __init__(
        self, channels: Sequence[int], sides: Sequence[int], *, condition_dim: int = 128, width: int = 64
    ) -> None:
        super().__init__()
        if not channels or len(channels) != len(sides):
            raise ValueError(f"expected the sides of one map or more, got {len(channels)} maps and {len(sides)} sides")
        self.heads = nn.ModuleList(
            MapHead(count, max(0, int(math.log2(side / CODE_SIDE))), condition_dim, width)
            for count, side in zip(channels, sides, strict=True)
        )

    def forward(self, maps: Sequence[Tensor], mu: Tensor) -> DiscriminatorOutput:
        """Score images by their maps.

        Parameters
        ----------
        maps : sequence of Tensor [shape=(B, C, h, w)]
            As many as ``channels``.
        mu : Tensor [shape=(B, condition_dim)]

        Returns
        -------
        DiscriminatorOutput
            Scores of all maps one after another, (maps * B,).

        Raises
        ------
        ValueError
            If there are more or fewer maps than channels were named.
        """
        if len(maps) != len(self.heads):
            raise ValueError(f"expected {len(self.heads)} maps, got {len(maps)}")
        conditional, unconditional, codes = zip(
            *(head(features, mu) for head, features in zip(self.heads, maps, strict=True)), strict=True
        )
        return DiscriminatorOutput(torch.cat(conditional), torch.cat(unconditional), torch.cat(codes, dim=1))
