"""A small convolutional autoencoder of our own, which ``train codec`` trains; in the spirit of madebyollin/taesd."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.codecs.base import ImageCodec

LATENT_BOUND = 5.0
"""Raw latents lie within -5..5; their deviation is about 1."""
LEVELS = 3
"""How often the sides are halved: the stride is 8."""
MOST_BLOCKS = 16
_SMALLEST_VARIANCE = 1e-8


class PreActivationBlock(nn.Module):
    """Two 3x3 convolutions beside their input, each after a ReLU (He et al., arXiv:1603.05027); the identity at first.

    There is no normalisation: over the places of an image it would mix what lies far apart, over a batch its images.

    Parameters
    ----------
    width : int
        Channels in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width, gain="relu"), _silent(_conv(width, width))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The same shape."""
        return x_BCHW + self.second(F.relu(self.first(F.relu(x_BCHW))))


class SoftBound(nn.Module):
    """``bound tanh(x / bound)``: small values stay, none lies beyond the bound."""

    def forward(self, latents_BChw: Tensor) -> Tensor:
        """The same shape, within -`LATENT_BOUND`..`LATENT_BOUND`."""
        return LATENT_BOUND * torch.tanh(latents_BChw / LATENT_BOUND)


class ConvAutoencoder(ImageCodec):
    """Encoder and decoder of three levels beside a linear map of each square of 8 x 8 pixels, and back.

    The levels have ``width``, twice and four times as many channels, and add to the linear map what it lacks, from
    nothing on (after the shortcuts of Chen et al., arXiv:2410.10733). `fit_linear_` makes that one principal
    components, the best that a linear map can do: without, short trainings hardly get there.

    The finest level works on squares of 2 x 2 pixels, so that no convolution runs at the image's own size: at 128 px
    and width 32 an image costs half a billion multiplications each way. A place of the latents depends on some tens of
    pixels around it and on nothing further, so that it can be trained on parts of images, and encodes any size.

    Parameters
    ----------
    latent_channels : int
        Channels of the latents.
    width : int
        Channels of the finest level.
    blocks : int, 1 to 16
        Residual blocks of each level, in the encoder and in the decoder.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    def __init__(self, *, latent_channels: int = 32, width: int = 32, blocks: int = 2) -> None:
        super().__init__(channels=latent_channels, stride=2**LEVELS)
        if width < 1 or not 1 <= blocks <= MOST_BLOCKS:
            raise ValueError(f"width must be 1 or more, blocks 1 to {MOST_BLOCKS}, got {width} and {blocks}")
        widths = [width << level for level in range(LEVELS)]
        fine, coarse = 3 * 2**2, 3 * self.stride**2
        # Each level: its blocks, and a convolution to the next one's width and side.
        down: list[nn.Module] = [nn.PixelUnshuffle(2), _conv(fine, width), *_blocks(width, blocks)]
        for before, after in pairwise(widths):
            down += [_conv(before, after, stride=2), *_blocks(after, blocks)]
        up: list[nn.Module] = [_conv(latent_channels, widths[-1]), *_blocks(widths[-1], blocks)]
        for before, after in pairwise(reversed(widths)):
            up += [nn.Upsample(scale_factor=2), _conv(before, after), *_blocks(after, blocks)]
        self.encoder = nn.Sequential(*down, nn.ReLU(), _silent(_conv(widths[-1], latent_channels)))
        self.decoder = nn.Sequential(*up, nn.ReLU(), _silent(_conv(width, fine)), nn.PixelShuffle(2))
        self.analysis = nn.Conv2d(coarse, latent_channels, 1)
        self.synthesis = nn.Conv2d(latent_channels, coarse, 1)
        self.bound = SoftBound()

    def encode_raw(self, images_B3HW: Tensor) -> Tensor:
        """Latents within the bound."""
        squares = F.pixel_unshuffle(images_B3HW, self.stride)
        latents: Tensor = self.bound(self.analysis(squares) + self.encoder(images_B3HW))
        return latents

    def decode_raw(self, latents_BChw: Tensor) -> Tensor:
        """Images; latents beyond the bound, which the encoder never gives, count as those at it."""
        latents = latents_BChw.clamp(-LATENT_BOUND, LATENT_BOUND)
        images: Tensor = F.pixel_shuffle(self.synthesis(latents), self.stride) + self.decoder(latents)
        return images

    @torch.no_grad()
    def fit_linear_(self, images_B3HW: Tensor) -> None:
        """Set the linear maps to the principal components of images, each of deviation 1, and back, and leave them so.

        They take no part in training: at a rate that is good for the convolutions they would only tremble.

        Parameters
        ----------
        images_B3HW : Tensor [shape=(B, 3, H, W), float, range -1..1]
            Sides that are multiples of 8. Channels beyond the components that images have stay silent.
        """
        squares_NK = F.pixel_unshuffle(images_B3HW, self.stride).movedim(1, -1).flatten(0, -2).double()
        mean = squares_NK.mean(dim=0)
        variances, components = torch.linalg.eigh(torch.cov(squares_NK.T, correction=0))
        # The largest last; those that are nothing but rounding would be blown up.
        found = min(self.channels, len(mean), int((variances > _SMALLEST_VARIANCE).sum()))
        deviations = variances[-found:].flip(0).sqrt() if found else variances[:0]
        components = components[:, -found:].flip(1) if found else components[:, :0]
        for module in (self.analysis, self.synthesis):
            module.requires_grad_(False).weight.zero_()
        self.analysis.weight[:found, :, 0, 0] = (components / deviations).T
        self.synthesis.weight[:, :found, 0, 0] = components * deviations
        assert self.analysis.bias is not None and self.synthesis.bias is not None
        self.analysis.bias.copy_(-self.analysis.weight[:, :, 0, 0].double() @ mean)
        self.synthesis.bias.copy_(mean)


def _conv(inside: int, outside: int, *, stride: int = 1, gain: Literal["linear", "relu"] = "linear") -> nn.Conv2d:
    """3x3 convolution that keeps the spread of what comes in: as it is, or after a ReLU."""
    conv = nn.Conv2d(inside, outside, 3, stride=stride, padding=1)
    nn.init.kaiming_normal_(conv.weight, nonlinearity=gain)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


def _silent(conv: nn.Conv2d) -> nn.Conv2d:
    """The same, which gives 0 until it has learned something."""
    nn.init.zeros_(conv.weight)
    return conv


def _blocks(width: int, count: int) -> list[PreActivationBlock]:
    return [PreActivationBlock(width) for _ in range(count)]
