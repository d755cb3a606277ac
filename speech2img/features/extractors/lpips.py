"""LPIPS's network as an extractor: the maps and channel weights of the published perceptual loss."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.base import FeatureExtractor, FeatureMapShapes, resized
from speech2img.models.vision.lpips import LPIPS, MAP_STRIDES
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release

KIND = "lpips"
POOLED = "pooled"
SIDE = 224
SMALLEST_SIDE = 16
_FIX = "give a release of 'speech2img import lpips'"


class LPIPSExtractor(FeatureExtractor):
    """Maps of VGG-16 with the weights of their channels; the mean of the last map stands for a whole image.

    Parameters
    ----------
    network : LPIPS
        With its published weights.
    weights_sha256 : str
        Hash of the published file.
    side : int, >= 16, optional
        Side in pixels of views and generated images as the network gets them for `features`.
    device : str or torch.device
        Where it computes.

    Raises
    ------
    ConfigError
        If the side is too small.
    """

    kind = build = KIND
    pooled = POOLED
    name = "VGG-16 of LPIPS, pooled"
    input_size = SIDE

    def __init__(
        self, network: LPIPS, *, weights_sha256: str, side: int | None = None, device: str | torch.device = "cpu"
    ) -> None:
        if side is not None and side < SMALLEST_SIDE:
            raise ConfigError.about("teacher side", f"{side} px", f"choose {SMALLEST_SIDE} px or more")
        self.network = network.to(device).eval().requires_grad_(False)
        self.side, self._device, self.weights_sha256 = side or SIDE, torch.device(device), weights_sha256
        self.map_shapes = FeatureMapShapes(network.map_channels, MAP_STRIDES)
        self.channel_weights = network.channel_weights
        self.outputs = {POOLED: network.map_channels[-1]}

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @torch.inference_mode()
    def read(self, images_BHWC: Tensor, outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Pooled features (B, 512)."""
        pooled = self.network.features(images_BHWC.to(self._device).permute(0, 3, 1, 2)).cpu().numpy()
        return dict.fromkeys(outputs, pooled)

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Features (B, 512) of images in -1..1, resized to the network's side, with gradient."""
        return self.network.features(resized(images_BCHW, self.side))

    def maps(self, images_BCHW: Tensor) -> list[Tensor]:
        """Maps (B, C, h, w), finest first, of images in -1..1 in their own size, with gradient."""
        return self.network.maps(images_BCHW)


def load_lpips(path: str | Path, *, device: str | torch.device = "cpu", side: int | None = None) -> LPIPSExtractor:
    """Load LPIPS's network.

    Parameters
    ----------
    path : path
        A release of ``speech2img import lpips``.
    device, side
        As of `LPIPSExtractor`.

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
        raise CheckpointError.about(path, f"a release of kind {config.get('kind')!r}, no LPIPS", _FIX)
    network = build_network(LPIPS, config.get("lpips"), tensors, name=str(path), fix=_FIX)
    sha256 = str(config.get("source_sha256") or own_sha256)
    return LPIPSExtractor(network, weights_sha256=sha256, side=side, device=device)
