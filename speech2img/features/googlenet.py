"""The published GoogLeNet: Li et al.'s teacher (pool5 of ten crops), and a feature network for photographs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from speech2img.batches.labelled_images import to_tensor
from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.base import FeatureExtractor, FeatureMapShapes, resized
from speech2img.models.published.caffemodel import MAX_BYTES, read_caffemodel
from speech2img.models.published.containers import find_state
from speech2img.models.published.googlenet import convert_caffe_googlenet, convert_torchvision_googlenet
from speech2img.models.vision.googlenet import (
    CROP_SIZE,
    FEATURE_DIM,
    MAP_CHANNELS,
    MAP_STRIDES,
    BVLCGoogLeNet,
    TorchvisionGoogLeNet,
    bvlc_preprocess,
    ten_crop,
    torchvision_preprocess,
)
from speech2img.storage.foreign.npz import load_arrays
from speech2img.storage.foreign.torch_files import load_published_file
from speech2img.storage.reading import file_sha256, read_bytes
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release

KIND = "googlenet"
POOL5, LOGITS = "pool5", "logits"
VIEWS = 10
SMALLEST_SIDE = 64
_FIX = "give a release of 'speech2img import', googlenet_bvlc.npz, bvlc_googlenet.caffemodel or googlenet-*.pth"

GoogLeNet = BVLCGoogLeNet | TorchvisionGoogLeNet
Prepare = Callable[[Tensor], Tensor]
_VARIANTS: Mapping[str, tuple[type[GoogLeNet], Prepare, str, str, str]] = MappingProxyType(
    {
        "bvlc": (
            BVLCGoogLeNet,
            bvlc_preprocess,
            "caffe-googlenet",
            "GoogLeNet (BVLC, ImageNet), pool5",
            "1,000 ImageNet classes of GoogLeNet",
        ),
        "torchvision": (
            TorchvisionGoogLeNet,
            torchvision_preprocess,
            "torchvision-googlenet",
            "GoogLeNet (torchvision, ImageNet), pool5",
            "1,000 ImageNet classes of torchvision's GoogLeNet",
        ),
    }
)
"""Variant -> network, what prepares its images, its kind, its name, and what its outputs tell apart."""


class GoogLeNetExtractor(FeatureExtractor):
    """GoogLeNet's pool5; its views are five crops of a 227 px photograph and of its mirror image.

    Parameters
    ----------
    network : BVLCGoogLeNet or TorchvisionGoogLeNet
        With its published weights.
    weights_sha256 : str
        Hash of the published file.
    sha256 : str, optional
        Hash of what was opened; by default the same.
    side : int, >= 64, optional
        Side in pixels of views and generated images as the network gets them; none takes 224 as published. It averages
        over its last map, so a smaller side is coarser and costs less, by its square.
    upside_down : bool
        Flip views as Li et al.'s code did (top to bottom) instead of left to right.
    device : str or torch.device
        Where it computes.

    Raises
    ------
    ConfigError
        If the side is too small for an image to be recognised.
    """

    outputs = MappingProxyType({POOL5: FEATURE_DIM, LOGITS: 1000})
    input_size = CROP_SIZE
    pooled, logits = POOL5, LOGITS
    build = KIND
    default_views = VIEWS
    crops_to_box = False
    map_shapes = FeatureMapShapes(MAP_CHANNELS, MAP_STRIDES)

    def __init__(
        self,
        network: GoogLeNet,
        *,
        weights_sha256: str,
        sha256: str | None = None,
        side: int | None = None,
        upside_down: bool = False,
        device: str | torch.device = "cpu",
    ) -> None:
        if side is not None and side < SMALLEST_SIDE:
            raise ConfigError.about("teacher side", f"{side} px", f"choose {SMALLEST_SIDE} px or more")
        variant = "bvlc" if isinstance(network, BVLCGoogLeNet) else "torchvision"
        _, self._prepare, self.kind, self.name, self.classes = _VARIANTS[variant]
        self.network = network.to(device).eval().requires_grad_(False)
        self._classify: nn.Linear = network.classifier if isinstance(network, BVLCGoogLeNet) else network.fc
        self.weights_sha256, self._sha256 = weights_sha256, sha256 or weights_sha256
        self.side, self._upside_down, self._device = side or CROP_SIZE, upside_down, torch.device(device)

    @property
    def image_size(self) -> int:
        """Side of the photographs that ten crops are cut from."""
        return 227

    @property
    def sha256(self) -> str:
        """Hash of what was opened, a release or a file."""
        return self._sha256

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @torch.inference_mode()
    def read(self, images_BHWC: Tensor, outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Pool5 (B, 1024), and class scores (B, 1000)."""
        images = images_BHWC.to(self._device).permute(0, 3, 1, 2)
        readings = {POOL5: self.network.features(self._prepare((images + 1.0) * 127.5))}
        if LOGITS in outputs:
            readings[LOGITS] = self._classify(readings[POOL5])
        return {output: readings[output].cpu().numpy() for output in outputs}

    def views(self, images_BHWC: NDArray[np.uint8], count: int) -> Tensor:
        """Features (B, count, 1024) of the ten crops, or of ``count`` of them, spread over plain and flipped ones."""
        with torch.inference_mode():
            prepared = self._prepare(to_tensor(images_BHWC).to(self._device))
            crops = ten_crop(prepared, upside_down=self._upside_down)
            chosen = [number * VIEWS // count for number in range(count)]
            return torch.stack([self.network.features(resized(crops[:, n], self.side)) for n in chosen], dim=1)

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Features (B, 1024) of images in -1..1, resized to the network's side, with gradient."""
        return self.network.features(self._prepare((resized(images_BCHW, self.side) + 1.0) * 127.5))

    def maps(self, images_BCHW: Tensor) -> list[Tensor]:
        """Maps (B, C, h, w), finest first, of images in -1..1 in their own size, with gradient."""
        return self.network.maps(self._prepare((images_BCHW + 1.0) * 127.5))


def load_googlenet(
    path: str | Path, *, device: str | torch.device = "cpu", side: int | None = None, upside_down: bool = False
) -> GoogLeNetExtractor:
    """Load GoogLeNet.

    Parameters
    ----------
    path : path
        A release of ``speech2img import``, or a published file: Caffe's ``.caffemodel``, an ``.npz`` with its
        ``<layer>/weight`` and ``<layer>/bias``, or torchvision's ``.pth``.
    device, side, upside_down
        As of `GoogLeNetExtractor`.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or holds another network.
    ConfigError
        If the side is too small.
    """
    # A release of ours, or a published file.
    if Path(path).is_dir():
        folder = find_release(path)
        state, config, own_sha256 = load_hashed_release(folder)
        variant = str(config.get("variant", "torchvision"))
        if config.get("kind") != KIND or variant not in _VARIANTS:
            raise CheckpointError.about(path, f"a release of kind {config.get('kind')!r}, no GoogLeNet", _FIX)
        sha256 = own_sha256
        weights_sha256 = str(config.get("source_sha256") or sha256)
    else:
        state, variant = _read_published(Path(path))
        sha256 = weights_sha256 = file_sha256(path)
    # The network of that variant.
    make: Callable[..., GoogLeNet] = _VARIANTS[variant][0]
    network = build_network(make, {}, state, name=str(path), fix=_FIX)
    return GoogLeNetExtractor(
        network, weights_sha256=weights_sha256, sha256=sha256, side=side, upside_down=upside_down, device=device
    )


def _read_published(path: Path) -> tuple[dict[str, Tensor], str]:
    """Converted state and variant of a published file, told apart by its ending."""
    try:
        if path.suffix == ".npz":
            arrays = {name: torch.from_numpy(array) for name, array in load_arrays(path).items()}
            return convert_caffe_googlenet(arrays), "bvlc"
        if path.suffix == ".caffemodel":
            return convert_caffe_googlenet(read_caffemodel(read_bytes(path, max_bytes=MAX_BYTES))), "bvlc"
        published = find_state(load_published_file(path), convert_torchvision_googlenet)
        return convert_torchvision_googlenet(published.tensors), "torchvision"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError.about(path, f"not GoogLeNet weights ({error})", _FIX) from error
