"""The small network that was trained on a corpus to tell attributes: it judges images, and it teaches encoders."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speech2img.corpora.records.items import CLASS_HEADS
from speech2img.errors import CheckpointError, with_article
from speech2img.features.base import FeatureExtractor, FeatureMapShapes, read_images, resized
from speech2img.models.vision.attribute_network import MAP_STRIDES, AttributeNetwork
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release, strip_prefix

KIND = "attribute-network"
POOLED = "pooled"
_AGAIN = "export it again: the run of 'train teacher' or 'train judge'"


class AttributeClassifier(FeatureExtractor):
    """Tells the attributes of images; its views are the image and slightly shifted copies.

    Parameters
    ----------
    network : AttributeNetwork
        Trained network.
    heads : Mapping[str, Sequence[str]]
        Names of the values of each head, in the order of its outputs.
    image_size : int
        Images are resized to this side, antialiased, before they are read.
    accuracy : Mapping[str, float]
        Its own accuracy per attribute on held-out real images, 0..1; a spoken-attribute accuracy cannot be trusted
        further than this.
    name : str
        What reports call it.
    weights_sha256 : str
        Hash of its weights.
    folder : Path, optional
        The release that holds it.
    device : str or torch.device
        Where it computes.
    """

    kind = KIND
    pooled = POOLED
    batch_size = 64

    def __init__(
        self,
        network: AttributeNetwork,
        *,
        heads: Mapping[str, Sequence[str]],
        image_size: int,
        accuracy: Mapping[str, float],
        name: str,
        weights_sha256: str,
        folder: Path = Path(),
        device: str | torch.device = "cpu",
    ) -> None:
        self.network = network.to(device).eval().requires_grad_(False)
        self.heads: dict[str, tuple[str, ...]] = {head: tuple(names) for head, names in heads.items()}
        self.accuracy, self.name, self.weights_sha256, self.folder = dict(accuracy), name, weights_sha256, folder
        self.input_size = image_size
        self.outputs = {POOLED: network.feature_dim, **{head: len(names) for head, names in self.heads.items()}}
        self.map_shapes = FeatureMapShapes(network.map_channels, MAP_STRIDES)
        most_values = max(self.heads, key=lambda head: len(self.heads[head]))
        self.logits = next((head for head in CLASS_HEADS if head in self.heads), most_values)
        self.classes = f"{len(self.heads[self.logits])} values of {self.logits}"
        self._device = torch.device(device)

    @classmethod
    def load(cls, name_or_path: str | Path, *, device: str | torch.device = "cpu") -> "AttributeClassifier":
        """Load a network that knows its values by name, a judge or a teacher, from its run or release folder.

        Raises
        ------
        CheckpointError
            If the folder is damaged, holds another kind of network, or its config lacks heads or image size.
        """
        folder = find_release(name_or_path)
        tensors, config, sha256 = load_hashed_release(folder)
        if config.get("kind") != KIND:
            raise CheckpointError.about(
                folder,
                f"it holds {with_article(repr(config.get('kind')))}, not an attribute network",
                "name the release folder of a judge or teacher; networks that know no attributes go to --network",
            )
        return cls._of(folder, tensors, config, sha256, device)

    @classmethod
    def inside(cls, name_or_path: str | Path, *, device: str | torch.device = "cpu") -> "AttributeClassifier":
        """Load the teacher that a whole model holds to choose among its images; it knows its values by number only.

        Raises
        ------
        CheckpointError
            If the folder is damaged or there is no such teacher in it.
        """
        folder = find_release(name_or_path)
        whole, whole_config, sha256 = load_hashed_release(folder)
        tensors, config = _reranker_of(folder, whole, whole_config)
        return cls._of(folder, tensors, {**config, "role": "teacher"}, sha256, device)

    @classmethod
    def _of(
        cls,
        folder: Path,
        tensors: dict[str, Tensor],
        config: Mapping[str, Any],
        sha256: str,
        device: str | torch.device,
    ) -> "AttributeClassifier":
        # What the config must say.
        heads, image_size = config.get("heads"), config.get("image_size")
        lacking = [] if isinstance(heads, dict) and heads else ["heads"]
        lacking += [] if isinstance(image_size, int) else ["image_size"]
        if not isinstance(heads, dict) or not isinstance(image_size, int) or lacking:
            missing = lacking[0] if len(lacking) == 1 else "heads or no image size"
            raise CheckpointError.about(folder, f"its config has no {missing}", _AGAIN)
        # Widths came later than the first releases, which have the defaults.
        sizes = {key: config[key] for key in ("width", "feature_dim") if key in config}
        arguments = {"heads": {name: len(values) for name, values in heads.items()}, **sizes}
        try:
            network = build_network(AttributeNetwork, arguments, tensors, name=str(folder), fix=_AGAIN)
        except CheckpointError as error:
            if absent := [key for key in ("width", "feature_dim") if key not in sizes]:
                raise CheckpointError.about(folder, f"its config has no {absent[0]}", _AGAIN) from error
            raise
        return cls(
            network,
            heads=heads,
            image_size=image_size,
            accuracy=config.get("accuracy") or {},
            name=f"attribute {config.get('role', 'judge')}",
            weights_sha256=sha256,
            folder=folder,
            device=device,
        )

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @torch.inference_mode()
    def read(self, images_BHWC: Tensor, outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Pooled features, and scores of the values of each head by its name."""
        pooled, logits = self.network(images_BHWC.to(self._device).permute(0, 3, 1, 2))
        readings: dict[str, Tensor] = {POOLED: pooled, **logits}
        return {output: readings[output].float().cpu().numpy() for output in outputs}

    def predict(self, images_NHWC: NDArray[np.uint8]) -> dict[str, list[str]]:
        """Value of every attribute for every image (N, H, W, 3) uint8."""
        return read_images(self, images_NHWC).values

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Pooled features (B, D) of images in -1..1 of any size, with gradient."""
        return self.network.features(resized(images_BCHW, self.input_size))

    def maps(self, images_BCHW: Tensor) -> list[Tensor]:
        """Maps (B, C, h, w), finest first, of images in -1..1 in their own size, with gradient."""
        return self.network.maps(images_BCHW)

    @torch.inference_mode()
    def read_heads(self, images_BCHW: Tensor) -> dict[str, np.ndarray]:
        """Number of the value that each head sees (B,) in images in -1..1 of any size."""
        _, logits = self.network(resized(images_BCHW, self.input_size))
        return {name: scores.argmax(dim=1).cpu().numpy() for name, scores in logits.items()}


def _reranker_of(
    folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The teacher inside a whole model, as a release of its own; what its heads see is known by number only.

    Parameters
    ----------
    folder : Path
        For messages.
    tensors, config : Mapping
        Of the whole model, as `load_release` gives them.

    Raises
    ------
    CheckpointError
        If the config describes no such teacher.
    """
    entry = config.get("reranker")
    reranker: dict[str, Any] = entry if isinstance(entry, dict) else {}
    heads = reranker.get("heads")
    if not isinstance(heads, dict) or not all(type(count) is int and 0 < count < 1 << 20 for count in heads.values()):
        raise CheckpointError.about(folder, "its config describes no network that reads pictures", "give a teacher")
    names = {name: [str(number) for number in range(count)] for name, count in heads.items()}
    return strip_prefix(tensors, "reranker.network."), {**reranker, "heads": names, "kind": "attribute-network"}
