"""Captions and the embeddings that a text encoder learns to give of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.sampler import ResumableSampler
from speech2img.corpora.records.manifest import Manifest, demand_same_items
from speech2img.errors import DataError
from speech2img.features.speech_embeddings import EXTRACT_AGAIN, EmbeddingFile
from speech2img.models.text_encoders.base import TextEncoder
from speech2img.training.text_encoder.settings import TextEncoderSettings


class CaptionBatch(NamedTuple):
    """Captions with what is to be made of them."""

    tokens_BT: Tensor
    """int64, numbers of words or letters, 0 behind a caption."""
    lengths_B: Tensor
    """int64."""
    target_BD: Tensor
    """float32, stored embeddings."""
    indices_B: np.ndarray
    """Places of the captions among the utterances of the corpus."""


@dataclass(frozen=True)
class CaptionData:
    """Captions of a corpus and their stored embeddings."""

    texts: list[str]
    """Of every utterance, in the manifest's order."""
    targets: np.ndarray
    """float32, (utterances, D)."""
    train: np.ndarray
    """int64, places of the training utterances in known voices that have a text."""
    held: np.ndarray
    """int64, places of the validation utterances that have one."""


def caption_data(manifest: Manifest, embeddings: EmbeddingFile) -> CaptionData:
    """Captions of a corpus with their stored embeddings.

    Raises
    ------
    DataError
        If the embeddings belong to another manifest, or nothing written is for training or for validation.
    """
    demand_same_items(manifest, embeddings.ids, source=embeddings.folder, fix=EXTRACT_AGAIN, utterances=True)
    # Captions that are written, in known voices for training.
    spoken = [(item.split, caption) for item in manifest.items for caption in item.captions]
    texts = [caption.text for _, caption in spoken]
    written = [bool(text.strip()) for text in texts]
    train = [
        place
        for place, (split, caption) in enumerate(spoken)
        if split == "train" and not caption.held_out_voice and written[place]
    ]
    held = [place for place, (split, _) in enumerate(spoken) if split == "val" and written[place]]
    if not train or not held:
        reason = f"{len(train)} written captions to train on, {len(held)} to evaluate on"
        raise DataError.about(manifest.root, reason, "a language without writing has no text encoder")
    return CaptionData(texts, embeddings.embeddings, np.array(train), np.array(held))


class CaptionBatches:
    """Shuffled batches of captions, bucketed by length.

    Parameters
    ----------
    data : CaptionData
        Captions and targets.
    network : TextEncoder
        Says how captions are numbered.
    settings : TextEncoderSettings
        Size of a batch and seed.
    """

    def __init__(self, data: CaptionData, network: TextEncoder, settings: TextEncoderSettings) -> None:
        self._data, self._network = data, network
        lengths = np.array([len(data.texts[place]) for place in data.train])
        self.sampler = ResumableSampler(len(data.train), settings.batch_size, seed=settings.loop.seed, lengths=lengths)

    def next(self) -> CaptionBatch:
        """Draw a batch."""
        drawn, _ = self.sampler.next()
        return self.take(self._data.train[drawn].tolist())

    def take(self, places: Sequence[int]) -> CaptionBatch:
        """A batch of these utterances."""
        tokens, lengths = self._network.batch([self._data.texts[place] for place in places])
        targets = torch.from_numpy(np.ascontiguousarray(self._data.targets[list(places)], dtype=np.float32))
        return CaptionBatch(tokens, lengths, targets, np.array(places))
