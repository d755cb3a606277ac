"""Frozen networks that look at images: GoogLeNet, Inception-v3, EfficientNet-Lite."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from speech2img.models.published.conversion import Conversion, ImportedNetwork

if TYPE_CHECKING:
    from torch import Tensor

    State = Mapping[str, Tensor]


def torchvision_googlenet() -> Conversion:
    """Torchvision's GoogLeNet."""
    from speech2img.models.published.googlenet import convert_torchvision_googlenet
    from speech2img.models.vision.googlenet import TorchvisionGoogLeNet

    config = {"kind": "googlenet", "variant": "torchvision"}
    return Conversion(convert_torchvision_googlenet, lambda _: ImportedNetwork(TorchvisionGoogLeNet, {}, config))


def caffe_googlenet() -> Conversion:
    """BVLC's GoogLeNet."""
    from speech2img.models.published.caffemodel import MAX_BYTES, read_caffemodel
    from speech2img.models.published.googlenet import convert_caffe_googlenet
    from speech2img.models.vision.googlenet import BVLCGoogLeNet

    config = {"kind": "googlenet", "variant": "bvlc"}
    return Conversion(
        convert_caffe_googlenet,
        lambda _: ImportedNetwork(BVLCGoogLeNet, {}, config),
        read=lambda opened: read_caffemodel(opened.read(MAX_BYTES + 1)),
    )


def fid_inception() -> Conversion:
    """The Inception of FID."""
    from speech2img.models.published.inception import convert_fid_inception

    return Conversion(convert_fid_inception, lambda converted: _inception(converted, "fid-inception"))


def torchvision_inception() -> Conversion:
    """Torchvision's Inception-v3."""
    from speech2img.models.published.inception import convert_torchvision_inception

    return Conversion(convert_torchvision_inception, lambda converted: _inception(converted, "torchvision-inception"))


def _inception(converted: "State", source: str) -> ImportedNetwork:
    from speech2img.models.published.inception import published_settings
    from speech2img.models.vision.inception import InceptionV3

    settings = published_settings(converted, source)
    return ImportedNetwork(InceptionV3, settings, {"kind": "inception", "inception": settings})


def efficientnet_lite(variant: str) -> Conversion:
    """EfficientNet-Lite of one variant."""
    from speech2img.models.published import efficientnet_lite as published
    from speech2img.models.vision.efficientnet_lite import EfficientNetLite

    def describe(converted: "State") -> ImportedNetwork:
        settings = published.efficientnet_lite_settings(converted, wanted=variant)
        config = {"kind": "efficientnet-lite", "efficientnet": settings}
        return ImportedNetwork(EfficientNetLite, settings, config, notice=published.NOTICE)

    return Conversion(published.convert_efficientnet_lite, describe)
