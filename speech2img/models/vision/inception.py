"""Inception-v3 (Szegedy et al. 2015, arXiv:1512.00567) in its two published builds: the FID network, torchvision's.

Every convolution carries the batch normalisation that followed it, folded into weight and bias: the published networks
are only ever used with fixed statistics. ``speech2img.models.published.inception`` does the folding.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

INPUT_SIZE = 299
MIN_SIZE = 75
OUTPUTS = ("pool64", "pool192", "pool768", "pool2048", "logits", "logits_unbiased")
STEM = ((3, 32, 3, 2, 0), (32, 32, 3, 1, 0), (32, 64, 3, 1, 1), (64, 80, 1, 1, 0), (80, 192, 3, 1, 0))
BUILDS = ("fid", "torchvision")
DEPTHS = ("6e", "7c")


class RectifiedConv(nn.Conv2d):
    """Convolution with bias and ReLU, padded so that a stride of 1 keeps the size unless ``padding`` says otherwise."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | None = None,
    ) -> None:
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        same = (height // 2, width // 2) if padding is None else (padding, padding)
        super().__init__(in_channels, out_channels, (height, width), stride=stride, padding=same)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H', W'), >= 0."""
        return F.relu_(super().forward(x))


def _chain(in_channels: int, *layers: tuple[int, int | tuple[int, int]], last_stride: int = 1) -> nn.Sequential:
    """Rectified convolutions one after another, each (channels, kernel); a stride goes without padding."""
    convs: list[nn.Module] = []
    for index, (channels, kernel) in enumerate(layers):
        stride = last_stride if index == len(layers) - 1 else 1
        convs.append(RectifiedConv(in_channels, channels, kernel, stride=stride, padding=None if stride == 1 else 0))
        in_channels = channels
    return nn.Sequential(*convs)


class PoolBranch(RectifiedConv):
    """3x3 pool of stride 1, then a 1x1 convolution; the three builds differ in the pool."""

    def __init__(self, in_channels: int, out_channels: int, *, pool: str) -> None:
        super().__init__(in_channels, out_channels, 1)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H, W)."""
        if self.pool == "max":
            return super().forward(F.max_pool2d(x, 3, stride=1, padding=1))
        padded = self.pool == "average with padding"
        return super().forward(F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=padded))


class Fork(nn.Module):
    """A row and a column convolution of the same input, side by side."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.a = RectifiedConv(in_channels, out_channels, (1, 3))
        self.b = RectifiedConv(in_channels, out_channels, (3, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 2 out, H, W)."""
        return torch.cat([self.a(x), self.b(x)], dim=1)


class Mixed5(nn.Module):
    """Block of 35x35 maps: 1x1, 5x5, two 3x3, pool (figure 5 of the paper)."""

    def __init__(self, in_channels: int, pool_channels: int, *, pool: str) -> None:
        super().__init__()
        self.one = RectifiedConv(in_channels, 64, 1)
        self.five = _chain(in_channels, (48, 1), (64, 5))
        self.doubled = _chain(in_channels, (64, 1), (96, 3), (96, 3))
        self.pool = PoolBranch(in_channels, pool_channels, pool=pool)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 224 + pool_channels, H, W)."""
        return torch.cat([self.one(x), self.five(x), self.doubled(x), self.pool(x)], dim=1)


class Reduction6(nn.Module):
    """From 35x35 to 17x17 maps."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.three = RectifiedConv(in_channels, 384, 3, stride=2, padding=0)
        self.doubled = _chain(in_channels, (64, 1), (96, 3), (96, 3), last_stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 480 + C, H', W'), half the size."""
        return torch.cat([self.three(x), self.doubled(x), F.max_pool2d(x, 3, stride=2)], dim=1)


class Mixed6(nn.Module):
    """Block of 17x17 maps with 7x7 convolutions taken apart into rows and columns (figure 6)."""

    def __init__(self, width: int, *, pool: str) -> None:
        super().__init__()
        row, column = (1, 7), (7, 1)
        self.one = RectifiedConv(768, 192, 1)
        self.seven = _chain(768, (width, 1), (width, row), (192, column))
        self.doubled = _chain(768, (width, 1), (width, column), (width, row), (width, column), (192, row))
        self.pool = PoolBranch(768, 192, pool=pool)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 768, H, W) to (B, 768, H, W)."""
        return torch.cat([self.one(x), self.seven(x), self.doubled(x), self.pool(x)], dim=1)


class Reduction7(nn.Module):
    """From 17x17 to 8x8 maps."""

    def __init__(self) -> None:
        super().__init__()
        self.three = _chain(768, (192, 1), (320, 3), last_stride=2)
        self.seven = _chain(768, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3), last_stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 768, H, W) to (B, 1280, H', W'), half the size."""
        return torch.cat([self.three(x), self.seven(x), F.max_pool2d(x, 3, stride=2)], dim=1)


class Mixed7(nn.Module):
    """Block of 8x8 maps with forked 3x3 convolutions (figure 7)."""

    def __init__(self, in_channels: int, *, pool: str) -> None:
        super().__init__()
        self.one = RectifiedConv(in_channels, 320, 1)
        self.three = nn.Sequential(RectifiedConv(in_channels, 384, 1), Fork(384, 384))
        self.doubled = nn.Sequential(RectifiedConv(in_channels, 448, 1), RectifiedConv(448, 384, 3), Fork(384, 384))
        self.pool = PoolBranch(in_channels, 192, pool=pool)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 2048, H, W)."""
        return torch.cat([self.one(x), self.three(x), self.doubled(x), self.pool(x)], dim=1)


