"""The network of LPIPS (Zhang et al., arXiv:1801.03924): VGG-16, and what people's judgements make of its channels.

`speech2img.losses.perceptual` has the distance itself.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLICES: tuple[tuple[int, ...], ...] = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the convolutions before each of VGG-16's five maps; sides are halved between them."""
MAP_STRIDES = tuple(2**number for number in range(len(SLICES)))
FEATURE_DIM = SLICES[-1][-1]
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Mean and deviation of each colour of images in -1..1."""


class LPIPS(nn.Module):
    """VGG-16 up to its fifth map, and a weight for each channel of the five.

    ``speech2img.models.published.lpips`` maps published states to this module.

    Parameters
    ----------
    slices : sequence of sequences of int
        Channels of the convolutions before each map.
    """

    shift: Tensor
    """(3, 1, 1): mean of images in -1..1, by channel."""
    scale: Tensor
    """(3, 1, 1): deviation."""

    def __init__(self, slices: Sequence[Sequence[int]] = SLICES) -> None:
        super().__init__()
        self.register_buffer("shift", channel_constants(SHIFT))
        self.register_buffer("scale", channel_constants(SCALE))
        inside, self.slices = 3, nn.ModuleList()
        for widths in slices:
            convs = nn.ModuleList()
            for outside in widths:
                convs.append(nn.Conv2d(inside, outside, 3, padding=1))
                inside = outside
            self.slices.append(convs)
        self.weights = nn.ParameterList(nn.Parameter(torch.ones(widths[-1])) for widths in slices)

    @property
    def map_channels(self) -> tuple[int, ...]:
        """Channels of the maps."""
        return tuple(len(weight) for weight in self.weights)

    @property
    def channel_weights(self) -> list[Tensor]:
        """Weight (C,), 0 or more, of each channel of each map."""
        return list(self.weights)

    def maps(self, images_B3HW: Tensor) -> list[Tensor]:
        """Maps (B, C, H / stride, W / stride), finest first, behind the last ReLU of each slice.

        Parameters
        ----------
        images_B3HW : Tensor [shape=(B, 3, H, W), float, range -1..1]
            Sides of 16 pixels or more.
        """
        x, maps = (images_B3HW - self.shift) / self.scale, []
        for number, convs in enumerate(self.slices):
            if number:
                x = F.max_pool2d(x, 2)
            assert isinstance(convs, nn.ModuleList)
            for conv in convs:
                x = F.relu(conv(x))
            maps.append(x)
        return maps

    def features(self, images_B3HW: Tensor) -> Tensor:
        """Mean (B, C) of the last map; arguments as of `maps`."""
        return self.maps(images_B3HW)[-1].mean(dim=(2, 3))


def channel_constants(values: Sequence[float]) -> Tensor:
    """Numbers of the colours as (3, 1, 1)."""
    return torch.tensor(values)[:, None, None]
