"""EfficientNet-Lite (Tan and Le 2019, arXiv:1905.11946; Lite 2020) in its published build, Lite0 to Lite2.

Lite is EfficientNet for small devices: no squeeze-and-excitation, ReLU6 in the place of swish, and a stem and a head of
one size in all variants. ``speech2img.models.published.efficientnet_lite`` maps the published names to this module.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.layers.windows import channels_last_on_cpu


class Variant(NamedTuple):
    """Compound scaling of one published variant."""

    width: float
    """Factor of the channels."""
    depth: float
    """Factor of the number of blocks."""
    input_size: int
    """Side in pixels of the images that it was trained on."""


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {"lite0": Variant(1.0, 1.0, 224), "lite1": Variant(1.0, 1.1, 240), "lite2": Variant(1.1, 1.2, 260)}
)
FEATURE_DIM = 1280
NUM_CLASSES = 1000
MAP_STRIDES = (4, 8, 16, 32)
_STEM_CHANNELS = 32


class Stage(NamedTuple):
    """A row of table 1 of the paper."""

    kernel: int
    stride: int
    expansion: int
    channels: int
    blocks: int


STAGES = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(5, 2, 6, 40, 2),
    Stage(3, 2, 6, 80, 3),
    Stage(5, 1, 6, 112, 3),
    Stage(5, 2, 6, 192, 4),
    Stage(3, 1, 6, 320, 1),
)
"""Of width and depth 1."""
_MAPPED_STAGES = (1, 2, 4, 6)
"""Stages whose output is a map: the last of each stride (Projected GANs, arXiv:2111.01007)."""


def scaled_stages(variant: str) -> tuple[Stage, ...]:
    """Stages of a variant: channels scaled to multiples of 8, blocks rounded up but for the first and the last stage.

    Raises
    ------
    ValueError
        If there is no such variant.
    """
    if variant not in VARIANTS:
        raise ValueError(f"no EfficientNet-Lite {variant!r}, only {', '.join(VARIANTS)}")
    width, depth, _ = VARIANTS[variant]
    ends = (0, len(STAGES) - 1)
    return tuple(
        stage._replace(
            channels=_scaled_channels(stage.channels, width),
            blocks=stage.blocks if number in ends else math.ceil(depth * stage.blocks),
        )
        for number, stage in enumerate(STAGES)
    )


def _scaled_channels(channels: int, width: float) -> int:
    """The multiple of 8 next to ``width * channels`` that is not more than a tenth below it."""
    wanted = width * channels
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


class SameConv(nn.Conv2d):
    """Convolution without bias, padded as TensorFlow's ``SAME``: a side becomes ceil(side / stride).

    An odd number of padded pixels has the larger half at the right and the bottom, and with a stride it depends on the
    side of the image.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] == 1:
            return super().forward(x)
        kernel, stride = self.kernel_size[0], self.stride[0]
        missing = [max(0, (math.ceil(side / stride) - 1) * stride + kernel - side) for side in x.shape[:1:-1]]
        return super().forward(F.pad(x, [half for total in missing for half in (total // 2, total - total // 2)]))


class ConvNorm(nn.Module):
    """Convolution, batch normalisation (epsilon 0.001), and ReLU6 unless it is the last of a block."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        rectified: bool = True,
    ) -> None:
        super().__init__()
        self.conv = SameConv(in_channels, out_channels, kernel, stride=stride, groups=groups)
        self.norm = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01)
        self.rectified = rectified

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H', W')."""
        x = self.norm(self.conv(x))
        return F.relu6(x) if self.rectified else x


class InvertedResidual(nn.Module):
    """Expansion, convolution of each channel by itself, projection; and the input where sizes allow it (MobileNetV2).

    Parameters
    ----------
    in_channels, out_channels : int
        Channels.
    kernel, stride : int
        Of the convolution in the middle.
    expansion : int
        Channels in the middle for each of the input; 1 leaves the expansion out.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        inside = in_channels * expansion
        self.expand = ConvNorm(in_channels, inside, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNorm(inside, inside, kernel, stride=stride, groups=inside)
        self.project = ConvNorm(inside, out_channels, 1, rectified=False)
        self.is_residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, ceil(H / stride), ceil(W / stride))."""
        projected: Tensor = self.project(self.depthwise(self.expand(x)))
        return projected + x if self.is_residual else projected


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite with its classifier. Weights are converted, not made; what is random in training is left out.

    Parameters
    ----------
    variant : str
        Of ``VARIANTS``.

    Raises
    ------
    ValueError
        If there is no such variant.
    """

    def __init__(self, *, variant: str = "lite0") -> None:
        super().__init__()
        # Blocks one after another, as the published names count them; a stride is that of a stage's first block.
        stages = scaled_stages(variant)
        blocks: list[nn.Module] = []
        ends: list[int] = []
        channels = _STEM_CHANNELS
        for stage in stages:
            for number in range(stage.blocks):
                stride = stage.stride if number == 0 else 1
                block = InvertedResidual(
                    channels, stage.channels, stage.kernel, stride=stride, expansion=stage.expansion
                )
                blocks.append(block)
                channels = stage.channels
            ends.append(len(blocks) - 1)
        # From image to scores.
        self.stem = ConvNorm(3, _STEM_CHANNELS, 3, stride=2)
        self.blocks = nn.ModuleList(blocks)
        self.head = ConvNorm(channels, FEATURE_DIM, 1)
        self.classifier = nn.Linear(FEATURE_DIM, NUM_CLASSES)
        # What stands before each halving can be looked at.
        self.variant = variant
        self.map_channels = tuple(stages[number].channels for number in _MAPPED_STAGES)
        self._mapped_blocks = frozenset(ends[number] for number in _MAPPED_STAGES)

    def maps(self, images: Tensor) -> list[Tensor]:
        """What stands before each halving, from a quarter of the side on.

        Parameters
        ----------
        images : Tensor [shape=(B, 3, H, W), RGB, range -127/128..1]
            Output of ``preprocess``, of any size.

        Returns
        -------
        list of Tensor [shape=(B, map_channels, H / 4 | H / 8 | H / 16 | H / 32, ...)]
            Sides rounded up; of both signs, as no rectifier follows a projection.
        """
        x = self.stem(channels_last_on_cpu(images))
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self._mapped_blocks:
                maps.append(x.contiguous())
        return maps

    def features(self, images: Tensor) -> Tensor:
        """Global average of the head's map.

        Parameters
        ----------
        images : Tensor
            As for `maps`; published for the variant's own size.

        Returns
        -------
        Tensor [shape=(B, 1280), float32, range 0..6]
        """
        pooled: Tensor = self.head(self.maps(images)[-1]).float().mean(dim=(2, 3))
        return pooled

    def forward(self, images: Tensor) -> Tensor:
        """Class scores before the softmax, (B, 1000)."""
        scores: Tensor = self.classifier(self.features(images))
        return scores


def preprocess(rgb_B3HW: Tensor) -> Tensor:
    """RGB 0..255 (B, 3, H, W) to float32 (RGB - 127) / 128, what ``EfficientNetLite`` takes."""
    return (rgb_B3HW.to(torch.float32) - 127.0) / 128.0
