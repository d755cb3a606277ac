"""Data of the encoder's training: utterances in batches with their targets, and the validation part that selects."""

from dataclasses import dataclass

import numpy as np

from speech2img.audio.store import MelStore
from speech2img.batches.speech import Mels, SpeechBatches, UtteranceSource
from speech2img.corpora.records.manifest import Manifest, demand_same_items
from speech2img.errors import DataError
from speech2img.features.image_features import FeatureFile, Standardizer
from speech2img.features.speech_embeddings import EXTRACT_AGAIN, EmbeddingFile
from speech2img.training.encoder.model import pad_value
from speech2img.training.encoder.settings import EncoderSettings


@dataclass(frozen=True)
class HeldUtterances:
    """Validation utterances and their pictures."""

    rows: np.ndarray
    """int64, rows in the mel store."""
    images: np.ndarray
    """int64, rows of the pictures in the manifest."""
    classes: np.ndarray
    """int64, class numbers."""


@dataclass(frozen=True)
class Utterances:
    """Training utterances in known voices with their targets, and the validation part."""

    rows: np.ndarray
    """int64, rows of the training utterances among all of the corpus."""
    images: np.ndarray
    """int64, rows of their pictures in the manifest."""
    labels: np.ndarray
    """int64, number of each one's class, or picture, 0..num_classes-1."""
    num_classes: int
    """Classes, or pictures, of the training utterances."""
    held: HeldUtterances
    """For selection."""
    features: np.ndarray
    """float32, (pictures, views, D): teacher features, standardised where that is asked for."""
    standard: Standardizer | None
    """What they were standardised with."""
    features_sha256: str
    """Hash of the teacher's weights."""
    imitated: np.ndarray | None = None
    """float32, (utterances of the corpus, D): embeddings that are learned instead of the features of images."""

    def targets(self, chosen: np.ndarray) -> np.ndarray:
        """What some of the training utterances, numbered from 0, learn from: (n, D), one view of each image."""
        if self.imitated is not None:
            return self.imitated[self.rows[chosen]]
        return self.features[self.images[chosen], 0]


@dataclass(frozen=True)
class EncoderData:
    """Everything that `EncoderTask` reads."""

    mels: UtteranceSource
    """Log-mels of training and validation utterances, or what else the encoder takes."""
    batches: SpeechBatches
    """Training batches; their classes, or pictures, are numbered 0..num_classes-1."""
    held: HeldUtterances
    """For selection."""
    features: np.ndarray
    """float32, (pictures, views, D): teacher features, standardised where that is asked for."""
    standard: Standardizer | None
    """What they were standardised with."""
    features_sha256: str
    """Hash of the teacher's weights."""
    num_classes: int
    """Classes, or pictures, of the training utterances."""


def encoder_data(
    manifest: Manifest,
    store: MelStore,
    features: FeatureFile,
    settings: EncoderSettings,
    *,
    standard: Standardizer | None = None,
) -> EncoderData:
    """Training and validation utterances of a corpus as stored log-mels.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    store : MelStore
        Its log-mels.
    features : FeatureFile
        Its teacher features.
    settings : EncoderSettings
        How to train.
    standard : Standardizer, optional
        As for `choose_utterances`.

    Raises
    ------
    DataError
        As for `choose_utterances`.
    """
    utterances = choose_utterances(manifest, features, settings, standard=standard)
    return batched(utterances, Mels(store, max_frames=settings.max_frames, pad_value=pad_value(settings)), settings)


def choose_utterances(
    manifest: Manifest,
    features: FeatureFile,
    settings: EncoderSettings,
    *,
    standard: Standardizer | None = None,
    imitated: EmbeddingFile | None = None,
) -> Utterances:
    """Training utterances (known voices only) and validation utterances of a corpus.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    features : FeatureFile
        Its teacher features.
    settings : EncoderSettings
        How to train.
    standard : Standardizer, optional
        What to standardise with where that is asked for; None takes the training pictures' own.
    imitated : EmbeddingFile, optional
        Speech embeddings to learn instead of features.

    Raises
    ------
    DataError
        If the features or the embeddings belong to another manifest, or there are no utterances in split train or val.
    """
    if imitated is not None:
        demand_same_items(manifest, imitated.ids, source=imitated.folder, fix=EXTRACT_AGAIN, utterances=True)
    demand_same_items(manifest, features.ids, source=features.path, fix="compute the teacher's features again")

    # Rows, images and classes of the training utterances in known voices, and of some validation utterances.
    train: list[tuple[int, int, int]] = []
    held: list[tuple[int, int, int]] = []
    row = 0
    for image, item in enumerate(manifest.items):
        count = len(item.captions)
        if item.split == "train":
            train += [(row + k, image, item.class_id) for k in range(count) if not item.captions[k].held_out_voice]
        elif item.split == "val":
            chosen = {(image + k) % count for k in range(min(settings.evaluation_captions, count))}
            held += [(row + k, image, item.class_id) for k in sorted(chosen)]
        row += count
    if not train or not held:
        raise DataError.about(manifest.root, "no utterances in split train or val", "prepare the corpus again")
    rows, images, classes = np.array(train, dtype=np.int64).T
    held_out = HeldUtterances(*np.array(held, dtype=np.int64).T)

    # Targets, standardised by the training images or as the weights it starts from know it.
    targets = features.features
    if not settings.standardise:
        standard = None
    elif standard is None:
        standard = Standardizer.of(targets[np.unique(images)])
    if standard is not None:
        targets = standard(targets)

    names, labels = np.unique(images if settings.labels == "picture" else classes, return_inverse=True)
    labels = labels.astype(np.int64)
    learned = None if imitated is None else imitated.embeddings
    return Utterances(rows, images, labels, len(names), held_out, targets, standard, features.sha256, learned)


def batched(utterances: Utterances, source: UtteranceSource, settings: EncoderSettings) -> EncoderData:
    """Utterances in training batches.

    Parameters
    ----------
    utterances : Utterances
        Those of `choose_utterances`.
    source : UtteranceSource
        What the encoder takes of each.
    settings : EncoderSettings
        Size, order and masks of the batches.
    """
    # Each utterance learns from its image, or from its own embedding.
    targets, rows = utterances.features, utterances.images
    if utterances.imitated is not None:
        targets, rows = utterances.imitated[:, None], utterances.rows
    batches = SpeechBatches(
        source,
        utterances.rows,
        rows,
        utterances.labels,
        targets,
        batch_size=settings.batch_size,
        seed=settings.loop.seed,
        mask_bands=settings.mask_bands,
        mask_time=settings.mask_time,
        per_image=settings.draw == "pictures",
    )
    return EncoderData(
        source,
        batches,
        utterances.held,
        utterances.features,
        utterances.standard,
        utterances.features_sha256,
        utterances.num_classes,
    )
