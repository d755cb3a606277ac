"""VQGAN's discriminator as published: PatchGAN (Isola et al., arXiv:1611.07004) with batch statistics.

`PatchDiscriminator` is the one of this package: it normalises each image by itself.
"""

import torch
from torch import Tensor, nn

_SLOPE = 0.2
_MOST_WIDTHS = 8
"""Channels grow up to so many times the first convolution's."""
_DEVIATION = 0.02


class NLayerDiscriminator(nn.Module):
    """Convolutions of 4 x 4, some of which halve the sides, with batch normalisation between them.

    Parameters
    ----------
    width : int
        Channels of the first convolution (published 64); each one after it has twice as many, up to 8 times.
    num_layers : int
        Convolutions that halve the sides (published 2 in the ImageNet model of 16,384 codes, 3 otherwise).

    Raises
    ------
    ValueError
        If a number is below 1.
    """

    def __init__(self, width: int = 64, num_layers: int = 3) -> None:
        super().__init__()
        if min(width, num_layers) < 1:
            raise ValueError(f"width and num_layers must be 1 or more, got {width} and {num_layers}")
        self.num_layers = num_layers
        # The first convolution has a bias and no normalisation; the last but one keeps the sides, less one.
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
        inside = width
        for number in range(1, num_layers + 1):
            outside = width * min(2**number, _MOST_WIDTHS)
            stride = 2 if number < num_layers else 1
            layers += [
                nn.Conv2d(inside, outside, 4, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(outside),
                nn.LeakyReLU(_SLOPE),
            ]
            inside = outside
        self.layers = nn.Sequential(*layers, nn.Conv2d(inside, 1, 4, padding=1))
        self.apply(_draw_)

    @property
    def smallest_side(self) -> int:
        """Side in pixels of the smallest image that it scores."""
        return smallest_side(self.num_layers)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Score images; in training each score depends on the whole batch.

        Parameters
        ----------
        images_B3HW : Tensor [shape=(B, 3, H, W), float, range about -1..1]
            Sides of ``smallest_side`` or more.

        Returns
        -------
        Tensor [shape=(B, 1, H // 2**num_layers - 2, W // 2**num_layers - 2), float32]
            Above 0 where it looks real.

        Raises
        ------
        ValueError
            If the batch is of another shape.
        """
        shape, least = tuple(images_B3HW.shape), self.smallest_side
        if len(shape) != 4 or shape[1] != 3 or min(shape[2:]) < least:
            raise ValueError(f"expected images of shape (B, 3, H, W), sides {least} or more, got {shape}")
        scores: Tensor = self.layers(images_B3HW)
        return scores.to(torch.float32)


def smallest_side(num_layers: int) -> int:
    """Side in pixels of the smallest image that a `NLayerDiscriminator` of so many layers scores."""
    return 3 * int(2**num_layers)


def _draw_(module: nn.Module) -> None:
    """Weights as published: normal around 0, those of a normalisation around 1."""
    if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0, _DEVIATION)
    if isinstance(module, nn.BatchNorm2d):
        nn.init.zeros_(module.bias)
