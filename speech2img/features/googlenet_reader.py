"""The published GoogLeNet as feature network of the metrics, for photographs that no judge can read."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from speech2img.errors import CheckpointError
from speech2img.features.judge import FeatureReading, check_images
from speech2img.images.resize import to_network
from speech2img.models.published.caffemodel import MAX_BYTES, read_caffemodel
from speech2img.models.published.checkpoints import convert_caffe_googlenet, convert_torchvision_googlenet
from speech2img.models.published.containers import find_state
from speech2img.models.vision.googlenet import (
    BVLCGoogLeNet,
    TorchvisionGoogLeNet,
    bvlc_preprocess,
    torchvision_preprocess,
)
from speech2img.storage.atomic import file_sha256, read_bytes
from speech2img.storage.foreign.npz import load_arrays
from speech2img.storage.foreign.torch_files import load_published_file
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_release, release_sha256

IMAGE_SIZE = 224
KIND = "googlenet"
_FIX = "give a release of 'speech2img import', googlenet_bvlc.npz, bvlc_googlenet.caffemodel or googlenet-*.pth"

GoogLeNet = BVLCGoogLeNet | TorchvisionGoogLeNet
Prepare = Callable[[Tensor], Tensor]
_NETWORKS: Mapping[str, tuple[type[GoogLeNet], Prepare, str, str]] = MappingProxyType(
    {
        "bvlc": (
            BVLCGoogLeNet,
            bvlc_preprocess,
            "GoogLeNet (BVLC, ImageNet), pool5",
            "1,000 ImageNet classes of GoogLeNet",
        ),
        "torchvision": (
            TorchvisionGoogLeNet,
            torchvision_preprocess,
            "GoogLeNet (torchvision, ImageNet), pool5",
            "1,000 ImageNet classes of torchvision's GoogLeNet",
        ),
    }
)
"""Variant -> network, what prepares its pictures, its name, and what its outputs tell apart."""


class GoogLeNetReader:
    """GoogLeNet behind Frechet distance, Inception Score and diversity.

    Parameters
    ----------
    network : BVLCGoogLeNet or TorchvisionGoogLeNet
        With its published weights.
    weights_sha256 : str
        Hash of the published file.
    device : str or torch.device
        Where it computes.
    """

    def __init__(self, network: GoogLeNet, *, weights_sha256: str, device: str | torch.device = "cpu") -> None:
        _, self._prepare, self.name, self.classes = _NETWORKS[
            "bvlc" if isinstance(network, BVLCGoogLeNet) else "torchvision"
        ]
        self._network = network.eval().to(device)
        self._classify: nn.Linear = network.classifier if isinstance(network, BVLCGoogLeNet) else network.fc
        self._device = torch.device(device)
        self.weights_sha256 = weights_sha256

    @classmethod
    def load(cls, path: str | Path, *, device: str | torch.device = "cpu") -> "GoogLeNetReader":
        """Load a network.

        Parameters
        ----------
        path : path
            A release of ``speech2img import``, or a published file: Caffe's ``.caffemodel``, an ``.npz`` with its
            ``<layer>/weight`` and ``<layer>/bias``, or torchvision's ``.pth``.
        device : str or torch.device
            Where it computes.

        Raises
        ------
        CheckpointError
            If the file is missing, damaged or holds another network.
        """
        if Path(path).is_dir():
            folder = find_release(path)
            state, config = load_release(folder)
            variant = str(config.get("variant"))
            if config.get("kind") != KIND or variant not in _NETWORKS:
                raise CheckpointError.about(path, f"a release of kind {config.get('kind')!r}, no GoogLeNet", _FIX)
            sha256 = str(config.get("source_sha256") or release_sha256(folder))
        else:
            state, variant = _read_published(Path(path))
            sha256 = file_sha256(path)
        network: Callable[..., GoogLeNet] = _NETWORKS[variant][0]
        return cls(build_network(network, {}, state, name=str(path), fix=_FIX), weights_sha256=sha256, device=device)

    def read(self, images: NDArray[np.uint8], *, batch_size: int = 32) -> FeatureReading:
        """Pool5 (N, 1024) and class scores (N, 1000) of pictures (N, H, W, 3), resized antialiased to 224 px.

        Raises
        ------
        MetricError
            If the array has another shape or type, or is empty.
        """
        check_images(images)
        features: list[NDArray[np.float32]] = []
        logits: list[NDArray[np.float32]] = []
        with torch.inference_mode():
            for start in range(0, len(images), batch_size):
                batch = to_network(images[start : start + batch_size], IMAGE_SIZE, device=self._device)
                pooled = self._network.features(self._prepare((batch + 1.0) * 127.5))
                features.append(pooled.cpu().numpy())
                logits.append(self._classify(pooled).cpu().numpy())
        return FeatureReading(np.concatenate(features), np.concatenate(logits), {})


def _read_published(path: Path) -> tuple[dict[str, Tensor], str]:
    """Converted state and variant of a published file, told apart by its ending."""
    try:
        if path.suffix == ".npz":
            arrays = {name: torch.from_numpy(array) for name, array in load_arrays(path).items()}
            return convert_caffe_googlenet(arrays), "bvlc"
        if path.suffix == ".caffemodel":
            return convert_caffe_googlenet(read_caffemodel(read_bytes(path, max_bytes=MAX_BYTES))), "bvlc"
        found = find_state(load_published_file(path), convert_torchvision_googlenet)
        return convert_torchvision_googlenet(found.tensors), "torchvision"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError.about(path, f"not GoogLeNet weights ({error})", _FIX) from error
