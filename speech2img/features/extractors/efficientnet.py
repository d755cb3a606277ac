"""EfficientNet-Lite, trained on ImageNet: teacher for photographs, and what projected discriminators look through."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.base import FeatureExtractor, FeatureMapShapes, resized
from speech2img.models.vision.efficientnet_lite import (
    FEATURE_DIM,
    MAP_STRIDES,
    NUM_CLASSES,
    VARIANTS,
    EfficientNetLite,
    preprocess,
)
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release

KIND = "efficientnet-lite"
POOLED, LOGITS = "pooled", "logits"
SMALLEST_SIDE = 64
_FIX = "give a release of 'speech2img import efficientnet-lite0'"


class EfficientNetLiteExtractor(FeatureExtractor):
    """Pooled features, ImageNet's class scores and maps; its views are the image and slightly shifted copies.

    A release and the published file that it was made of are one network: both are known by the file's hash, so that
    no copy of a network that a model was trained with passes for another one as its judge.

    Parameters
    ----------
    network : EfficientNetLite
        With its published weights.
    weights_sha256 : str
        Hash of the published file.
    side : int, >= 64, optional
        Side in pixels of views and generated images as the network gets them; none takes the published one. It averages
        over its last map, so a smaller side is coarser and costs less, by its square.
    device : str or torch.device
        Where it computes.

    Raises
    ------
    ConfigError
        If the side is too small for an image to be recognised.
    """

    kind = build = KIND
    pooled, logits = POOLED, LOGITS
    outputs = {POOLED: FEATURE_DIM, LOGITS: NUM_CLASSES}

    def __init__(
        self,
        network: EfficientNetLite,
        *,
        weights_sha256: str,
        side: int | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        if side is not None and side < SMALLEST_SIDE:
            raise ConfigError.about("teacher side", f"{side} px", f"choose {SMALLEST_SIDE} px or more")
        self.network = network.to(device).eval().requires_grad_(False)
        self.input_size = VARIANTS[network.variant].input_size
        self.side, self._device = side or self.input_size, torch.device(device)
        self.map_shapes = FeatureMapShapes(network.map_channels, MAP_STRIDES)
        # What reports say of it.
        self.weights_sha256 = weights_sha256
        title = f"EfficientNet-{network.variant.title()}"
        self.name, self.classes = f"{title} (ImageNet), pooled", f"1,000 ImageNet classes of {title}"

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @torch.inference_mode()
    def read(self, images_BHWC: Tensor, outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Pooled features (B, 1280), and class scores (B, 1000)."""
        images = images_BHWC.to(self._device).permute(0, 3, 1, 2)
        readings = {POOLED: self.network.features(_prepared(images))}
        if LOGITS in outputs:
            readings[LOGITS] = self.network.classifier(readings[POOLED])
        return {output: readings[output].cpu().numpy() for output in outputs}

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Features (B, 1280) of images in -1..1, resized to the network's side, with gradient."""
        return self.network.features(_prepared(resized(images_BCHW, self.side)))

    def maps(self, images_BCHW: Tensor) -> list[Tensor]:
        """Maps (B, C, h, w), finest first, of images in -1..1 in their own size, with gradient."""
        return self.network.maps(_prepared(images_BCHW))


def _prepared(images_BCHW: Tensor) -> Tensor:
    """Images in -1..1 as the network takes them."""
    return preprocess((images_BCHW + 1.0) * 127.5)


def load_efficientnet_lite(
    path: str | Path, *, device: str | torch.device = "cpu", side: int | None = None
) -> EfficientNetLiteExtractor:
    """Load EfficientNet-Lite.

    Parameters
    ----------
    path : path
        A release of ``speech2img import efficientnet-lite0`` (or ``-lite1``, ``-lite2``).
    device, side
        As of `EfficientNetLiteExtractor`.

    Raises
    ------
    CheckpointError
        If it is missing, damaged or another network.
    ConfigError
        If the side is too small.
    """
    folder = find_release(path)
    tensors, config, own_sha256 = load_hashed_release(folder)
    if config.get("kind") != KIND:
        raise CheckpointError.about(path, f"a release of kind {config.get('kind')!r}, no EfficientNet-Lite", _FIX)
    settings = config.get("efficientnet")
    network = build_network(EfficientNetLite, settings, tensors, name=str(path), fix=_FIX)
    sha256 = str(config.get("source_sha256") or own_sha256)
    return EfficientNetLiteExtractor(network, weights_sha256=sha256, side=side, device=device)
