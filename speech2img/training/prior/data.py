"""What the prior learns from: pairs of utterance and picture."""

from dataclasses import dataclass

import numpy as np

from speech2img.batches.labelled_images import NOT_COUNTED
from speech2img.corpora.records.manifest import Manifest, utterance_id
from speech2img.corpora.songbirds.attributes import ATTRIBUTES
from speech2img.errors import DataError
from speech2img.features.speech_embeddings import EmbeddingFile
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
    """(held, attributes): values mentioned, `NOT_COUNTED` elsewhere."""
    classes: list[str]
    """Class names of the pictures of ``held``."""


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
    labels = np.full((len(keep), len(ATTRIBUTES)), NOT_COUNTED, dtype=np.int64)
    for line, number in zip(labels, keep, strict=True):
        for column, (name, values) in enumerate(ATTRIBUTES.items()):
            if said[number].get(name) in values:
                line[column] = values.index(said[number][name])
    pairs = np.array(held, dtype=np.int64).reshape(-1, 2)[keep]
    classes = [manifest.items[picture].class_name for picture in pairs[:, 1]]
    return PriorData(embeddings.embeddings, features_NF, np.array(train, dtype=np.int64), pairs, labels, classes)
