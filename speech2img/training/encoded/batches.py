"""Batches of a generator in what a codec makes of images: latents or tokens, each with an utterance of its image."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.sampler import ResumableSampler
from speech2img.corpora.records.items import Item
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import DataError
from speech2img.models.encoders.base import SpeechEncoding

_FITTED_IMAGES, _FITTED_UTTERANCES = 4096, 512
"""Most images, and most utterances with frames, that statistics are taken over."""


class EncodedImages(Protocol):
    """A store of encoded images: a `LatentStore` or a `TokenStore`."""

    def read(self, indices: Sequence[int] | np.ndarray, *, mirrored: np.ndarray | None = None) -> np.ndarray:
        """Encoded images (B, ...), or the mirror images of some."""


class EncodedBatch(NamedTuple):
    """Encoded images, and an utterance of each."""

    encoded_B: Tensor
    """As the store gives them: latents (B, C, h, h), float32, or tokens (B, h, h), int64."""
    speech: SpeechEncoding
    """Sentences, with frames where they are wanted."""
    indices_B: np.ndarray
    """Rows of the images in the manifest."""


class EncodedBatches:
    """Shuffled batches of training images, each with one of its utterances, drawn at random.

    Parameters
    ----------
    items : sequence of Item
        All items of the manifest, in its order; those of the split ``train`` are drawn.
    store : EncodedImages
        All their images, encoded.
    speech : EncodedSpeech
        All utterances, in the manifest's order.
    batch_size, seed : int
        Of the sampler.
    mirrored : bool
        Draw the mirror images as often.

    Raises
    ------
    DataError
        If there is no training image with an utterance in a training voice.
    """

    def __init__(
        self,
        items: Sequence[Item],
        store: EncodedImages,
        speech: EncodedSpeech,
        *,
        batch_size: int,
        seed: int,
        mirrored: bool = False,
    ) -> None:
        self.store, self.speech, self.mirrored = store, speech, mirrored
        # Images to learn from with their utterances; those in a held-out voice are kept for measuring.
        self.rows: list[int] = []
        self.utterances: list[np.ndarray] = []
        first = 0
        for row, item in enumerate(items):
            spoken = [first + k for k, caption in enumerate(item.captions) if not caption.held_out_voice]
            if item.split == "train" and spoken:
                self.rows.append(row)
                self.utterances.append(np.array(spoken))
            first += len(item.captions)
        if not self.rows:
            raise DataError.about("split train", "it has no image with an utterance", "prepare the corpus again")
        self.sampler = ResumableSampler(len(self.rows), batch_size, seed=seed)

    def next(self) -> EncodedBatch:
        """Draw a batch."""
        drawn, generator = self.sampler.next()
        utterances = [int(generator.choice(self.utterances[number])) for number in drawn]
        flips = generator.random(len(drawn)) < 0.5 if self.mirrored else None
        rows = np.array(self.rows)[drawn]
        encoded = torch.from_numpy(self.store.read(rows, mirrored=flips))
        return EncodedBatch(encoded, self.speech.batch(utterances), rows)

    def sample(self) -> Tensor:
        """Encoded training images, spread evenly, for statistics; those of a few thousand."""
        return torch.from_numpy(self.store.read(_spread(np.array(self.rows), _FITTED_IMAGES)))

    def spoken_values(self) -> tuple[Tensor, Tensor]:
        """Training sentences (N, D), and frames (M, D) of some of them, spread evenly; (0, D) without frames."""
        rows = np.concatenate(self.utterances)
        sentences = torch.from_numpy(self.speech.sentences[rows])
        if self.speech.frames is None:
            return sentences, sentences[:0]
        frames = [self.speech.frames[row] for row in _spread(rows, _FITTED_UTTERANCES).tolist()]
        return sentences, torch.from_numpy(np.concatenate(frames))


def _spread(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the rows, spread evenly."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)]
