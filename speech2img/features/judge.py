"""The judge: a trained attribute network that reads pictures, and what the metrics ask of any feature network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from speech2img.corpora.records.items import CLASS_HEADS
from speech2img.errors import CheckpointError, MetricError
from speech2img.images.resize import to_network
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_release, reader_of, release_sha256


@dataclass(frozen=True)
class FeatureReading:
    """What a network makes of N pictures."""

    features: NDArray[np.float32]
    """Pooled features (N, D)."""
    logits: NDArray[np.float32]
    """Class outputs before the softmax (N, C), for the Inception Score; C is 0 for a network without a classifier."""
    values: dict[str, list[str]]
    """Attribute -> value of each picture; empty for a network that knows no attributes."""


class FeatureNetwork(Protocol):
    """A frozen network whose features stand behind a metric."""

    @property
    def name(self) -> str:
        """What reports call it, with the layer."""

    @property
    def classes(self) -> str:
        """What its logits tell apart."""

    @property
    def weights_sha256(self) -> str:
        """Hash of its weights."""

    def read(self, images: NDArray[np.uint8]) -> FeatureReading:
        """Features and logits of pictures (N, H, W, 3)."""


class Judge:
    """Reads attributes off pictures.

    Parameters
    ----------
    network : AttributeNetwork
        Trained network.
    values : Mapping[str, Sequence[str]]
        Names of the values of each head, in the order of its outputs.
    image_size : int
        Pictures are resized to this side, antialiased, before they are read.
    accuracy : Mapping[str, float]
        Its own accuracy per attribute on held-out real pictures, 0..1; a spoken-attribute accuracy cannot be trusted
        further than this.
    name : str
        What reports call it.
    weights_sha256 : str
        Hash of its weights.
    device : str or torch.device
        Where it computes.
    """

    def __init__(
        self,
        network: AttributeNetwork,
        *,
        values: Mapping[str, Sequence[str]],
        image_size: int,
        accuracy: Mapping[str, float],
        name: str,
        weights_sha256: str,
        device: str | torch.device = "cpu",
    ) -> None:
        self._network = network.eval().to(device)
        self._device = torch.device(device)
        self.values = {head: tuple(names) for head, names in values.items()}
        self.image_size = image_size
        self.accuracy = dict(accuracy)
        self.name = name
        self.weights_sha256 = weights_sha256
        most_values = max(self.values, key=lambda head: len(self.values[head]))
        self._score_head = next((head for head in CLASS_HEADS if head in self.values), most_values)
        self.classes = f"{len(self.values[self._score_head])} values of {self._score_head}"

    @classmethod
    def load(cls, folder: str | Path, *, device: str | torch.device = "cpu") -> "Judge":
        """Load a judge (or a teacher: the same network) from its release folder.

        Parameters
        ----------
        folder : path
            Folder with ``weights.safetensors`` and ``config.json`` of kind ``attribute-network``.
        device : str or torch.device
            Where it computes.

        Raises
        ------
        CheckpointError
            If the folder is damaged, holds another kind of network, or its config lacks heads or image size.
        """
        tensors, config = load_release(Path(folder))
        if config.get("kind") != "attribute-network":
            raise CheckpointError.about(
                folder,
                f"it holds a {config.get('kind')!r}, not an attribute network",
                "name the release folder of a judge or teacher; networks that know no attributes go to --network",
            )
        return cls._of(Path(folder), tensors, config, device)

    @classmethod
    def inside(cls, folder: str | Path, *, device: str | torch.device = "cpu") -> "Judge":
        """Load the teacher that a whole model holds to choose among its pictures; it knows its values by number only.

        Parameters
        ----------
        folder : path
            Release folder of kind ``speech-to-image`` with a reader.
        device : str or torch.device
            Where it computes.

        Raises
        ------
        CheckpointError
            If the folder is damaged or there is no reader in it.
        """
        tensors, config = reader_of(Path(folder), *load_release(Path(folder)))
        return cls._of(Path(folder), tensors, {**config, "role": "teacher"}, device)

    @classmethod
    def _of(
        cls, folder: Path, tensors: dict[str, torch.Tensor], config: Mapping[str, Any], device: str | torch.device
    ) -> "Judge":
        heads, image_size = config.get("heads"), config.get("image_size")
        if not isinstance(heads, dict) or not heads or not isinstance(image_size, int):
            raise CheckpointError.about(folder, "its config names no heads or no image size", "export the judge again")
        sizes: dict[str, Any] = {
            "heads": {name: len(values) for name, values in heads.items()},
            **{key: config[key] for key in ("width", "feature_dim") if key in config},
        }
        network = build_network(AttributeNetwork, sizes, tensors, name=str(folder), fix="export the judge again")
        return cls(
            network,
            values=heads,
            image_size=image_size,
            accuracy=config.get("accuracy") or {},
            name=f"attribute {config.get('role', 'judge')}",
            weights_sha256=release_sha256(folder),
            device=device,
        )

    def read(self, images: NDArray[np.uint8], *, batch_size: int = 64) -> FeatureReading:
        """Attributes, features and logits of pictures in one pass.

        Parameters
        ----------
        images : np.ndarray [shape=(N, H, W, 3), uint8, RGB]
            Pictures of any size.
        batch_size : int
            Pictures at once; the answer does not depend on it beyond rounding.

        Returns
        -------
        FeatureReading
            The logits are those of the species or class head where there is one, else of the head with the most values.

        Raises
        ------
        MetricError
            If the array has another shape or type, or is empty.
        """
        check_images(images)
        features: list[NDArray[np.float32]] = []
        score_logits: list[NDArray[np.float32]] = []
        values: dict[str, list[str]] = {head: [] for head in self.values}
        with torch.inference_mode():
            for start in range(0, len(images), batch_size):
                batch = to_network(images[start : start + batch_size], self.image_size, device=self._device)
                pooled, logits = self._network(batch)
                features.append(pooled.float().cpu().numpy())
                score_logits.append(logits[self._score_head].float().cpu().numpy())
                for head, names in self.values.items():
                    values[head].extend(names[index] for index in logits[head].argmax(dim=1).tolist())
        return FeatureReading(np.concatenate(features), np.concatenate(score_logits), values)

    def predict(self, images: NDArray[np.uint8]) -> dict[str, list[str]]:
        """Value of every attribute for every picture (N, H, W, 3) uint8."""
        return self.read(images).values

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pooled features (N, D) of pictures (N, H, W, 3) uint8."""
        return self.read(images).features


def check_images(images: NDArray[np.uint8]) -> None:
    """Raise MetricError unless ``images`` is a non-empty uint8 array (N, H, W, 3)."""
    if (
        not isinstance(images, np.ndarray)
        or images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[-1] != 3
        or 0 in images.shape
    ):
        found = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise MetricError.about("pictures", f"got {found}", "give a non-empty uint8 array of shape (N, H, W, 3)")
