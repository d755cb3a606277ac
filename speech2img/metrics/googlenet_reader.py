"""The published GoogLeNet as feature network of the metrics, for photographs that no judge can read."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from speech2img.errors import CheckpointError
from speech2img.metrics.judge import FeatureReading, check_images
from speech2img.metrics.resize import to_network
from speech2img.models.googlenet import BVLCGoogLeNet, bvlc_preprocess
from speech2img.models.published import convert_caffe_googlenet
from speech2img.storage.arrays import load_arrays
from speech2img.storage.atomic import file_sha256
from speech2img.storage.networks import build_network

IMAGE_SIZE = 224


class GoogLeNetReader:
    """BVLC GoogLeNet behind Frechet distance, Inception Score and diversity.

    Parameters
    ----------
    network : BVLCGoogLeNet
        With its published weights.
    weights_sha256 : str
        Hash of the weights file.
    device : str or torch.device
        Where it computes.
    """

    name = "GoogLeNet (BVLC, ImageNet), pool5"
    classes = "1,000 ImageNet classes of GoogLeNet"

    def __init__(self, network: BVLCGoogLeNet, *, weights_sha256: str, device: str | torch.device = "cpu") -> None:
        self._network = network.eval().to(device)
        self._device = torch.device(device)
        self.weights_sha256 = weights_sha256

    @classmethod
    def load(cls, path: str | Path, *, device: str | torch.device = "cpu") -> "GoogLeNetReader":
        """Load Caffe's weights from an ``.npz`` with ``<layer>/weight`` and ``<layer>/bias``.

        Raises
        ------
        CheckpointError
            If the file is missing, damaged or holds another network.
        """
        try:
            arrays = load_arrays(path)
            state = convert_caffe_googlenet({name: torch.from_numpy(array) for name, array in arrays.items()})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError.about(path, f"not GoogLeNet weights ({error})", "give googlenet_bvlc.npz") from error
        network = build_network(BVLCGoogLeNet, {}, state, name=str(path))
        return cls(network, weights_sha256=file_sha256(path), device=device)

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
                pooled = self._network.features(bvlc_preprocess((batch + 1.0) * 127.5))
                features.append(pooled.cpu().numpy())
                logits.append(self._network.classifier(pooled).cpu().numpy())
        return FeatureReading(np.concatenate(features), np.concatenate(logits), {})
