"""Inception-v3 as feature network of a model's evaluation, in the place of a judge or of GoogLeNet."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from speech2img.features.inception_reader import InceptionReader
from speech2img.features.judge import FeatureReading, check_images
from speech2img.metrics.images.input_filters import input_filter
from speech2img.metrics.images.sets import WIDTHS

_FILTER = "clean"


class InceptionFeatures:
    """The deepest pooled features that the weights reach, and their classifier's outputs where they reach it.

    Parameters
    ----------
    reader : InceptionReader
        The network.
    """

    def __init__(self, reader: InceptionReader) -> None:
        self._reader = reader
        self._tap = [tap for tap in WIDTHS if tap in reader.taps][-1]
        self._logits = {None: None, "fid": "logits_unbiased"}.get(reader.classifier, "logits")
        self.name = f"{reader.name}, {self._tap}"
        self.classes = f"the classes of {reader.name}"
        self.weights_sha256 = reader.weights_sha256

    def read(self, images: NDArray[np.uint8], *, batch_size: int = 16) -> FeatureReading:
        """Features (N, D) and class scores of pictures (N, H, W, 3), resized antialiased as clean-fid does.

        The scores have no columns where the weights have no classifier.

        Raises
        ------
        MetricError
            If the array has another shape or type, or is empty.
        """
        check_images(images)
        taps = [self._tap] if self._logits is None else [self._tap, self._logits]
        resize = input_filter(_FILTER).apply
        parts: dict[str, list[NDArray[np.float32]]] = {tap: [] for tap in taps}
        for start in range(0, len(images), batch_size):
            prepared = np.stack([resize(Image.fromarray(image)) for image in images[start : start + batch_size]])
            for tap, values in self._reader.read(torch.from_numpy(prepared), taps).items():
                parts[tap].append(values)
        features = np.concatenate(parts[self._tap])
        empty = np.empty((len(images), 0), dtype=np.float32)
        return FeatureReading(features, empty if self._logits is None else np.concatenate(parts[self._logits]), {})
