"""GoogLeNet (Szegedy et al. 2014, arXiv:1409.4842) in its two published builds: BVLC's in Caffe, and torchvision's."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.layers.windows import channels_last_on_cpu, response_norm

FEATURE_DIM = 1024
MAP_CHANNELS = (192, 480, 832, 1024)
MAP_STRIDES = (4, 8, 16, 32)
BVLC_MEAN_BGR = (104.0, 117.0, 123.0)
CROP_SIZE = 224
CROP_CORNERS = ((0, 0), (3, 0), (1, 1), (0, 3), (3, 3))

# 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection (table 1 of the paper)
INCEPTION_WIDTHS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def _input_widths() -> dict[str, int]:
    widths, previous = {}, 192
    for name, (one, _, three, _, five, pool) in INCEPTION_WIDTHS.items():
        widths[name] = previous
        previous = one + three + five + pool
    return widths


class BVLCInception(nn.Module):
    """Inception block with biased convolutions and a 5x5 branch."""

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        one, three_reduce, three, five_reduce, five, pool = widths
        self.one = nn.Conv2d(in_channels, one, 1)
        self.three_reduce = nn.Conv2d(in_channels, three_reduce, 1)
        self.three = nn.Conv2d(three_reduce, three, 3, padding=1)
        self.five_reduce = nn.Conv2d(in_channels, five_reduce, 1)
        self.five = nn.Conv2d(five_reduce, five, 5, padding=2)
        self.pool_projection = nn.Conv2d(in_channels, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, sum of branches, H, W)."""
        branches = [
            self.one(x),
            self.three(F.relu(self.three_reduce(x))),
            self.five(F.relu(self.five_reduce(x))),
            self.pool_projection(F.max_pool2d(x, 3, stride=1, padding=1)),
        ]
        return F.relu(torch.cat(branches, dim=1))


