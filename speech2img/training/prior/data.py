"""What the prior learns from: pairs of utterance and image, and the generator that its features are for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from speech2img.batches.labelled_images import label_values
from speech2img.corpora.records.manifest import Manifest, demand_same_items
from speech2img.corpora.registry import facts_of
from speech2img.errors import CheckpointError, DataError, with_article
from speech2img.features.image_features import Standardizer
from speech2img.features.speech_embeddings import EXTRACT_AGAIN, EmbeddingFile
from speech2img.models.generators.registry import build_generator
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_release, strip_prefix
from speech2img.training.prior.settings import PriorSettings
from speech2img.training.validation_samples import ValidationSet


@dataclass(frozen=True)
class PriorData:
    """Pairs of utterance and image; rows of ``embeddings`` and of ``features``."""

    embeddings: np.ndarray
    """(utterances, D)."""
    features: np.ndarray
    """(images, F), standardised."""
    train: np.ndarray
    """(pairs, 2): utterance and image of the training split."""
    validation: ValidationSet
    """Utterances of the validation split, spread evenly."""


def pair_data(
    manifest: Manifest, embeddings: EmbeddingFile, features_NF: np.ndarray, settings: PriorSettings
) -> PriorData:
    """Pair every utterance with its image, in the training voices.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    embeddings : EmbeddingFile
        Speech embeddings of all its utterances.
    features_NF : ndarray of float32, shape (images, F)
        Features of all its images, standardised as those that the generator was trained on.
    settings : PriorSettings
        How many validation utterances are kept.

    Raises
    ------
    DataError
        If the embeddings belong to another manifest, or nothing is for training.
    """
    demand_same_items(manifest, embeddings.ids, source=embeddings.folder, fix=EXTRACT_AGAIN, utterances=True)

    # Every utterance of a training image, one of each validation image.
    train: list[tuple[int, int]] = []
    held_out: list[tuple[int, int, Mapping[str, str]]] = []
    row = 0
    for image, item in enumerate(manifest.items):
        for caption in item.captions:
            if item.split == "train" and not caption.held_out_voice:
                train.append((row, image))
            elif item.split == "val" and caption.index == image % len(item.captions):
                held_out.append((row, image, caption.mentions))
            row += 1
    if not train:
        raise DataError.about(manifest.root, "no utterances in split train", "prepare the corpus again")

    # As many of the latter as are wanted, spread evenly.
    spread = np.linspace(0, len(held_out) - 1, min(len(held_out), settings.evaluation_utterances)).astype(int)
    kept = [held_out[number] for number in spread]
    attributes = facts_of(manifest).attributes
    validation = ValidationSet(
        torch.from_numpy(embeddings.embeddings[np.array([utterance for utterance, _, _ in kept], dtype=np.int64)]),
        label_values([mentions for _, _, mentions in kept], attributes),
        [manifest.items[image].class_name for _, image, _ in kept],
        attributes=attributes,
    )
    return PriorData(embeddings.embeddings, features_NF, np.array(train, dtype=np.int64), validation)


def load_generator(run: Path) -> tuple[nn.Module, Standardizer, dict[str, Any]]:
    """A generator of any family, how the features that it takes are standardised, and the config of its release.

    Returns
    -------
    generator : nn.Module
        An `ImageGenerator` of `GENERATORS`.
    standardizer : Standardizer
        Teacher's features to what the generator was trained on.
    config : dict
        Of the release.

    Raises
    ------
    CheckpointError
        If there is no generator.
    DataError
        If it was not trained on standardised features.
    """
    folder = find_release(run)
    tensors, config = load_release(folder)
    if "generator" not in config:
        raise CheckpointError.about(
            folder, f"holds {with_article(repr(config.get('kind')))}, not a generator", "give another folder"
        )
    takes_speech = "encoder" in config and "prior" not in config
    if takes_speech or "target.mean" not in tensors:
        raise DataError.about(
            folder, "it was not trained on standardised features", "train a generator with embeddings = picture"
        )
    state = strip_prefix(tensors, "generator.")
    generator = build_network(build_generator, config["generator"], state, name=str(folder), fix="export it again")
    return generator, Standardizer(tensors["target.mean"].numpy(), tensors["target.std"].numpy()), config
