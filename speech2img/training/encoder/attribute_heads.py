"""Attribute heads of a frozen network on the features that speech learns to give: what of them matters, how much."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from speech2img.errors import ConfigError
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.image_features import Standardizer
from speech2img.features.registry import load_extractor
from speech2img.training.encoder.settings import EncoderSettings


class AttributeHeads(nn.Module):
    """Features to the logits of every head; frozen, and no part of a checkpoint.

    Parameters
    ----------
    weight : Tensor [shape=(C, D)]
        Of the classifier of all heads together.
    bias : Tensor [shape=(C,)]
        Of the same.
    sizes : mapping of str to int
        Classes of each head, in order.
    standard : Standardizer, optional
        What the features were standardised with before they got here.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, *, sizes: Mapping[str, int], standard: Standardizer | None = None
    ) -> None:
        super().__init__()
        # Standardised features are x = (f - mean) / std: the classifier takes them after one multiplication.
        weight, bias = weight.detach().double(), bias.detach().double()
        if standard is not None:
            mean, std = (torch.from_numpy(values).double() for values in (standard.mean, standard.std))
            weight, bias = weight * std, bias + weight @ mean
        self.sizes = tuple(sizes.values())
        self.register_buffer("weight", weight.float(), persistent=False)
        self.register_buffer("bias", bias.float(), persistent=False)

    def forward(self, features_BD: Tensor) -> Tensor:
        """Logits (B, C) of all heads side by side."""
        weight, bias = self.get_buffer("weight"), self.get_buffer("bias")
        return torch.nn.functional.linear(features_BD.float(), weight, bias)


def load_heads(settings: EncoderSettings, standard: Standardizer | None) -> tuple[AttributeHeads | None, str]:
    """Heads that the settings name.

    Parameters
    ----------
    settings : EncoderSettings
        With ``losses.heads_of``.
    standard : Standardizer, optional
        What the targets of the training were standardised with.

    Returns
    -------
    heads : AttributeHeads or None
        None where the settings name no network.
    sha256 : str
        Hash of that network's weights, "" without one.

    Raises
    ------
    CheckpointError
        If there is no such network, or it is damaged.
    ConfigError
        If it has no attribute heads, or heads on features of another size.
    """
    name = settings.losses.heads_of
    if name is None:
        return None, ""
    extractor = load_extractor(Path(name))
    if not isinstance(extractor, AttributeClassifier):
        fix = "give a run of 'train teacher', or a whole model that holds such a network"
        raise ConfigError.about("losses.heads_of", f"{name} has no attribute heads", fix)
    network = extractor.network
    if network.feature_dim != settings.embedding_dim:
        reason = f"{name} has heads on {network.feature_dim} features, and speech gives {settings.embedding_dim}"
        raise ConfigError.about("losses.heads_of", reason, "give the network whose features are learned")
    classifier = network.classifier
    return AttributeHeads(classifier.weight, classifier.bias, sizes=network.heads, standard=standard), (
        extractor.weights_sha256
    )
