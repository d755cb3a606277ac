"""Initial weights of a classifier of images: published ones, or an earlier run on the same classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from speech2img.errors import CheckpointError, DataError
from speech2img.features.googlenet import load_googlenet
from speech2img.features.image_classifier import classifier_of
from speech2img.features.inception import read_inception
from speech2img.models.vision.image_classifier import ImageClassifier, make_backbone
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.training.classifiers.settings import ClassifierSettings

READ_AT_ONCE = 16
"""Images that the network reads at a time."""


def initial_classifier(settings: ClassifierSettings, classes: list[str]) -> tuple[ImageClassifier, dict[str, Any]]:
    """Classifier with the weights it starts from, and what is to be told of the network."""
    # An earlier run on the same classes.
    if settings.initial is not None:
        folder = find_release(settings.initial)
        tensors, config = load_release(folder)
        classifier = classifier_of(tensors, config, name=str(folder))
        if config["classes"] != classes or config["hidden"] != settings.hidden:
            raise CheckpointError.about(
                folder, "it tells other classes apart, or has other hidden units", "give a run on the same classes"
            )
        dropout = next(layer for layer in classifier.head if isinstance(layer, nn.Dropout))
        dropout.p = settings.dropout
        carried = ("network", "network_sha256", "backbone", "inception")
        kept: dict[str, Any] = {key: config[key] for key in carried if key in config}
        return classifier, {**kept, "initial_sha256": release_sha256(folder), "features_sha256": release_sha256(folder)}

    # Published weights under a new head.
    path = Path(str(settings.network))
    facts = _published(path)
    classifier = ImageClassifier(facts.pop("module"), len(classes), hidden=settings.hidden, dropout=settings.dropout)
    return classifier, {**facts, "features_sha256": facts["network_sha256"]}


def _published(path: Path) -> dict[str, Any]:
    """Module, kind, name and hash of published weights of either family."""
    # Inception, else GoogLeNet.
    try:
        inception = read_inception(path)
    except CheckpointError as no_inception:
        if not path.exists():
            raise
        try:
            googlenet = load_googlenet(path)
        except (CheckpointError, DataError):
            raise CheckpointError.about(
                path, f"neither Inception-v3 nor GoogLeNet ({no_inception})", "give their published weights"
            ) from no_inception
        kind = "bvlc" if googlenet.kind == "caffe-googlenet" else "torchvision"
        network = make_backbone(kind)
        network.load_state_dict(googlenet.network.state_dict())
        name = f"GoogLeNet ({'BVLC' if kind == 'bvlc' else 'torchvision'}, ImageNet)"
        return {"module": network, "backbone": kind, "network": name, "network_sha256": googlenet.sha256}
    reach = "" if inception.settings["depth"] == "7c" else ", up to mixed_7"
    return {
        "module": inception.network,
        "backbone": "inception",
        "inception": inception.settings,
        "network": inception.name + reach,
        "network_sha256": inception.sha256,
    }


def initialize_head_(classifier: ImageClassifier, *, seed: int) -> None:
    """New weights of the head from a seed of its own, whatever was drawn before."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in classifier.head:
            if isinstance(layer, nn.Linear):
                layer.weight.normal_(std=layer.in_features**-0.5, generator=generator)
                layer.bias.zero_()


def feature_reader(classifier: ImageClassifier, device: torch.device) -> Callable[[Tensor], Tensor]:
    """Features of images by the frozen network, on the host."""

    @torch.inference_mode()
    def read(images: Tensor) -> Tensor:
        return torch.cat([classifier.features(some.to(device)).float().cpu() for some in images.split(READ_AT_ONCE)])

    return read
