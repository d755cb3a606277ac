"""What the generator learns from: pairs of image and utterance, and the frozen networks that look at images."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from speech2img.batches.image_pairs import PairBatches, PairSource
from speech2img.corpora.records.manifest import Manifest, utterance_id
from speech2img.corpora.registry import facts_of
from speech2img.errors import DataError
from speech2img.features.base import FeatureExtractor
from speech2img.features.image_features import load_features
from speech2img.features.registry import load_teacher
from speech2img.features.speech_embeddings import EmbeddingFile
from speech2img.features.stores import image_store
from speech2img.training.stackgan.relation_supervisor import RelationFeatures, load_relation_features
from speech2img.training.stackgan.settings import StackGANSettings


class FrozenNetworks(NamedTuple):
    """Networks that look at images and are not trained; None for those that the settings do not ask for."""

    sight: RelationFeatures | None = None
    """What the relation supervisor sees with."""
    seen_through: FeatureExtractor | None = None
    """What discriminators of features look through, if not the teacher."""
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
    relation, sight, seen_through = settings.relation, None, None
    if relation.weight:
        encoder = Path(relation.encoder or embeddings.folder / "encoder")
        sight = load_relation_features(root, encoder, relation, device=device)
    if settings.model.discriminators != "pixels" and settings.model.projection_network is not None:
        seen_through = load_teacher(Path(settings.model.projection_network), device=device)
    if settings.features is None:
        return FrozenNetworks(sight, seen_through)
    file = load_features(root, settings.features)
    return FrozenNetworks(sight, seen_through, file.open_teacher(device=device), file.features[:, 0].copy())


def demand_same_utterances(manifest: Manifest, embeddings: EmbeddingFile) -> None:
    """Raise DataError unless the embeddings are those of the manifest's utterances, in its order."""
    wanted = [utterance_id(item, caption) for item in manifest.items for caption in item.captions]
    if embeddings.ids != wanted:
        raise DataError.about(embeddings.folder, "it belongs to another manifest", "extract the embeddings again")


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
