"""GoogLeNet: preprocessing, the ten views, rounding, parameter counts (the golden values are in test_published)."""

import pytest
import torch
from helpers.networks import NETWORKS
from torch import nn

from speech2img.models.vision.googlenet import (
    BVLCGoogLeNet,
    TorchvisionGoogLeNet,
    bvlc_preprocess,
    ten_crop,
    torchvision_preprocess,
)


def test_parameter_counts() -> None:
    with torch.device("meta"):
        # 6,998,552 learnable values in the caffemodel's main branch; 6,624,904 in torchvision's without auxiliary heads
        assert sum(p.numel() for p in BVLCGoogLeNet().parameters()) == 6_998_552
        assert sum(p.numel() for p in TorchvisionGoogLeNet().parameters()) == 6_624_904


def test_ten_views_have_the_published_corners_and_a_true_mirror() -> None:
    image = torch.arange(227 * 227).view(1, 1, 227, 227).expand(1, 3, -1, -1)
    views = ten_crop(image)
    assert views.shape == (1, 10, 3, 224, 224)
    corners = [(0, 0), (3, 0), (1, 1), (0, 3), (3, 3)]
    for index, (x, y) in enumerate(corners):
        assert views[0, index, 0, 0, 0] == y * 227 + x
        assert views[0, index, 0, 223, 223] == (y + 223) * 227 + x + 223
        assert views[0, index + 5, 0, 0, 0] == y * 227 + 226 - x, "left and right are swapped"
    published = ten_crop(image, upside_down=True)
    assert torch.equal(published[:, :5], views[:, :5])
    for index, (x, y) in enumerate(corners):
        assert published[0, index + 5, 0, 0, 0] == (226 - y) * 227 + x, "top and bottom are swapped"
    with pytest.raises(ValueError, match="227"):
        ten_crop(torch.zeros(1, 3, 224, 224))


def test_preprocessing_by_hand() -> None:
    rgb = torch.tensor([255, 128, 0], dtype=torch.uint8).view(1, 3, 1, 1)
    assert bvlc_preprocess(rgb).flatten().tolist() == [0 - 104, 128 - 117, 255 - 123]
    assert torchvision_preprocess(rgb).flatten().tolist() == pytest.approx([1, 128 / 127.5 - 1, -1], abs=1e-6)


@pytest.mark.parametrize("network", [BVLCGoogLeNet, TorchvisionGoogLeNet])
def test_maps_are_rounded_up_as_caffe_does(network: type[nn.Module]) -> None:
    net = network(num_classes=7).eval()
    block = net.get_submodule("inception.5b" if network is BVLCGoogLeNet else "inception5b")
    shapes = []
    block.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
    with torch.no_grad():
        assert net(torch.zeros(1, 3, 70, 100)).shape == (1, 7)
    # width 100 -> 50 -> 25 -> 12 -> 6 -> 3 where rounded up; rounding down would give 24, 11, 5, 2
    assert shapes == [(1, 1024, 2, 3)]


def test_every_preset_can_be_built() -> None:
    arguments = {"stackgan-v2-discriminator": (64,), "attribute-network": ({"species": 3},)}
    with torch.device("meta"):
        for name, build in NETWORKS.items():
            assert isinstance(build(*arguments.get(name, ())), nn.Module)
        assert NETWORKS["stackgan-v2"](num_stages=1).num_stages == 1
