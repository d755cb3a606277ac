"""What the generator learns from: pairs of image and utterance, and the frozen networks that look at images."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.image_pairs import PairBatches, PairSource
from speech2img.corpora.records.items import Item
from speech2img.corpora.records.manifest import Manifest, demand_same_items
from speech2img.corpora.registry import facts_of
from speech2img.features.base import FeatureExtractor
from speech2img.features.image_features import load_features
from speech2img.features.registry import load_teacher
from speech2img.features.speech_embeddings import EXTRACT_AGAIN, EmbeddingFile
from speech2img.features.stores import image_store
from speech2img.training.stackgan.relation_supervisor import RelationFeatures, load_relation_features
from speech2img.training.stackgan.settings import StackGANSettings
from speech2img.training.validation_samples import ValidationSet, validation_pairs


class FrozenNetworks(NamedTuple):
    """Networks that look at images and are not trained; None for those that the settings do not ask for."""

    relation_features: RelationFeatures | None = None
    """Embeddings of images that the relation supervisor compares."""
    projection_network: FeatureExtractor | None = None
    """Network whose maps the projected discriminators see, if not the teacher's."""
    teacher: FeatureExtractor | None = None
    """The teacher behind ``features``."""
    features: np.ndarray | None = None
    """Its features of the real images, float32, (images, D)."""


def load_frozen_networks(
    root: Path, settings: StackGANSettings, embeddings: EmbeddingFile, *, device: torch.device
) -> FrozenNetworks:
    """Load the networks that the settings ask for.

    Raises
    ------
    DataError
        If teacher features are missing.
    CheckpointError
        If a network is not there, or the relation supervisor's encoder has no image head, or one for another teacher.
    """
    relation, model = settings.relation, settings.model
    relation_features, projection_network = None, None
    if relation.weight:
        encoder = Path(relation.encoder or embeddings.folder / "encoder")
        relation_features = load_relation_features(root, encoder, relation, device=device)
    if model.discriminators != "pixels" and model.projection_network is not None:
        projection_network = load_teacher(Path(model.projection_network), device=device)
    if settings.features is None:
        return FrozenNetworks(relation_features, projection_network)
    file = load_features(root, settings.features)
    teacher = file.open_teacher(device=device)
    return FrozenNetworks(relation_features, projection_network, teacher, file.features[:, 0].copy())


def demand_same_utterances(manifest: Manifest, embeddings: EmbeddingFile) -> None:
    """Raise DataError unless the embeddings are those of the manifest's utterances, in its order."""
    demand_same_items(manifest, embeddings.ids, source=embeddings.folder, fix=EXTRACT_AGAIN, utterances=True)


def pair_batches(
    manifest: Manifest, settings: StackGANSettings, embeddings: EmbeddingFile, *, progress: bool = True
) -> PairBatches:
    """Batches of training images with embeddings of their utterances; a missing image store is made.

    With augmentation by crops the store holds images of 76 / 64 the size, as published.
    """
    size, relation = settings.image_size, settings.relation
    stored = int(size * 76 / 64) if settings.augmentation in ("crop", "crop_flip") else size
    store = image_store(manifest, size=stored, workers=settings.workers, progress=progress)
    return PairBatches(
        PairSource(
            manifest.items, "train", store.pixels(), embeddings.embeddings, attributes=facts_of(manifest).attributes
        ),
        batch_size=settings.batch_size,
        seed=settings.loop.seed,
        size=size,
        augmentation=settings.augmentation,
        shift=settings.shift,
        wrong_same_class=settings.wrong_same_class,
        positive=relation.positive if relation.weight else None,
    )


def validation_set(items: Sequence[Item], source: PairSource, settings: StackGANSettings) -> ValidationSet:
    """Utterances spread evenly over the validation images, as many as the settings ask for.

    Parameters
    ----------
    items : sequence of Item
        All items of the manifest, in its order.
    source : PairSource
        Their images and the embeddings of their utterances.
    settings : StackGANSettings
        How many utterances.
    """
    count = max(settings.evaluation_utterances, settings.grid_utterances)
    images, utterances = validation_pairs(items, count).T
    return ValidationSet(
        torch.from_numpy(source.embeddings[utterances]),
        source.said[utterances],
        [items[image].class_name for image in images],
        source.images[images],
        source.attributes,
    )


def with_noise(embeddings_BD: Tensor, stored: np.ndarray, most: float) -> Tensor:
    """Embeddings and up to ``most`` times the difference of two others: noise of their own spread.

    Parameters
    ----------
    embeddings_BD : Tensor
        On the host.
    stored : ndarray of float32, shape (utterances, D)
        Where the others are drawn from.
    most : float, >= 0
        Nothing is drawn for 0.
    """
    if not most:
        return embeddings_BD
    others = [torch.randint(len(stored), (len(embeddings_BD),)) for _ in range(2)]
    plus, minus = (torch.from_numpy(stored[rows.numpy()]) for rows in others)
    return embeddings_BD + most * torch.rand(len(embeddings_BD), 1) * (plus - minus) / math.sqrt(2)
