"""Image heads of speech encoders: what pictures become in the space of the speech."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speech2img.errors import CheckpointError, with_article
from speech2img.features.image_features import Standardizer
from speech2img.models.encoders.image_head import ImageHead
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.provenance import TRAINED_WITH
from speech2img.storage.releases.release import load_hashed_release, strip_prefix

PREFIX = "image_head."


@dataclass(frozen=True)
class TrainedImageHead:
    """An image head and the features that it takes."""

    head: ImageHead
    """In evaluation mode, without gradients of its own; takes features as the teacher gives them."""
    features: str
    """Name of those features in the corpus (``load_features(root, features)``), whose ``source`` is the teacher."""
    features_sha256: str
    """Hash of the teacher's weights; empty where the release does not say."""
    weights_sha256: str
    """Hash of the release that holds the head."""

    @torch.inference_mode()
    def embed(self, features: np.ndarray) -> np.ndarray:
        """Image embeddings (N, embedding_dim) float32 of teacher features (N, feature_dim)."""
        device = self.head.linear.weight.device
        return self.head(torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32)).to(device)).cpu().numpy()


def load_image_head(run: Path, *, device: torch.device | None = None) -> TrainedImageHead:
    """Load the image head of an encoder run: the trained one, or the standardisation that its speech learned to meet.

    Parameters
    ----------
    run : Path
        Run or release folder of ``train encoder`` with an image head (preset ``s2igan``) or with ``standardise``, or
        the copy of the encoder beside its embeddings (``<root>/derived/embeddings/<name>/encoder``).
    device : torch.device, optional
        Where it computes; by default the CPU.

    Raises
    ------
    CheckpointError
        If there is no sound release, or it has neither.
    """
    # An encoder that was trained together with a head has one; one that learned standardised features needs none.
    folder = find_release(run)
    tensors, config, own_sha256 = load_hashed_release(folder)
    head = image_head_of(tensors, config, name=str(folder))
    if head is None and "target.mean" in tensors:
        head = standardising_head(tensors["target.mean"], tensors["target.std"])
    if head is None:
        raise CheckpointError.about(
            folder,
            f"holds {with_article(repr(config.get('kind')))} without an image head or standardised features",
            "give an encoder trained with one: speech2img train encoder --preset s2igan, or --set standardise=true",
        )
    # Its features are known by the name and the network they were trained on.
    head.to(device or torch.device("cpu"))
    recorded = config.get(TRAINED_WITH) or {}
    return TrainedImageHead(head, str(config.get("features", "")), str(recorded.get("feature network", "")), own_sha256)


def image_head_of(tensors: dict[str, Tensor], config: dict[str, Any], *, name: str) -> ImageHead | None:
    """The image head in a release's tensors, frozen; None where it has none.

    Raises
    ------
    CheckpointError
        If config and tensors disagree.
    """
    if "image_head" not in config:
        return None
    state, what = strip_prefix(tensors, PREFIX), f"{name} (image head)"
    head = build_network(ImageHead, config["image_head"], state, name=what, fix="export it again")
    return head.eval().requires_grad_(False)


def standardising_head(mean_F: Tensor, std_F: Tensor) -> ImageHead:
    """The frozen head that standardises features by their mean and deviation, and brings them to unit length."""
    head = ImageHead(len(mean_F), len(mean_F))
    with torch.no_grad():
        head.linear.weight.copy_(torch.diag(1.0 / std_F.float()))
        head.linear.bias.copy_(-mean_F.float() / std_F.float())
    return head.eval().requires_grad_(False)


@dataclass(frozen=True)
class ImageSpace:
    """How teacher features of pictures become comparable with the speech embeddings of a release."""

    what: str
    """What is done to the features, for protocols; empty: nothing."""
    embed: Callable[[np.ndarray], np.ndarray]
    """Features (N, F) -> picture embeddings (N, D)."""
    feature_dim: int | None = None
    """F; None where features of any width pass through."""


def image_space(tensors: dict[str, Tensor], config: dict[str, Any], *, name: str) -> ImageSpace | None:
    """What the speech of a release learned to meet: features, standardised ones, or what an image head makes of them.

    Parameters
    ----------
    tensors, config : dict
        A release with a speech encoder, from `load_release`.
    name : str
        What it is called, for messages.

    Returns
    -------
    ImageSpace or None
        None where the encoder was trained with an image head that the release does not hold.

    Raises
    ------
    CheckpointError
        If config and tensors disagree.
    """
    head = image_head_of(tensors, config, name=name)
    if head is not None:
        embed = TrainedImageHead(head, "", "", "").embed
        return ImageSpace("features through the trained image head", embed, head.linear.in_features)
    if "target.mean" in tensors:
        standard = Standardizer(tensors["target.mean"].numpy(), tensors["target.std"].numpy())
        return ImageSpace("features standardised as in training", standard, len(standard.mean))
    if (config.get("encoder") or {}).get("network") == "s2igan":
        return None
    return ImageSpace("", lambda features: features)
