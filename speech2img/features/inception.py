"""Inception-v3: behind FID, KID, Inception Score, precision and recall; and S2IGAN's features of photographs."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.batches.labelled_images import to_tensor
from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.base import FeatureExtractor
from speech2img.features.layers import LOGITS, LOGITS_UNBIASED, POOLS, deepest
from speech2img.images.input_filters import input_filter
from speech2img.models.published.inception import convert_inception, inception_source
from speech2img.models.published.state_dicts import unwrap_state
from speech2img.models.vision.inception import INPUT_SIZE, InceptionV3
from speech2img.storage.foreign.npz import load_arrays
from speech2img.storage.foreign.torch_files import load_published_file
from speech2img.storage.reading import file_sha256
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network, load_weights, unmoved_draws
from speech2img.storage.releases.release import load_hashed_release

KIND = "inception"
PRECISIONS = ("float32", "bfloat16")
BUILD_NAMES = {
    "fid": "Inception-v3 (FID, TensorFlow 2015-12-05)",
    "torchvision": "Inception-v3 (ImageNet, torchvision)",
}
CROP_SIZE = 256
CROP_CORNERS = ((24, 24), (0, 0), (48, 0), (0, 48), (48, 48))
_FIX = "give a release of 'speech2img import', pt_inception-2015-12-05-*.pth, inception_v3_google-*.pth or a whole .npz"


class InceptionExtractor(FeatureExtractor):
    """Runs a converted Inception-v3.

    Views of a photograph stand instead of S2IGAN's random crops: 256 px out of 304 px at the centre and the four
    corners, plain and mirrored, the centre first; each is resized to 299 px.

    Parameters
    ----------
    network : InceptionV3
        With its weights; for measurements changed in place to the layout and precision that are fast.
    name : str
        What reports call it.
    weights_sha256 : str
        Hash of the published file.
    precision : str or None
        For measurements ``float32``, exactly that on every device, or ``bfloat16``: convolutions in 16 bits, about
        twice as fast on CPUs that know them; features then differ in the third digit: for exploring, never for numbers
        to be published. None leaves the network as it is, to teach with gradients.
    device : str or torch.device
        Where it computes.

    Raises
    ------
    ConfigError
        For another precision.
    """

    kind = KIND
    input_size = INPUT_SIZE
    batch_size = 16
    default_views = 10

    def __init__(
        self,
        network: InceptionV3,
        *,
        name: str,
        weights_sha256: str,
        precision: str | None = "float32",
        device: str | torch.device = "cpu",
    ) -> None:
        # Network, in the precision asked for.
        if precision not in (None, *PRECISIONS):
            raise ConfigError.about(f"precision {precision!r}", "unknown", f"use {' or '.join(PRECISIONS)}")
        self._device = torch.device(device)
        self.network = network.eval().requires_grad_(False).to(self._device)
        if precision is not None:
            _lay_out_(self.network, getattr(torch, precision))
        self.name, self.weights_sha256, self.precision = name, weights_sha256, precision or "float32"
        # What it gives: pooled maps, and logits by the number of its classes.
        self.build = network.build
        num_classes = 0 if network.classifier is None else network.classifier.out_features
        self.outputs = {output: POOLS.get(output, num_classes) for output in network.outputs}
        self.pooled = deepest(self.outputs)
        if num_classes:
            self.classifier = {1008: "fid", 1000: "torchvision"}.get(num_classes, "fine-tuned")
            self.logits = LOGITS_UNBIASED if self.classifier == "fid" else LOGITS
        self.classes = f"the classes of {name}"

    @property
    def image_size(self) -> int:
        """Side of the photographs that views are cut from."""
        return CROP_SIZE + 48

    @property
    def features_name(self) -> str:
        """Network and output."""
        return f"{self.name}, {self.pooled}"

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    def prepare(self, images_NHWC: NDArray[np.uint8]) -> Tensor:
        """Images of any size to 299 px, antialiased as clean-fid does."""
        resize = input_filter("clean").apply
        return torch.from_numpy(np.stack([resize(Image.fromarray(image)) for image in images_NHWC]))

    def read(self, images_BHWC: Tensor, outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Outputs (B, width) of images after a filter of ``speech2img.images.input_filters``."""
        with torch.inference_mode(), exact_convolutions():
            readings = self.network(images_BHWC.to(self._device).permute(0, 3, 1, 2), outputs)
        return {output: values.float().cpu().numpy() for output, values in readings.items()}

    def views(self, images_BHWC: NDArray[np.uint8], count: int) -> Tensor:
        """Features (B, count, D) of ``count`` of the ten views, spread evenly over plain and mirrored ones."""
        images = to_tensor(images_BHWC).to(self._device)
        plain = [images[:, :, y : y + CROP_SIZE, x : x + CROP_SIZE] for x, y in CROP_CORNERS]
        crops = [*plain, *(crop.flip(3) for crop in plain)]
        with torch.inference_mode():
            chosen = [crops[number * len(crops) // count].float() / 127.5 - 1 for number in range(count)]
            return torch.stack([self.features(crop) for crop in chosen], dim=1)

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Features (B, D) of images in -1..1 of any size, with gradient: 2,048, or 768 of a network up to 6e."""
        size = (INPUT_SIZE, INPUT_SIZE)
        resized = F.interpolate(images_BCHW.float(), size=size, mode="bilinear", align_corners=False)
        return self.network(resized, (self.pooled,))[self.pooled]


def _lay_out_(network: InceptionV3, dtype: torch.dtype) -> None:
    """Convolutions in the precision wanted, channels last, in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.to(dtype=dtype)
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)


def exact_convolutions() -> AbstractContextManager[None]:
    """Float32 means float32: without TF32, which CUDA takes for convolutions unless told otherwise."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags


@dataclass(frozen=True)
class PublishedInception:
    """A published Inception-v3 with its weights."""

    network: InceptionV3
    settings: dict[str, Any]
    """Arguments of ``InceptionV3``."""
    name: str
    """What reports call it."""
    sha256: str
    """Hash of the published file."""


def load_inception(
    path: str | Path, *, precision: str | None = "float32", device: str | torch.device = "cpu"
) -> InceptionExtractor:
    """Load Inception, ready to look at images.

    Parameters
    ----------
    path : path
        What `read_inception` reads.
    precision, device
        As of `InceptionExtractor`.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, hostile or another network.
    ConfigError
        For an unknown precision.
    """
    published = read_inception(path)
    return InceptionExtractor(
        published.network, name=published.name, weights_sha256=published.sha256, precision=precision, device=device
    )


def read_inception(path: str | Path) -> PublishedInception:
    """Read Inception's weights: a release of ``speech2img import``, or a published file itself.

    Parameters
    ----------
    path : path
        A release folder; or ``.npz``, ``.pth`` and TorchScript of the FID network, or torchvision's ``.pth``, told
        apart by their arrays.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, hostile or another network.
    """
    # A release of ours, or a published file.
    path = Path(path)
    if path.is_dir():
        folder = find_release(path)
        tensors, config, own_sha256 = load_hashed_release(folder)
        network, settings = _from_config(path, tensors, config), config["inception"]
        sha256 = str(config.get("source_sha256") or own_sha256)
        name = str(config.get("name") or BUILD_NAMES[settings.get("build", "fid")])
    else:
        state = _read_published(path)
        # Which published build it is, is seen by the names of its arrays.
        source = inception_source(state)
        if source is None:
            raise CheckpointError.about(path, "neither the FID Inception nor torchvision's", _FIX)
        try:
            with unmoved_draws():
                network, settings, tensors = convert_inception(state, source)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise CheckpointError.about(path, error, _FIX) from error
        sha256, name = file_sha256(path), BUILD_NAMES[settings["build"]]
        load_weights(network, tensors, name=str(path))
    return PublishedInception(network, dict(settings), name, sha256)


def _from_config(path: Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> InceptionV3:
    settings = config.get("inception")
    if config.get("kind") != KIND or not isinstance(settings, dict):
        raise CheckpointError.about(path, f"a release of kind {config.get('kind')!r}, no Inception", _FIX)
    return build_network(InceptionV3, settings, tensors, name=str(path), fix="import it again")


def _read_published(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError.about(path, "no such file or folder", _FIX)
    try:
        if path.suffix == ".npz":
            return {name: torch.from_numpy(array) for name, array in load_arrays(path).items()}
        return unwrap_state(load_published_file(path, programs=True))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError.about(path, f"holds no weights ({error})", _FIX) from error
