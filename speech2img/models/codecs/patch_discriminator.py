"""Discriminator of patches (Isola et al., arXiv:1611.07004): does what lies around this place of an image look real?

It sees neither a condition nor the whole image: a codec is to give its surfaces and edges back, and no more.
"""

import torch
from torch import Tensor, nn

STRIDE = 8
"""Pixels of the image, along a side, for one score."""
_SLOPE = 0.2


class PatchDiscriminator(nn.Module):
    """Four convolutions, three of which halve the sides: a score for each square of 8 x 8 pixels.

    Each image is normalised by itself: batch statistics would hide what all reconstructions of a batch have in common.

    Parameters
    ----------
    width : int
        Channels of the first convolution; the next ones have twice and four times as many.

    Raises
    ------
    ValueError
        If the width is below 1.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width must be 1 or more, got {width}")
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
        for inside in (width, 2 * width):
            layers += [
                nn.Conv2d(inside, 2 * inside, 4, stride=2, padding=1, bias=False),
                nn.GroupNorm(1, 2 * inside),
                nn.LeakyReLU(_SLOPE),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 3, padding=1))

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Score images.

        Parameters
        ----------
        images_B3HW : Tensor [shape=(B, 3, H, W), float, range about -1..1]
            Sides of 8 pixels or more.

        Returns
        -------
        Tensor [shape=(B, 1, H // 8, W // 8), float32]
            Above 0 where it looks real.

        Raises
        ------
        ValueError
            If the batch is of another shape.
        """
        shape = tuple(images_B3HW.shape)
        if len(shape) != 4 or shape[1] != 3 or min(shape[2:]) < STRIDE:
            raise ValueError(f"expected images of shape (B, 3, H, W), sides {STRIDE} or more, got {shape}")
        scores: Tensor = self.layers(images_B3HW)
        return scores.to(torch.float32)
