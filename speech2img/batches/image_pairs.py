"""Pairs of speech embedding and picture: what the generator and its discriminators learn from."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.labelled_images import NOT_COUNTED, label_values, shift_images, to_tensor
from speech2img.batches.sampler import ResumableSampler
from speech2img.corpora.records.manifest import Item
from speech2img.errors import DataError
from speech2img.images.pyramid import random_crop_flip
from speech2img.images.store import Images

Augmentation = Literal["none", "shift", "crop", "crop_flip"]
Positive = Literal["class", "picture"]
_CANDIDATES = 8


class PairBatch(NamedTuple):
    """Utterances, their pictures, and pictures that do not belong to them."""

    embeddings_BD: Tensor
    """float32, one utterance of each picture."""
    real_BCHW: Tensor
    """uint8, the pictures."""
    wrong_BCHW: Tensor
    """uint8, pictures of another class, or of the same class that contradict what was said."""
    classes_B: Tensor
    """int64, class numbers."""
    indices_B: np.ndarray
    """Rows of the pictures in the image store."""
    positive_BCHW: Tensor | None = None
    """uint8, pictures that may stand for the real ones; only where they were asked for."""


class PairSource:
    """The training pictures of a corpus with their utterances.

    Parameters
    ----------
    items : sequence of Item
        All items of the manifest, in its order.
    split : str
        Which of them are drawn from.
    images : ndarray of uint8 or CheckedRows, shape (items, S, S, 3)
        All pictures, in the manifest's order.
    embeddings : ndarray of float32, shape (utterances, D)
        All embeddings, in the manifest's order.
    attributes : Mapping of str to sequence of str
        Attributes of the corpus and their values: the columns of what is said and shown.

    Raises
    ------
    DataError
        If the split is empty, has one class only, or a picture has no utterance.
    """

    def __init__(
        self,
        items: Sequence[Item],
        split: str,
        images: Images,
        embeddings: np.ndarray,
        *,
        attributes: Mapping[str, Sequence[str]],
    ) -> None:
        self.images, self.embeddings, self.attributes = images, embeddings, attributes
        # Utterances stand side by side, image by image.
        self.image_of = np.repeat(np.arange(len(items)), [len(item.captions) for item in items])
        starts = np.concatenate([[0], np.cumsum([len(item.captions) for item in items])])
        # Rows of this split, ordered by class, so that a class is one range.
        chosen = [row for row, item in enumerate(items) if item.split == split]
        chosen.sort(key=lambda row: items[row].class_id)
        self.rows = np.array(chosen, dtype=np.int64)
        self.classes = np.array([items[row].class_id for row in chosen], dtype=np.int64)
        if len(np.unique(self.classes)) < 2:
            raise DataError.about(
                f"split {split}", "it needs pictures of two classes or more", "prepare the corpus again"
            )
        # Utterances to learn from: those in a held-out voice are kept for measuring.
        spoken = [
            np.array([starts[row] + k for k, caption in enumerate(items[row].captions) if not caption.held_out_voice])
            for row in chosen
        ]
        if min(len(rows) for rows in spoken) == 0:
            raise DataError.about(
                f"split {split}", "a picture has no utterance to learn from", "prepare the corpus again"
            )
        self.counts = np.array([len(rows) for rows in spoken])
        # Their numbers as a rectangle, filled up with zeros that are never drawn.
        self.utterances = np.zeros((len(chosen), int(self.counts.max())), dtype=np.int64)
        for line, rows in zip(self.utterances, spoken, strict=True):
            line[: len(rows)] = rows
        self.first_of_class = np.searchsorted(self.classes, self.classes, side="left")
        self.end_of_class = np.searchsorted(self.classes, self.classes, side="right")
        # Attributes shown and said, by which a contradicting image is found.
        self.shown = label_values([items[row].attributes for row in chosen], attributes)
        self.said = label_values([caption.mentions for item in items for caption in item.captions], attributes)

    def other_class(self, drawn: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """For each drawn position, the position of a picture of another class, all equally likely."""
        first, end = self.first_of_class[drawn], self.end_of_class[drawn]
        number = (generator.random(len(drawn)) * (len(self.rows) - (end - first))).astype(np.int64)
        return np.where(number < first, number, number + (end - first))

    def same_class(self, drawn: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """For each drawn position, the position of another picture of its class; itself where it is the only one."""
        first, size = self.first_of_class[drawn], self.end_of_class[drawn] - self.first_of_class[drawn]
        step = 1 + (generator.random(len(drawn)) * (size - 1)).astype(np.int64)
        return first + (drawn - first + step) % size

    def contradicting(
        self, drawn: np.ndarray, utterances: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pictures of the same class that do not show what was said.

        Returns
        -------
        positions : ndarray of int64, shape (B,)
        found : ndarray of bool, shape (B,)
            False where none of a few candidates contradicts the utterance.
        """
        first, end = self.first_of_class[drawn], self.end_of_class[drawn]
        spread = generator.random((len(drawn), _CANDIDATES)) * (end - first)[:, None]
        candidates = first[:, None] + spread.astype(np.int64)
        said, shown = self.said[utterances][:, None], self.shown[candidates]
        differs = ((said != NOT_COUNTED) & (shown != NOT_COUNTED) & (said != shown)).any(axis=2)
        pick = differs.argmax(axis=1)
        return candidates[np.arange(len(drawn)), pick], differs.any(axis=1)


