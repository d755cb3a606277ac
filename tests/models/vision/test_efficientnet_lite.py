"""EfficientNet-Lite: sizes of the variants, TensorFlow's padding, preprocessing, maps of any size."""

import pytest
import torch
from torch.nn import functional as F

from speech2img.models.vision.efficientnet_lite import (
    MAP_STRIDES,
    VARIANTS,
    EfficientNetLite,
    SameConv,
    preprocess,
    scaled_stages,
)

PARAMETERS = {"lite0": 4_652_008, "lite1": 5_416_680, "lite2": 6_092_072}
"""As published: 4.65, 5.42 and 6.09 million."""


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameter_counts(variant: str) -> None:
    with torch.device("meta"):
        network = EfficientNetLite(variant=variant)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[variant]


def test_stem_and_head_and_the_ends_are_not_scaled() -> None:
    assert [stage.blocks for stage in scaled_stages("lite1")] == [1, 3, 3, 4, 4, 5, 1]
    assert [stage.channels for stage in scaled_stages("lite2")] == [16, 24, 48, 88, 120, 208, 352]
    with torch.device("meta"):
        network = EfficientNetLite(variant="lite2")
    assert network.stem.conv.out_channels == 32 and network.head.conv.out_channels == 1280
    with pytest.raises(ValueError, match="no EfficientNet-Lite 'lite9', only lite0, lite1, lite2"):
        scaled_stages("lite9")


@pytest.mark.parametrize(
    ("side", "kernel", "before", "after"), [(8, 3, 0, 1), (8, 5, 1, 2), (7, 3, 1, 1), (7, 5, 2, 2), (1, 5, 2, 2)]
)
def test_strided_convolutions_are_padded_as_tensorflow_does(side: int, kernel: int, before: int, after: int) -> None:
    conv = SameConv(1, 1, kernel, stride=2)
    image = torch.randn(1, 1, side, 6)
    columns = (0, 1) if kernel == 3 else (1, 2)
    padded = F.pad(image, (*columns, before, after))
    output = conv(image)
    assert output.shape == (1, 1, -(-side // 2), 3)
    torch.testing.assert_close(output, F.conv2d(padded, conv.weight, stride=2))


def test_without_a_stride_the_side_stays() -> None:
    assert SameConv(1, 1, 5)(torch.zeros(1, 1, 4, 7)).shape == (1, 1, 4, 7)


def test_preprocessing_by_hand() -> None:
    rgb = torch.tensor([255, 127, 0], dtype=torch.uint8).view(1, 3, 1, 1)
    assert preprocess(rgb).flatten().tolist() == [1.0, 0.0, -127 / 128]


def test_maps_of_any_size_and_pooled_features() -> None:
    network = EfficientNetLite().eval()
    with torch.no_grad():
        maps = network.maps(torch.randn(1, 3, 64, 100))
        assert network(torch.randn(2, 3, 64, 64)).shape == (2, 1000)
        assert network.features(torch.randn(2, 3, 65, 33)).shape == (2, 1280)
    channels = zip(network.map_channels, MAP_STRIDES, strict=True)
    assert [tuple(some.shape) for some in maps] == [(1, c, 64 // s, -(-100 // s)) for c, s in channels]
    assert network.map_channels == (24, 40, 112, 320) and float(maps[-1].min()) < 0
