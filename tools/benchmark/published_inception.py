"""Inception-v3 the customary way, as yardstick: convolution, batch norm and ReLU apart, publishers' names, NCHW.

Written from the description of pytorch-fid's and torchvision's networks; it shares no code with the library, so that
the tests may compare the two.
"""

import torch
from torch import nn
from torch.nn import functional as F


class ConvNorm(nn.Module):
    """Convolution, batch norm with epsilon 0.001, ReLU."""

    def __init__(self, before: int, after: int, kernel: tuple[int, int], stride: int, padding: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, before, H, W) to (B, after, H', W')."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


def _layer(before: int, after: int, kernel: int | tuple[int, int], stride: int = 1) -> ConvNorm:
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    return ConvNorm(before, after, sides, stride, (sides[0] // 2, sides[1] // 2) if stride == 1 else (0, 0))


def _block5(before: int, pool: int) -> dict[str, ConvNorm]:
    return {
        "branch1x1": _layer(before, 64, 1),
        "branch5x5_1": _layer(before, 48, 1),
        "branch5x5_2": _layer(48, 64, 5),
        "branch3x3dbl_1": _layer(before, 64, 1),
        "branch3x3dbl_2": _layer(64, 96, 3),
        "branch3x3dbl_3": _layer(96, 96, 3),
        "branch_pool": _layer(before, pool, 1),
    }


def _block6a() -> dict[str, ConvNorm]:
    return {
        "branch3x3": _layer(288, 384, 3, 2),
        "branch3x3dbl_1": _layer(288, 64, 1),
        "branch3x3dbl_2": _layer(64, 96, 3),
        "branch3x3dbl_3": _layer(96, 96, 3, 2),
    }


def _block6(c: int) -> dict[str, ConvNorm]:
    return {
        "branch1x1": _layer(768, 192, 1),
        "branch7x7_1": _layer(768, c, 1),
        "branch7x7_2": _layer(c, c, (1, 7)),
        "branch7x7_3": _layer(c, 192, (7, 1)),
        "branch7x7dbl_1": _layer(768, c, 1),
        "branch7x7dbl_2": _layer(c, c, (7, 1)),
        "branch7x7dbl_3": _layer(c, c, (1, 7)),
        "branch7x7dbl_4": _layer(c, c, (7, 1)),
        "branch7x7dbl_5": _layer(c, 192, (1, 7)),
        "branch_pool": _layer(768, 192, 1),
    }


def _block7a() -> dict[str, ConvNorm]:
    return {
        "branch3x3_1": _layer(768, 192, 1),
        "branch3x3_2": _layer(192, 320, 3, 2),
        "branch7x7x3_1": _layer(768, 192, 1),
        "branch7x7x3_2": _layer(192, 192, (1, 7)),
        "branch7x7x3_3": _layer(192, 192, (7, 1)),
        "branch7x7x3_4": _layer(192, 192, 3, 2),
    }


def _block7(before: int) -> dict[str, ConvNorm]:
    return {
        "branch1x1": _layer(before, 320, 1),
        "branch3x3_1": _layer(before, 384, 1),
        "branch3x3_2a": _layer(384, 384, (1, 3)),
        "branch3x3_2b": _layer(384, 384, (3, 1)),
        "branch3x3dbl_1": _layer(before, 448, 1),
        "branch3x3dbl_2": _layer(448, 384, 3),
        "branch3x3dbl_3a": _layer(384, 384, (1, 3)),
        "branch3x3dbl_3b": _layer(384, 384, (3, 1)),
        "branch_pool": _layer(before, 192, 1),
    }


class PublishedInception(nn.Module):
    """The whole network; ``fid`` decides about the pools, as pytorch-fid patches torchvision's network."""

    def __init__(self, *, fid: bool = True) -> None:
        super().__init__()
        self.fid = fid
        self.Conv2d_1a_3x3 = ConvNorm(3, 32, (3, 3), 2, (0, 0))
        self.Conv2d_2a_3x3 = ConvNorm(32, 32, (3, 3), 1, (0, 0))
        self.Conv2d_2b_3x3 = ConvNorm(32, 64, (3, 3), 1, (1, 1))
        self.Conv2d_3b_1x1 = ConvNorm(64, 80, (1, 1), 1, (0, 0))
        self.Conv2d_4a_3x3 = ConvNorm(80, 192, (3, 3), 1, (0, 0))
        parts = {
            "5b": _block5(192, 32),
            "5c": _block5(256, 64),
            "5d": _block5(288, 64),
            "6a": _block6a(),
            "6b": _block6(128),
            "6c": _block6(160),
            "6d": _block6(160),
            "6e": _block6(192),
            "7a": _block7a(),
            "7b": _block7(1280),
            "7c": _block7(2048),
        }
        for name, layers in parts.items():
            self.add_module(f"Mixed_{name}", nn.ModuleDict(layers))
        self.fc = nn.Linear(2048, 1008 if fid else 1000)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Spatial means at 64, 192, 768 and 2,048 channels, and the logits, of pictures (B, 3, H, W) in -1..1."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        x = F.max_pool2d(x, kernel_size=3, stride=2)
        found = {"pool64": _mean(x)}
        x = F.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)), kernel_size=3, stride=2)
        found["pool192"] = _mean(x)
        for name in ("5b", "5c", "5d"):
            x = self._mixed5(self.get_submodule(f"Mixed_{name}"), x)
        x = self._reduced6(self.Mixed_6a, x)
        for name in ("6b", "6c", "6d", "6e"):
            x = self._mixed6(self.get_submodule(f"Mixed_{name}"), x)
        found["pool768"] = _mean(x)
        x = self._reduced7(self.Mixed_7a, x)
        x = self._mixed7(self.Mixed_7b, x, maximum=False)
        x = self._mixed7(self.Mixed_7c, x, maximum=self.fid)
        found["pool2048"] = _mean(x)
        found["logits"] = self.fc(found["pool2048"])
        return found

    def _pool(self, x: torch.Tensor, *, maximum: bool = False) -> torch.Tensor:
        if maximum:
            return F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
        return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=not self.fid)

    def _mixed5(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        double = layer["branch3x3dbl_3"](layer["branch3x3dbl_2"](layer["branch3x3dbl_1"](x)))
        five = layer["branch5x5_2"](layer["branch5x5_1"](x))
        return torch.cat([layer["branch1x1"](x), five, double, layer["branch_pool"](self._pool(x))], 1)

    def _reduced6(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        double = layer["branch3x3dbl_3"](layer["branch3x3dbl_2"](layer["branch3x3dbl_1"](x)))
        return torch.cat([layer["branch3x3"](x), double, F.max_pool2d(x, kernel_size=3, stride=2)], 1)

    def _mixed6(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        seven, double = x, x
        for place in "123":
            seven = layer[f"branch7x7_{place}"](seven)
        for place in "12345":
            double = layer[f"branch7x7dbl_{place}"](double)
        return torch.cat([layer["branch1x1"](x), seven, double, layer["branch_pool"](self._pool(x))], 1)

    def _reduced7(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        seven = x
        for place in "1234":
            seven = layer[f"branch7x7x3_{place}"](seven)
        three = layer["branch3x3_2"](layer["branch3x3_1"](x))
        return torch.cat([three, seven, F.max_pool2d(x, kernel_size=3, stride=2)], 1)

    def _mixed7(self, layer: nn.Module, x: torch.Tensor, *, maximum: bool) -> torch.Tensor:
        three = layer["branch3x3_1"](x)
        double = layer["branch3x3dbl_2"](layer["branch3x3dbl_1"](x))
        return torch.cat(
            [
                layer["branch1x1"](x),
                layer["branch3x3_2a"](three),
                layer["branch3x3_2b"](three),
                layer["branch3x3dbl_3a"](double),
                layer["branch3x3dbl_3b"](double),
                layer["branch_pool"](self._pool(x, maximum=maximum)),
            ],
            1,
        )


def _mean(x: torch.Tensor) -> torch.Tensor:
    return F.adaptive_avg_pool2d(x, (1, 1)).flatten(1)
