"""A published feature network with a classifier of its own: behind Inception Scores over the classes of one corpus."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.vision.googlenet import (
    CROP_SIZE,
    FEATURE_DIM,
    BVLCGoogLeNet,
    TorchvisionGoogLeNet,
    bvlc_preprocess,
)
from speech2img.models.vision.inception import INPUT_SIZE, InceptionV3

BACKBONES = ("inception", "bvlc", "torchvision")
"""Inception-v3 in any build and depth, and GoogLeNet in BVLC's and torchvision's."""

_WIDTHS = {"pool768": 768, "pool2048": 2048}
Backbone = InceptionV3 | BVLCGoogLeNet | TorchvisionGoogLeNet


class ImageClassifier(nn.Module):
    """Pooled features of a published network, standardised, and a classifier on them.

    Parameters
    ----------
    backbone : InceptionV3, BVLCGoogLeNet or TorchvisionGoogLeNet
        The published network, whole; its own classifier stays unused. Of Inception the deepest pooled output counts.
    num_classes : int
        Classes told apart, >= 2.
    hidden : int
        Units of a hidden layer before the classifier; 0 for none.
    dropout : float
        Before the last layer while training, 0..1.

    Raises
    ------
    ValueError
        For fewer than two classes.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone, num_classes: int, *, hidden: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        if num_classes < 2 or hidden < 0:
            raise ValueError(f"no classifier of {num_classes} classes with {hidden} hidden units")
        self.backbone = backbone
        self._output = (
            [output for output in backbone.outputs if output in _WIDTHS][-1]
            if isinstance(backbone, InceptionV3)
            else ""
        )
        self.feature_dim = _WIDTHS.get(self._output, FEATURE_DIM)
        self.input_size = INPUT_SIZE if self._output else CROP_SIZE
        self.register_buffer("mean", torch.zeros(self.feature_dim))
        self.register_buffer("std", torch.ones(self.feature_dim))
        layers: list[nn.Module] = [nn.Dropout(dropout), nn.Linear(hidden or self.feature_dim, num_classes)]
        if hidden:
            layers = [nn.Linear(self.feature_dim, hidden), nn.ReLU(), *layers]
        self.head = nn.Sequential(*layers)

    def features(self, images: Tensor) -> Tensor:
        """Pooled features.

        Parameters
        ----------
        images : Tensor [shape=(B, 3, H, W), RGB, range -1..1]
            Resized, antialiased, to ``input_size`` where they are of another one.

        Returns
        -------
        Tensor [shape=(B, feature_dim), float32]
        """
        side = self.input_size
        if images.shape[2:] != (side, side):
            images = F.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        if isinstance(self.backbone, InceptionV3):
            return self.backbone(images, (self._output,))[self._output]
        if isinstance(self.backbone, BVLCGoogLeNet):
            images = bvlc_preprocess((images + 1.0) * 127.5)
        return self.backbone.features(images)

    def classify(self, features: Tensor) -> Tensor:
        """Scores before the softmax (B, num_classes) of features (B, feature_dim)."""
        scores: Tensor = self.head((features - self.mean) / self.std)
        return scores

    def forward(self, images: Tensor) -> Tensor:
        """Scores before the softmax (B, num_classes) of pictures (B, 3, H, W) in -1..1."""
        return self.classify(self.features(images))


def make_backbone(kind: str, settings: dict[str, Any] | None = None) -> Backbone:
    """A published network without its weights.

    Parameters
    ----------
    kind : str
        Of ``BACKBONES``.
    settings : dict, optional
        Arguments of ``InceptionV3``.

    Raises
    ------
    ValueError
        For another kind, or settings that the network does not have.
    """
    if kind not in BACKBONES:
        raise ValueError(f"no feature network {kind!r}, only {', '.join(BACKBONES)}")
    if kind == "inception":
        try:
            return InceptionV3(**(settings or {}))
        except TypeError as error:
            raise ValueError(str(error)) from error
    return BVLCGoogLeNet() if kind == "bvlc" else TorchvisionGoogLeNet()
