"""Images with one of their utterances, frames included, and the sentence of another class: for conditional GANs."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.image_pairs import Augmentation, PairSource, augmented_images
from speech2img.batches.sampler import ResumableSampler
from speech2img.encoded_speech import EncodedSpeech
from speech2img.models.encoders.base import SpeechEncoding


class SpokenImages(NamedTuple):
    """A batch of images and what is said of them."""

    images_B3SS: Tensor
    """uint8."""
    speech: SpeechEncoding
    """One utterance of each, with frames where they are wanted."""
    wrong_BD: Tensor
    """float32: a sentence of each that belongs to an image of another class."""
    classes_B: Tensor
    """int64, class numbers."""
    indices_B: np.ndarray
    """Rows of the images in the image store."""


class SpokenImageBatches:
    """Shuffled batches of images with utterances, in a resumable order.

    Parameters
    ----------
    source : PairSource
        Images, and which utterances are theirs.
    speech : EncodedSpeech
        All utterances, in the manifest's order, with frames where they are wanted.
    batch_size, seed : int
        Of the sampler, which goes over images; one utterance of each is drawn at random.
    size, augmentation, shift
        As for `speech2img.batches.image_pairs.PairBatches`.
    """

    def __init__(
        self,
        source: PairSource,
        speech: EncodedSpeech,
        *,
        batch_size: int,
        seed: int,
        size: int,
        augmentation: Augmentation = "none",
        shift: int = 2,
    ) -> None:
        self.source, self.speech = source, speech
        self._size, self._augmentation, self._shift = size, augmentation, shift
        self.sampler = ResumableSampler(len(source.rows), batch_size, seed=seed)

    def next(self) -> SpokenImages:
        """Draw a batch."""
        drawn, generator = self.sampler.next()
        source = self.source
        utterances = self._utterances(drawn, generator)
        wrong = self._utterances(source.other_class(drawn, generator), generator)
        rows = source.rows[drawn]
        images = augmented_images(
            source.images, rows, generator, size=self._size, augmentation=self._augmentation, shift=self._shift
        )
        return SpokenImages(
            images,
            self.speech.batch(utterances.tolist()),
            torch.from_numpy(self.speech.sentences[wrong]),
            torch.from_numpy(source.classes[drawn]),
            rows,
        )

    def _utterances(self, drawn: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """One utterance of each drawn image, by its number in the manifest."""
        number = (generator.random(len(drawn)) * self.source.counts[drawn]).astype(np.int64)
        utterances: np.ndarray = self.source.utterances[drawn, number]
        return utterances
