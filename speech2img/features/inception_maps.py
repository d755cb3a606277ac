"""Inception-v3 as the frozen network behind an image head: the features that S2IGAN trains its pictures on."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.batches.labelled_images import to_tensor
from speech2img.features.inception_reader import load_inception
from speech2img.models.vision.inception import INPUT_SIZE

CROP_SIZE = 256
CROP_CORNERS = ((24, 24), (0, 0), (48, 0), (0, 48), (48, 48))


class InceptionTeacher:
    """Pooled features of Inception-v3: 2,048 of the whole network, 768 of one that ends at 6e.

    Views stand in the place of the published random crops: 256 px out of 304 px at the centre and the four corners,
    plain and mirrored, the centre first; each is resized to 299 px.

    Parameters
    ----------
    path : Path
        What ``load_inception`` reads: published is torchvision's network.
    device : torch.device
        Where it computes.

    Raises
    ------
    CheckpointError
        If it holds something else.
    """

    kind: Literal["inception"] = "inception"
    image_size = CROP_SIZE + 48
    default_views = 10
    crops_to_box = True

    def __init__(self, path: Path, *, device: torch.device) -> None:
        found = load_inception(path)
        self.network = found.network.to(device).eval().requires_grad_(False)
        self.sha256 = found.sha256
        self._tap = next(tap for tap in ("pool2048", "pool768") if tap in self.network.taps)
        self._device = device

    def views(self, images_BHWC: np.ndarray, count: int) -> Tensor:
        """Features (B, count, D) of ``count`` of the ten views, spread evenly over plain and mirrored ones."""
        images = to_tensor(images_BHWC).to(self._device)
        plain = [images[:, :, y : y + CROP_SIZE, x : x + CROP_SIZE] for x, y in CROP_CORNERS]
        crops = [*plain, *(crop.flip(3) for crop in plain)]
        with torch.inference_mode():
            chosen = [crops[number * len(crops) // count].float() / 127.5 - 1 for number in range(count)]
            return torch.stack([self.features(crop) for crop in chosen], dim=1)

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Features (B, D) of pictures in -1..1 of any size, with gradient."""
        size = (INPUT_SIZE, INPUT_SIZE)
        resized = F.interpolate(images_BCHW.float(), size=size, mode="bilinear", align_corners=False)
        return self.network(resized, (self._tap,))[self._tap]