class PairBatches:
    """Shuffled batches of pairs.

    Parameters
    ----------
    source : PairSource
        Pictures and utterances.
    batch_size, seed : int
        Of the sampler, which goes over pictures; one utterance of each is drawn at random.
    size : int
        Side of the pictures given, in pixels.
    augmentation : {"none", "shift", "crop", "crop_flip"}
        What is done to pictures: nothing, a shift by up to ``shift`` pixels, or a random crop to ``size`` (StackGAN).
    shift : int
        Largest shift in pixels.
    wrong_same_class : float
        Part of the wrong pictures that are of the right class but contradict the utterance (attributes must be known).
    positive : {"class", "picture"}, optional
        Also give pictures that may stand for the real ones: another of the class, or the same one in another crop.

    Raises
    ------
    DataError
        If pictures of one class are asked for and a class has a single one.
    """

    def __init__(
        self,
        source: PairSource,
        *,
        batch_size: int,
        seed: int,
        size: int,
        augmentation: Augmentation = "none",
        shift: int = 2,
        wrong_same_class: float = 0.0,
        positive: Positive | None = None,
    ) -> None:
        self.source = source
        self._size, self._augmentation, self._shift = size, augmentation, shift
        self._wrong_same_class = wrong_same_class
        if positive == "class" and (alone := int((source.end_of_class - source.first_of_class == 1).sum())):
            raise DataError.about(
                "pairs of one class",
                f"{alone} classes have one training picture only",
                "set relation.positive to picture",
            )
        self._positive = positive
        self.sampler = ResumableSampler(len(source.rows), batch_size, seed=seed)

    def next(self) -> PairBatch:
        """Draw a batch."""
        drawn, generator = self.sampler.next()
        source = self.source
        # One utterance of each image.
        number = (generator.random(len(drawn)) * source.counts[drawn]).astype(np.int64)
        utterances = source.utterances[drawn, number]
        # A mismatched image: of another class, or of the same class where it contradicts what was said.
        wrong = source.other_class(drawn, generator)
        if self._wrong_same_class > 0:
            near, has_near = source.contradicting(drawn, utterances, generator)
            wrong = np.where(has_near & (generator.random(len(drawn)) < self._wrong_same_class), near, wrong)
        rows = source.rows[drawn]
        batch = PairBatch(
            torch.from_numpy(source.embeddings[utterances]),
            self._augmented(rows, generator),
            self._augmented(source.rows[wrong], generator),
            torch.from_numpy(source.classes[drawn]),
            rows,
        )
        # Another image of the class, or another view of the same, where the loss wants one.
        if self._positive is None:
            return batch
        other = source.same_class(drawn, generator) if self._positive == "class" else drawn
        return batch._replace(positive_BCHW=self._augmented(source.rows[other], generator))

    def _augmented(self, rows: np.ndarray, generator: np.random.Generator) -> Tensor:
        return augmented_images(
            self.source.images, rows, generator, size=self._size, augmentation=self._augmentation, shift=self._shift
        )


def augmented_images(
    images: Images,
    rows: np.ndarray,
    generator: np.random.Generator,
    *,
    size: int,
    augmentation: Augmentation,
    shift: int,
) -> Tensor:
    """Some rows of a store as a training sees them.

    Parameters
    ----------
    images : ndarray of uint8 or CheckedRows, shape (items, S, S, 3)
        The store.
    rows : ndarray of int64, shape (B,)
        Which.
    generator : numpy.random.Generator
        Of the batch.
    size, augmentation, shift
        As for `PairBatches`.

    Returns
    -------
    Tensor [shape=(B, 3, size, size), uint8]
    """
    if augmentation in ("crop", "crop_flip"):
        whole = images if isinstance(images, np.ndarray) else images.checked(rows)
        return random_crop_flip(to_tensor(whole), size, generator, rows=rows, flip=augmentation == "crop_flip")
    pixels = shift if augmentation == "shift" else 0
    return to_tensor(shift_images(images[rows], pixels=pixels, generator=generator))
