"""CLIP's image side as an extractor: the vectors that S2IVQ-D's speech encoder learns to give."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speech2img.errors import CheckpointError
from speech2img.features.base import FeatureExtractor, resized
from speech2img.models.vision.clip_resnet import DEVIATION, MEAN, CLIPResNet
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release

KIND = "clip-image"
POOLED = "pooled"
_FIX = "give a release of 'speech2img import clip-image'"


class CLIPImageExtractor(FeatureExtractor):
    """Vectors in the space of CLIP's texts; its views are the image and slightly shifted copies.

    Parameters
    ----------
    network : CLIPResNet
        With its published weights.
    weights_sha256 : str
        Hash of the published file.
    device : str or torch.device
        Where it computes.
    """

    kind = build = KIND
    pooled = POOLED
    crops_to_box = False

    def __init__(self, network: CLIPResNet, *, weights_sha256: str, device: str | torch.device = "cpu") -> None:
        self.network = network.to(device).eval().requires_grad_(False)
        self._device, self.weights_sha256 = torch.device(device), weights_sha256
        self.input_size, self.outputs = network.image_size, {POOLED: network.embedding_dim}
        self.name = f"CLIP's image side, {network.embedding_dim} numbers"

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @torch.inference_mode()
    def read(self, images_BHWC: Tensor, outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors (B, D)."""
        vectors = self.network(_standardised(images_BHWC.to(self._device).permute(0, 3, 1, 2))).cpu().numpy()
        return dict.fromkeys(outputs, vectors)

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Vectors (B, D) of images in -1..1, resized to the network's side, with gradient."""
        vectors: Tensor = self.network(_standardised(resized(images_BCHW, self.input_size)))
        return vectors


def _standardised(images_BCHW: Tensor) -> Tensor:
    """Images in -1..1 as the network takes them."""
    mean, deviation = (images_BCHW.new_tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return ((images_BCHW + 1) / 2 - mean) / deviation


def load_clip_image(path: str | Path, *, device: str | torch.device = "cpu") -> CLIPImageExtractor:
    """Load CLIP's image side.

    Parameters
    ----------
    path : path
        A release of ``speech2img import clip-image``.
    device : str or torch.device
        As of `CLIPImageExtractor`.

    Raises
    ------
    CheckpointError
        If it is missing, damaged or another network.
    """
    folder = find_release(path)
    tensors, config, own_sha256 = load_hashed_release(folder)
    if config.get("kind") != KIND:
        raise CheckpointError.about(path, f"a release of kind {config.get('kind')!r}, no image side of CLIP", _FIX)
    network = build_network(CLIPResNet, config.get("clip_image"), tensors, name=str(path), fix=_FIX)
    sha256 = str(config.get("source_sha256") or own_sha256)
    return CLIPImageExtractor(network, weights_sha256=sha256, device=device)
