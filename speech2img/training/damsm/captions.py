"""Images with one of their captions in words: what a DAMSM of the text form learns from."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from speech2img.batches.image_pairs import Augmentation, PairSource, augmented_images
from speech2img.batches.sampler import ResumableSampler
from speech2img.corpora.records.manifest import Item
from speech2img.errors import DataError
from speech2img.models.text_encoders.word_lstm import WordLSTM, split_words


class CaptionedImages(NamedTuple):
    """A batch of images and captions."""

    images_B3SS: Tensor
    """uint8."""
    tokens_BT: Tensor
    """int64, numbers of words, 0 behind a caption."""
    lengths_B: Tensor
    """int64."""
    classes_B: Tensor
    """int64, class numbers."""
    indices_B: np.ndarray
    """Rows of the images in the image store."""


class CaptionedImageBatches:
    """Shuffled batches of images with a caption each, in a resumable order.

    Parameters
    ----------
    source : PairSource
        Images, and which captions are theirs.
    texts : sequence of str
        All captions, in the manifest's order.
    text_encoder : WordLSTM
        Numbers their words.
    batch_size, seed : int
        Of the sampler, which goes over images; one caption of each is drawn at random.
    size, augmentation, shift
        As for `speech2img.batches.image_pairs.PairBatches`.
    most_words : int
        Of a longer caption so many words are drawn, in their order (as published).
    """

    def __init__(
        self,
        source: PairSource,
        texts: Sequence[str],
        text_encoder: WordLSTM,
        *,
        batch_size: int,
        seed: int,
        size: int,
        augmentation: Augmentation,
        shift: int,
        most_words: int,
    ) -> None:
        self.source, self._most_words = source, most_words
        self._size, self._augmentation, self._shift = size, augmentation, shift
        drawn = {
            int(caption)
            for line, count in zip(source.utterances, source.counts, strict=True)
            for caption in line[:count]
        }
        self._tokens = {caption: text_encoder.tokens(texts[caption]) for caption in sorted(drawn)}
        self.sampler = ResumableSampler(len(source.rows), batch_size, seed=seed)

    def next(self) -> CaptionedImages:
        """Draw a batch."""
        drawn, generator = self.sampler.next()
        source = self.source
        # A caption of each image, of at most so many words.
        number = (generator.random(len(drawn)) * source.counts[drawn]).astype(np.int64)
        captions = source.utterances[drawn, number].tolist()
        tokens = [self._shortened(self._tokens[caption], generator) for caption in captions]
        # The images, moved or cut as the training wants them.
        rows = source.rows[drawn]
        images = augmented_images(
            source.images, rows, generator, size=self._size, augmentation=self._augmentation, shift=self._shift
        )
        return CaptionedImages(
            images,
            nn.utils.rnn.pad_sequence([torch.tensor(row) for row in tokens], batch_first=True),
            torch.tensor([len(row) for row in tokens]),
            torch.from_numpy(source.classes[drawn]),
            rows,
        )

    def _shortened(self, tokens: list[int], generator: np.random.Generator) -> list[int]:
        if len(tokens) <= self._most_words:
            return tokens
        kept = np.sort(generator.permutation(len(tokens))[: self._most_words])
        return [tokens[place] for place in kept.tolist()]


def training_texts(items: Sequence[Item], *, name: object) -> list[str]:
    """Captions that a text encoder takes its words from: of training images, in known voices.

    Parameters
    ----------
    items : sequence of Item
        All items of the manifest.
    name : object
        What messages call the corpus.

    Raises
    ------
    DataError
        If one of them has no word.
    """
    texts = [
        caption.text
        for item in items
        if item.split == "train"
        for caption in item.captions
        if not caption.held_out_voice
    ]
    wordless = [text for text in texts if not split_words(text)]
    if wordless or not texts:
        reason = (
            f"{len(wordless)} of {len(texts)} captions to learn from have no word ({next(iter(wordless), '')!r:.40})"
        )
        raise DataError.about(name, reason, "write captions in Latin letters, or train the speech form")
    return texts
