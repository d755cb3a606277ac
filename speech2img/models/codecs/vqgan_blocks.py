"""Blocks of VQGAN (Esser et al., arXiv:2012.09841): residual, attention over all places, half and double the sides."""

from torch import Tensor, nn
from torch.nn import functional as F

GROUPS = 32
"""Of the published group normalisation."""
_EPSILON = 1e-6


def group_norm(width: int, groups: int = GROUPS) -> nn.GroupNorm:
    """Group normalisation as published; ``width`` must be a multiple of ``groups``."""
    return nn.GroupNorm(groups, width, eps=_EPSILON)


class ResidualBlock(nn.Module):
    """Twice normalisation, swish and a 3x3 convolution, beside the input (through a 1x1 one where widths differ).

    Parameters
    ----------
    inside, outside : int
        Channels in and out, multiples of ``groups``.
    groups : int
        Of the normalisation.
    """

    def __init__(self, inside: int, outside: int, *, groups: int = GROUPS) -> None:
        super().__init__()
        self.norm1, self.conv1 = group_norm(inside, groups), nn.Conv2d(inside, outside, 3, padding=1)
        self.norm2, self.conv2 = group_norm(outside, groups), nn.Conv2d(outside, outside, 3, padding=1)
        self.shortcut = nn.Identity() if inside == outside else nn.Conv2d(inside, outside, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The same sides, ``outside`` channels."""
        inner = self.conv1(F.silu(self.norm1(x_BCHW)))
        inner = self.conv2(F.silu(self.norm2(inner)))
        added: Tensor = self.shortcut(x_BCHW) + inner
        return added


class AttentionBlock(nn.Module):
    """Self-attention of one head over all places, beside the input; no place is told where it is.

    Parameters
    ----------
    width : int
        Channels in and out, a multiple of ``groups``.
    groups : int
        Of the normalisation.
    """

    def __init__(self, width: int, *, groups: int = GROUPS) -> None:
        super().__init__()
        self.norm = group_norm(width, groups)
        self.query, self.key, self.value, self.out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The same shape."""
        normed = self.norm(x_BCHW)
        query, key, value = (
            part(normed).flatten(2).transpose(1, 2)[:, None] for part in (self.query, self.key, self.value)
        )
        attended_BPC = F.scaled_dot_product_attention(query, key, value)[:, 0]
        added: Tensor = x_BCHW + self.out(attended_BPC.transpose(1, 2).reshape(x_BCHW.shape))
        return added


class Downsample(nn.Module):
    """Half the sides: a 3x3 convolution of stride 2 that sees one place beyond the right and the lower edge only.

    Parameters
    ----------
    width : int
        Channels in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Sides H / 2 and W / 2."""
        halved: Tensor = self.conv(F.pad(x_BCHW, (0, 1, 0, 1)))
        return halved


class Upsample(nn.Module):
    """Double the sides: each place four times, and a 3x3 convolution.

    Parameters
    ----------
    width : int
        Channels in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Sides 2 H and 2 W."""
        doubled: Tensor = self.conv(F.interpolate(x_BCHW, scale_factor=2.0, mode="nearest"))
        return doubled