class BVLCGoogLeNet(nn.Module):
    """The Caffe model zoo's GoogLeNet: local response normalisation, pools rounded up. Weights are converted, not made.

    ``speech2img.models.published.googlenet.convert_caffe_googlenet`` maps Caffe's arrays to this module.
    """

    def __init__(self, *, num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.conv2_reduce = nn.Conv2d(64, 64, 1)
        self.conv2 = nn.Conv2d(64, 192, 3, padding=1)
        inputs = _input_widths()
        self.inception = nn.ModuleDict(
            {name: BVLCInception(inputs[name], widths) for name, widths in INCEPTION_WIDTHS.items()}
        )
        self.classifier = nn.Linear(FEATURE_DIM, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """``pool5/7x7_s1``: what Li et al. distil speech from.

        Parameters
        ----------
        images : Tensor [shape=(B, 3, 224, 224), BGR, 0..255 minus the mean]
            Output of ``bvlc_preprocess``; other sizes from 32 px on work, averaged over their whole last map.

        Returns
        -------
        Tensor [shape=(B, 1024), float32, >= 0]
        """
        return self.maps(images)[-1].float().mean(dim=(2, 3))

    def maps(self, images: Tensor) -> list[Tensor]:
        """What stands before each pool: conv2, inception 3b, 4e, 5b.

        Parameters
        ----------
        images : Tensor [shape=(B, 3, H, W)]
            As for `features`.

        Returns
        -------
        list of Tensor [shape=(B, 192 | 480 | 832 | 1024, H / 4 | H / 8 | H / 16 | H / 32, ...)]
        """
        x = response_norm(_pool_up(F.relu(self.conv1(channels_last_on_cpu(images)))))
        x = F.relu(self.conv2(F.relu(self.conv2_reduce(x))))
        maps = [x]
        x = _pool_up(response_norm(x))
        for name, block in self.inception.items():
            if name in ("4a", "5a"):
                maps.append(x)
                x = _pool_up(x)
            x = block(x)
        return [one.contiguous() for one in (*maps, x)]

    def forward(self, images: Tensor) -> Tensor:
        """Class scores before the softmax, (B, num_classes)."""
        return self.classifier(self.features(images))


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation (epsilon 0.001), ReLU; names as in torchvision's state."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H', W')."""
        return F.relu(self.bn(self.conv(x)))


class TorchvisionInception(nn.Module):
    """Inception block with batch normalisation; its "5x5" branch is 3x3, as in the released weights."""

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        one, three_reduce, three, five_reduce, five, pool = widths
        self.branch1 = ConvNorm(in_channels, one, 1)
        reduce = ConvNorm(in_channels, three_reduce, 1)
        self.branch2 = nn.Sequential(reduce, ConvNorm(three_reduce, three, 3, padding=1))
        reduce = ConvNorm(in_channels, five_reduce, 1)
        self.branch3 = nn.Sequential(reduce, ConvNorm(five_reduce, five, 3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), ConvNorm(in_channels, pool, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, sum of branches, H, W)."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


class TorchvisionGoogLeNet(nn.Module):
    """torchvision's GoogLeNet without auxiliary heads; takes torchvision's state-dict keys as they are."""

    def __init__(self, *, num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = ConvNorm(3, 64, 7, stride=2, padding=3)
        self.conv2 = ConvNorm(64, 64, 1)
        self.conv3 = ConvNorm(64, 192, 3, padding=1)
        for name, in_channels in _input_widths().items():
            self.add_module(f"inception{name}", TorchvisionInception(in_channels, INCEPTION_WIDTHS[name]))
        self.fc = nn.Linear(FEATURE_DIM, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Global average of the last map.

        Parameters
        ----------
        images : Tensor [shape=(B, 3, 224, 224), RGB, range -1..1]
            Output of ``torchvision_preprocess``; other sizes from 32 px on work.

        Returns
        -------
        Tensor [shape=(B, 1024), float32, >= 0]
        """
        return self.maps(images)[-1].float().mean(dim=(2, 3))

    def maps(self, images: Tensor) -> list[Tensor]:
        """What stands before each pool: conv3, inception 3b, 4e, 5b; shapes as `BVLCGoogLeNet.maps`."""
        x = self.conv3(self.conv2(_pool_up(self.conv1(channels_last_on_cpu(images)))))
        maps = [x]
        x = _pool_up(x)
        for name in INCEPTION_WIDTHS:
            if name in ("4a", "5a"):
                maps.append(x)
                x = _pool_up(x) if name == "4a" else F.max_pool2d(x, 2, stride=2, ceil_mode=True)
            x = self.get_submodule(f"inception{name}")(x)
        return [one.contiguous() for one in (*maps, x)]

    def forward(self, images: Tensor) -> Tensor:
        """Class scores before the softmax, (B, num_classes). Without the dropout of training."""
        return self.fc(self.features(images))


def bvlc_preprocess(rgb_B3HW: Tensor) -> Tensor:
    """RGB bytes to what ``BVLCGoogLeNet`` takes.

    Parameters
    ----------
    rgb_B3HW : Tensor [shape=(B, 3, H, W), RGB, range 0..255]
        Any type.

    Returns
    -------
    Tensor [shape=(B, 3, H, W), BGR, float32]
        0..255 minus (104, 117, 123).
    """
    mean = torch.tensor(BVLC_MEAN_BGR, device=rgb_B3HW.device).view(3, 1, 1)
    return rgb_B3HW.flip(1).float() - mean


def torchvision_preprocess(rgb_B3HW: Tensor) -> Tensor:
    """RGB 0..255 (B, 3, H, W) to float32 -1..1, what ``TorchvisionGoogLeNet`` takes."""
    return rgb_B3HW.float() / 127.5 - 1


def ten_crop(images_B3HW: Tensor, *, upside_down: bool = False) -> Tensor:
    """Five views of each image and five of its mirror image (Li et al. 2020, after Reed et al. 2016).

    Parameters
    ----------
    images_B3HW : Tensor [shape=(B, 3, 227, 227)]
        Whole images squashed to 227 px.
    upside_down : bool
        Mirror top and bottom instead of left and right: the published features were made so, by mistake.

    Returns
    -------
    Tensor [shape=(B, 10, 3, 224, 224)]
        Corners (x, y) (0,0), (3,0), (1,1), (0,3), (3,3); plain, then mirrored.

    Raises
    ------
    ValueError
        If the images are not 227x227.
    """
    side = CROP_SIZE + 3
    if images_B3HW.dim() != 4 or images_B3HW.shape[2:] != (side, side):
        raise ValueError(f"ten_crop takes images (B, 3, {side}, {side}), got {tuple(images_B3HW.shape)}")
    mirrored = images_B3HW.flip(2 if upside_down else 3)
    views = [
        image[:, :, y : y + CROP_SIZE, x : x + CROP_SIZE] for image in (images_B3HW, mirrored) for x, y in CROP_CORNERS
    ]
    return torch.stack(views, dim=1)


def _pool_up(x: Tensor) -> Tensor:
    """3x3 max pool of stride 2, size rounded up."""
    return F.max_pool2d(x, 3, stride=2, ceil_mode=True)
