"""The Inception network behind FID, KID, Inception Score, precision and recall, ready to read pictures fast."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from speech2img.errors import CheckpointError, ConfigError, MetricError
from speech2img.models.published.checkpoints import unwrap_state
from speech2img.models.published.inception import convert_inception, inception_source
from speech2img.models.vision.inception import InceptionV3
from speech2img.storage.atomic import file_sha256
from speech2img.storage.foreign.npz import load_arrays
from speech2img.storage.foreign.torch_files import load_published_file
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network, load_weights, unmoved_draws
from speech2img.storage.releases.release import load_release, release_sha256

PRECISIONS = ("float32", "bfloat16")
BUILD_NAMES = {
    "fid": "Inception-v3 (FID, TensorFlow 2015-12-05)",
    "torchvision": "Inception-v3 (ImageNet, torchvision)",
}
_FIX = "give a release of 'speech2img import', pt_inception-2015-12-05-*.pth, inception_v3_google-*.pth or an .npz"


class InceptionReader:
    """Runs a converted Inception-v3 over batches of prepared pictures.

    Parameters
    ----------
    network : InceptionV3
        With its weights; changed in place to the layout and precision that are fast.
    name : str
        What reports call it.
    weights_sha256 : str
        Hash of the published file.
    precision : str
        ``float32``, or ``bfloat16``: convolutions in 16 bits, about twice as fast on CPUs that know them. Features then
        differ in the third digit: for exploring, never for numbers to be published.
    device : str or torch.device
        Where it computes.

    Raises
    ------
    ConfigError
        For another precision.
    """

    def __init__(
        self,
        network: InceptionV3,
        *,
        name: str,
        weights_sha256: str,
        precision: str = "float32",
        device: str | torch.device = "cpu",
    ) -> None:
        if precision not in PRECISIONS:
            raise ConfigError.about(f"precision {precision!r}", "unknown", f"use {' or '.join(PRECISIONS)}")
        self._device = torch.device(device)
        self._network = network.eval().requires_grad_(False).to(self._device)
        for module in self._network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(dtype=getattr(torch, precision))
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
        self.name = name
        self.weights_sha256 = weights_sha256
        self.precision = precision

    @classmethod
    def load(
        cls, path: str | Path, *, precision: str = "float32", device: str | torch.device = "cpu"
    ) -> "InceptionReader":
        """Load a network.

        Parameters
        ----------
        path : path
            A release folder of ``speech2img import``, or a published file itself: ``.npz`` and ``.pth`` of the FID
            network, or torchvision's ``.pth``, told apart by their arrays.
        precision, device
            As of the class.

        Raises
        ------
        CheckpointError
            If it is missing, damaged, hostile or another network.
        """
        found = load_inception(path)
        return cls(found.network, name=found.name, weights_sha256=found.sha256, precision=precision, device=device)

    @property
    def taps(self) -> tuple[str, ...]:
        """What it can give: names of ``speech2img.models.vision.inception.TAPS``."""
        taps: tuple[str, ...] = self._network.taps
        return taps

    @property
    def build(self) -> str:
        """``fid`` or ``torchvision``: whose features they are."""
        return self._network.build

    @property
    def classifier(self) -> str | None:
        """Whose classes its logits tell apart, as protocols name them; None without logits."""
        layer = self._network.classifier
        return None if layer is None else {1008: "fid", 1000: "torchvision"}.get(layer.out_features, "fine-tuned")

    def check_taps(self, taps: Sequence[str]) -> None:
        """Raise MetricError if ``taps`` is empty or holds one that these weights do not reach."""
        if missing := [tap for tap in taps if tap not in self.taps]:
            fix = f"these weights reach {', '.join(self.taps)}; for the rest import pt_inception-2015-12-05-*.pth"
            raise MetricError.about(self.name, f"cannot give {missing[0]!r}", fix)
        if not taps:
            raise MetricError.about(self.name, "nothing is asked of it", f"name some of {', '.join(self.taps)}")

    def read(self, prepared: Tensor, taps: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Outputs for a batch.

        Parameters
        ----------
        prepared : Tensor [shape=(B, 299, 299, 3), float32, range -1..1]
            Pictures after a filter of ``speech2img.metrics.images.input_filters``; channels last, as the network runs.
        taps : sequence of str
            Some of ``self.taps``.

        Returns
        -------
        dict of str to np.ndarray [shape=(B, width), float32]
        """
        with torch.inference_mode(), exact_convolutions():
            found = self._network(prepared.to(self._device).permute(0, 3, 1, 2), taps)
        return {tap: value.float().cpu().numpy() for tap, value in found.items()}


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


def load_inception(path: str | Path) -> PublishedInception:
    """Load Inception from a release of ``speech2img import``, or from a published file itself.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, hostile or another network.
    """
    path = Path(path)
    if path.is_dir():
        path = find_release(path)
        tensors, config = load_release(path)
        network, settings = _from_config(path, tensors, config), config["inception"]
        sha256 = str(config.get("source_sha256") or release_sha256(path))
        name = str(config.get("name") or BUILD_NAMES[settings.get("build", "fid")])
    else:
        state = _read_published(path)
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


def exact_convolutions() -> AbstractContextManager[None]:
    """Float32 means float32: without TF32, which CUDA takes for convolutions unless told otherwise."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags


def _from_config(path: Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> InceptionV3:
    settings = config.get("inception")
    if config.get("kind") != "inception" or not isinstance(settings, dict):
        raise CheckpointError.about(path, f"a release of kind {config.get('kind')!r}, no Inception", _FIX)
    return build_network(InceptionV3, settings, tensors, name=str(path), fix="import it again")


def _read_published(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError.about(path, "no such file or folder", _FIX)
    try:
        if path.suffix == ".npz":
            return {name: torch.from_numpy(array) for name, array in load_arrays(path).items()}
        return unwrap_state(load_published_file(path))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError.about(path, f"holds no weights ({error})", _FIX) from error
