"""What the prior learns from: pairs of utterance and picture, and the generator that paints its features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from speech2img.batches.labelled_images import label_values
from speech2img.corpora.records.manifest import Manifest, utterance_id
from speech2img.corpora.registry import facts_of
from speech2img.errors import CheckpointError, DataError
from speech2img.features.image_features import Standardizer
from speech2img.features.speech_embeddings import EmbeddingFile
from speech2img.models.generators.registry import build_generator
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_release, strip_prefix
from speech2img.training.prior.settings import PriorSettings


@dataclass(frozen=True)
class PriorData:
    """Pairs of utterance and picture; rows of ``embeddings`` and of ``features``."""

    embeddings: np.ndarray
    """(utterances, D)."""
    features: np.ndarray
    """(pictures, F), standardised."""
    train: np.ndarray
    """(pairs, 2): utterance and picture of the training split."""
    held: np.ndarray
    """(pairs, 2): of the validation split, spread evenly."""
    said: np.ndarray
    """(held, attributes): numbers of the values mentioned, `NOT_COUNTED` elsewhere."""
    classes: list[str]
    """Class names of the pictures of ``held``."""
    attributes: Mapping[str, Sequence[str]]
    """The columns of ``said`` and their values."""


def pair_data(
    manifest: Manifest, embeddings: EmbeddingFile, features_NF: np.ndarray, settings: PriorSettings
) -> PriorData:
    """Pair every utterance with its picture, in the training voices.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    embeddings : EmbeddingFile
        Speech embeddings of all its utterances.
    features_NF : ndarray of float32, shape (pictures, F)
        Features of all its pictures, standardised as the generator learned to paint them.
    settings : PriorSettings
        How many validation utterances are kept.

    Raises
    ------
    DataError
        If the embeddings belong to another manifest, or nothing is for training.
    """
    wanted = [utterance_id(item, caption) for item in manifest.items for caption in item.captions]
    if embeddings.ids != wanted:
        raise DataError.about(embeddings.folder, "it belongs to another manifest", "extract the embeddings again")
    train: list[tuple[int, int]] = []
    held: list[tuple[int, int]] = []
    said: list[dict[str, str]] = []
    row = 0
    for picture, item in enumerate(manifest.items):
        for caption in item.captions:
            if item.split == "train" and not caption.held_out_voice:
                train.append((row, picture))
            elif item.split == "val" and caption.index == picture % len(item.captions):
                held.append((row, picture))
                said.append(caption.mentions)
            row += 1
    if not train:
        raise DataError.about(manifest.root, "no utterances in split train", "prepare the corpus again")
    keep = np.linspace(0, len(held) - 1, min(len(held), settings.evaluation_utterances)).astype(int)
    attributes = facts_of(manifest).attributes
    labels = label_values([said[number] for number in keep], attributes)
    pairs = np.array(held, dtype=np.int64).reshape(-1, 2)[keep]
    classes = [manifest.items[picture].class_name for picture in pairs[:, 1]]
    taught = np.array(train, dtype=np.int64)
    return PriorData(embeddings.embeddings, features_NF, taught, pairs, labels, classes, attributes)


def load_generator(run: Path) -> tuple[nn.Module, Standardizer, dict[str, Any]]:
    """Generator, how the features that it paints are standardised, and the config of its release.

    Raises
    ------
    CheckpointError
        If there is no generator.
    DataError
        If it did not learn to paint standardised features.
    """
    folder = find_release(run)
    tensors, config = load_release(folder)
    if "generator" not in config:
        raise CheckpointError.about(folder, f"holds a {config.get('kind')!r}, not a generator", "give another folder")
    paints_speech = "encoder" in config and "prior" not in config
    if paints_speech or "target.mean" not in tensors:
        raise DataError.about(
            folder, "it does not paint standardised features", "train a generator with embeddings = picture"
        )
    state = strip_prefix(tensors, "generator.")
    network = build_network(build_generator, config["generator"], state, name=str(folder), fix="export it again")
    return network, Standardizer(tensors["target.mean"].numpy(), tensors["target.std"].numpy()), config
