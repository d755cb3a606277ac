"""TAEF2: the tiny autoencoder of the latents of FLUX.2 (madebyollin/taesd, MIT)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.codecs.base import ImageCodec

LATENT_DEVIATION = 0.875
"""Of the published latents over photographs of birds of 128 px, whose mean is 0; exact in float16."""
_LATENT_BOUND = 3.0
_GROUPS = 4


class ResidualBlock(nn.Module):
    """Three 3x3 convolutions beside their input; with ``pool_width``, after a block that sees the whole image.

    Parameters
    ----------
    width : int
        Channels in and out.
    pool_width : int
        Channels of the block of 1x1 convolutions, a multiple of 4; 0 for none. Its group normalisation over all places
        tells every place of the whole image.
    """

    def __init__(self, width: int, pool_width: int = 0) -> None:
        super().__init__()
        # The names are those of the published files.
        self.pool = (
            nn.Sequential(
                nn.Conv2d(width, pool_width, 1, bias=False),
                nn.GroupNorm(_GROUPS, pool_width),
                nn.ReLU(),
                nn.Conv2d(pool_width, width, 1, bias=False),
            )
            if pool_width
            else None
        )
        self.conv = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The same shape, 0 or more."""
        if self.pool is not None:
            x_BCHW = x_BCHW + self.pool(x_BCHW)
        return F.relu(x_BCHW + self.conv(x_BCHW))


class BoundLatents(nn.Module):
    """3 tanh(x / 3): what lies far outside the usual latents is drawn towards -3..3."""

    def forward(self, latents_BChw: Tensor) -> Tensor:
        """The same shape."""
        return _LATENT_BOUND * torch.tanh(latents_BChw / _LATENT_BOUND)


class TAEF2(ImageCodec):
    """The published encoder and decoder, layer by layer under the numbers of the published files.

    ``speech2img.models.published.taef2`` maps published states to this module.

    Parameters
    ----------
    latent_channels : int
        Channels of the latents.
    width : int
        Channels of all other maps.
    pool_width : int
        As of `ResidualBlock`, in the three blocks next to the latents; a multiple of 4.

    Raises
    ------
    ValueError
        If a number is below 1, or ``pool_width`` is no multiple of 4.
    """

    def __init__(self, *, latent_channels: int = 32, width: int = 64, pool_width: int = 256) -> None:
        super().__init__(channels=latent_channels, stride=8)
        if min(width, pool_width) < 1 or pool_width % _GROUPS:
            raise ValueError(f"pool_width must be a multiple of {_GROUPS}, got widths {width} and {pool_width}")
        self.latent_deviation.fill_(LATENT_DEVIATION)
        pooled = (width, pool_width)
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            ResidualBlock(width),
            *_halved(width, (width,)),
            *_halved(width, (width,)),
            *_halved(width, pooled),
            nn.Conv2d(width, latent_channels, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            BoundLatents(),
            nn.Conv2d(latent_channels, width, 3, padding=1),
            nn.ReLU(),
            *_doubled(width, pooled),
            *_doubled(width, (width,)),
            *_doubled(width, (width,)),
            ResidualBlock(width),
            nn.Conv2d(width, 3, 3, padding=1),
        )

    def encode_raw(self, images_B3HW: Tensor) -> Tensor:
        """Published latents; the published encoder sees 0..1."""
        latents: Tensor = self.encoder((images_B3HW + 1) / 2)
        return latents

    def decode_raw(self, latents_BChw: Tensor) -> Tensor:
        """Images of published latents; the published decoder gives 0..1."""
        images: Tensor = self.decoder(latents_BChw)
        return 2 * images - 1


def _halved(width: int, block: tuple[int, ...]) -> list[nn.Module]:
    """Layers that halve the sides, and three blocks."""
    down = nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False)
    return [down, *(ResidualBlock(*block) for _ in range(3))]


def _doubled(width: int, block: tuple[int, ...]) -> list[nn.Module]:
    """Three blocks, and layers that double the sides."""
    blocks = [ResidualBlock(*block) for _ in range(3)]
    return [*blocks, nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1, bias=False)]
