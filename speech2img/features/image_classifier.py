"""A classifier of ``speech2img train classifier``, ready to give the outputs of which an Inception Score is made."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speech2img.errors import CheckpointError
from speech2img.features.base import FeatureExtractor
from speech2img.features.inception import exact_convolutions
from speech2img.features.layers import LOGITS
from speech2img.models.vision.image_classifier import ImageClassifier, make_backbone
from speech2img.models.vision.inception import INPUT_SIZE
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release

KIND = "picture-classifier"
OWN = "own"
"""How protocols and reports name a classifier that no paper had."""
_FIX = "give the run folder of 'speech2img train classifier'"


class ImageClassifierExtractor(FeatureExtractor):
    """Runs a trained classifier: it tells classes apart, and stands for no image by pooled features.

    Parameters
    ----------
    classifier : ImageClassifier
        With its weights.
    config : Mapping
        Of its release: ``classes``, ``network``, ``accuracy``, ...
    weights_sha256 : str
        Hash of all its weights, the feature network's among them.
    device : str or torch.device
        Where it computes.
    """

    kind = KIND
    input_size = INPUT_SIZE
    pooled, logits = "", LOGITS
    build = classifier = OWN

    def __init__(
        self,
        classifier: ImageClassifier,
        *,
        config: Mapping[str, Any],
        weights_sha256: str,
        device: str | torch.device = "cpu",
    ) -> None:
        self._device = torch.device(device)
        self._network = classifier.eval().requires_grad_(False).to(self._device)
        self.config = config
        self.weights_sha256 = weights_sha256
        self.name = f"own classifier of {len(config['classes'])} classes on {config['network']}"
        self.classes = f"{len(config['classes'])} classes of {config.get('corpus', 'an unknown corpus')}"
        self.outputs = {LOGITS: len(config["classes"])}

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @property
    def facts(self) -> str:
        """What a reader of the score must know of the classifier, in one sentence."""
        accuracy = self.config.get("accuracy", {})
        shares = ", ".join(f"{100 * value:.1f} % {part}" for part, value in accuracy.items())
        return (
            f"The Inception Score's classifier tells {len(self.config['classes'])} classes apart that it was trained on"
            f" ({self.config.get('corpus', 'unknown corpus')}; right on {shares or 'unknown'} pictures): its scores "
            "are comparable only with scores of the very same weights."
        )

    def read(self, images_BHWC: Tensor, outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Scores before the softmax (B, classes) of images (B, 299, 299, 3) in -1..1."""
        with torch.inference_mode(), exact_convolutions():
            logits = self._network(images_BHWC.to(self._device).permute(0, 3, 1, 2))
        return {LOGITS: logits.float().cpu().numpy()}


def load_image_classifier(
    name_or_path: str | PathLike[str], *, device: str | torch.device = "cpu"
) -> ImageClassifierExtractor:
    """Load a classifier from a run or release folder of ``speech2img train classifier``.

    Raises
    ------
    CheckpointError
        If it is missing, damaged or something else.
    """
    folder = find_release(name_or_path)
    tensors, config, own_sha256 = load_hashed_release(folder)
    classifier = classifier_of(tensors, config, name=str(folder))
    return ImageClassifierExtractor(classifier, config=config, weights_sha256=own_sha256, device=device)


def classifier_of(tensors: Mapping[str, Tensor], config: Mapping[str, Any], *, name: str) -> ImageClassifier:
    """The classifier of a release, with its weights.

    Raises
    ------
    CheckpointError
        If the release is of another kind, or its config is damaged.
    """
    if config.get("kind") != KIND:
        raise CheckpointError.about(name, f"a release of kind {config.get('kind')!r}, no classifier of pictures", _FIX)
    missing = [key for key in ("classes", "hidden", "network", "backbone") if key not in config]
    if missing:
        raise CheckpointError.about(name, f"no usable classifier (its config has no {missing[0]})", _FIX)
    sizes = {"num_classes": len(config["classes"]), "hidden": config["hidden"]}
    network = {"backbone": config["backbone"], "inception": config.get("inception")}
    return build_network(_classifier, {**network, **sizes}, tensors, name=name, fix=_FIX)


def _classifier(*, backbone: str, inception: dict[str, Any] | None, num_classes: int, hidden: int) -> ImageClassifier:
    return ImageClassifier(make_backbone(backbone, inception), num_classes, hidden=hidden)