class InceptionV3(nn.Module):
    """Inception-v3 for evaluation and for fine-tuning with fixed statistics; weights are converted, not made.

    Parameters
    ----------
    build : str
        ``fid``: TensorFlow's network of 2015-12-05 as pytorch-fid runs it: average pools leave the padding out, and
        the pool of the last block is a maximum. ``torchvision``: average pools count the padding.
    depth : str
        Last block: ``7c`` for the whole network, ``6e`` (TensorFlow's ``mixed_7``) for one without the 8x8 maps.
    num_classes : int or None
        Outputs: 1008 in the FID network, 1000 in torchvision's; None for no classifier.

    Raises
    ------
    ValueError
        For an unknown build or depth, or a classifier on a network that ends at 6e.
    """

    def __init__(self, *, build: str = "fid", depth: str = "7c", num_classes: int | None = 1008) -> None:
        super().__init__()
        # Contradictions.
        if build not in BUILDS or depth not in DEPTHS:
            raise ValueError(f"no Inception-v3 of build {build!r} and depth {depth!r}")
        if num_classes is not None and depth != "7c":
            raise ValueError("a classifier needs the whole network (depth '7c')")
        self.build = build
        # The FID build differs from torchvision's in its pooling.
        pool = "average" if build == "fid" else "average with padding"
        last_pool = "max" if build == "fid" else pool
        # Convolutions in the order of their published names.
        self.stem = nn.Sequential(
            *(
                RectifiedConv(before, after, kernel, stride=stride, padding=padding)
                for before, after, kernel, stride, padding in STEM
            )
        )
        self.blocks = nn.ModuleDict(
            {
                "5b": Mixed5(192, 32, pool=pool),
                "5c": Mixed5(256, 64, pool=pool),
                "5d": Mixed5(288, 64, pool=pool),
                "6a": Reduction6(288),
                "6b": Mixed6(128, pool=pool),
                "6c": Mixed6(160, pool=pool),
                "6d": Mixed6(160, pool=pool),
                "6e": Mixed6(192, pool=pool),
            }
        )
        if depth == "7c":
            self.blocks["7a"] = Reduction7()
            self.blocks["7b"] = Mixed7(1280, pool=pool)
            self.blocks["7c"] = Mixed7(2048, pool=last_pool)
        self.classifier = None if num_classes is None else nn.Linear(2048, num_classes)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of ``OUTPUTS`` that this network can give."""
        reached = 3 if "7c" not in self.blocks else 4 if self.classifier is None else len(OUTPUTS)
        return OUTPUTS[:reached]

    def regions_and_pool(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The map of 6e and the mean of that of 7c, with gradients to the images.

        Parameters
        ----------
        images : Tensor [shape=(B, 3, H, W), RGB, range -1..1]
            Of a network with depth 7c.

        Returns
        -------
        regions : Tensor [shape=(B, 768, H', W')]
            17 x 17 at 299 px.
        pooled : Tensor [shape=(B, 2048), float32]
        """
        x = images.to(next(self.stem.parameters()).dtype)
        for layers in (self.stem[:3], self.stem[3:]):
            x = F.max_pool2d(layers(x), 3, stride=2)
        regions = x
        for name, block in self.blocks.items():
            x = block(x)
            if name == "6e":
                regions = x
        return regions, _spatial_mean(x)

    def forward(self, images: Tensor, outputs: Sequence[str] = ("pool2048",)) -> dict[str, Tensor]:
        """Outputs on the way through the network; it runs no further than the last of them.

        Parameters
        ----------
        images : Tensor [shape=(B, 3, H, W), RGB, range -1..1]
            299 px in every published number; any size from 75 px on works.
        outputs : sequence of str
            Some of ``self.outputs``. ``pool64``, ``pool192``, ``pool768``, ``pool2048``: spatial means after the first
            and the second max pool, after 6e and after 7c. ``logits``: scores before the softmax;
            ``logits_unbiased``: without the classifier's bias, as the first published Inception Scores were computed.

        Returns
        -------
        dict of str to Tensor [shape=(B, width), float32]

        Raises
        ------
        ValueError
            For an output that this network has not, or pictures of another shape.
        """
        # Refuse what it does not have, and images that its pooling cannot take.
        if missing := [output for output in outputs if output not in self.outputs]:
            raise ValueError(f"this Inception-v3 has no output {missing[0]!r}, only {', '.join(self.outputs)}")
        if images.dim() != 4 or images.shape[1] != 3 or min(images.shape[2:]) < MIN_SIZE:
            raise ValueError(f"Inception-v3 takes (B, 3, H, W) from {MIN_SIZE} px on, got {tuple(images.shape)}")
        readings: dict[str, Tensor] = {}
        last = max((OUTPUTS.index(output) for output in outputs), default=0)
        x = images.to(next(self.stem.parameters()).dtype)
        # Stem, with an output after each pooling.
        for name, layers in (("pool64", self.stem[:3]), ("pool192", self.stem[3:])):
            x = F.max_pool2d(layers(x), 3, stride=2)
            readings[name] = _spatial_mean(x)
            if OUTPUTS.index(name) == last:
                return {output: readings[output] for output in outputs}
        # Blocks, no further than the outputs asked for.
        for name, block in self.blocks.items():
            x = block(x)
            if name in DEPTHS:
                readings["pool768" if name == "6e" else "pool2048"] = _spatial_mean(x)
                if name == "6e" and last == OUTPUTS.index("pool768"):
                    break
        # Classifier, with and without its bias: the FID build's scores have none.
        if last > OUTPUTS.index("pool2048") and self.classifier is not None:
            readings["logits_unbiased"] = F.linear(readings["pool2048"], self.classifier.weight)
            readings["logits"] = readings["logits_unbiased"] + self.classifier.bias
        return {output: readings[output] for output in outputs}


def _spatial_mean(x: Tensor) -> Tensor:
    return x.mean(dim=(2, 3), dtype=torch.float32)
