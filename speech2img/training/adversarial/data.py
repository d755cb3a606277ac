"""What is read before such a training: the corpus, its embeddings with their frames, images, validation utterances."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from speech2img.batches.image_pairs import Augmentation, PairSource
from speech2img.batches.labelled_images import label_values
from speech2img.batches.spoken_images import SpokenImageBatches
from speech2img.corpora.records.manifest import Manifest, demand_same_items
from speech2img.corpora.registry import facts_of
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import DataError
from speech2img.features.speech_embeddings import EXTRACT_AGAIN, EmbeddingFile, demand_spread, load_embeddings
from speech2img.features.stores import image_store
from speech2img.training.run import LoopSettings
from speech2img.training.validation_samples import ValidationSet, validation_pairs


class BatchSettings(Protocol):
    """What settings say of batches and of the validation part; see `AdversarialSettings`."""

    @property
    def batch_size(self) -> int:
        """Images a step."""

    @property
    def augmentation(self) -> Augmentation:
        """Of images."""

    @property
    def shift(self) -> int:
        """Largest shift in pixels."""

    @property
    def workers(self) -> int:
        """Processes that decode images."""

    @property
    def loop(self) -> LoopSettings:
        """Its seed is that of the order."""


@dataclass(frozen=True, eq=False)
class SpokenCorpus:
    """A corpus with the embeddings of its utterances."""

    manifest: Manifest
    """The corpus."""
    embeddings: EmbeddingFile
    """Of its utterances."""
    needs_frames: bool
    """Whether their frames are looked at."""

    @classmethod
    def load(cls, root: Path, name: str, *, needs_frames: bool) -> "SpokenCorpus":
        """Read them.

        Raises
        ------
        ConfigError
            If all embeddings are the same.
        DataError
            If embeddings are missing or belong to another manifest, or have no frames where they are needed.
        """
        manifest, embeddings = Manifest.load(root), load_embeddings(root, name)
        demand_same_items(manifest, embeddings.ids, source=embeddings.folder, fix=EXTRACT_AGAIN, utterances=True)
        demand_spread(embeddings.embeddings)
        if needs_frames and embeddings.frames is None:
            fix = "run 'speech2img extract --frames' for that encoder, or set model.attention to false"
            raise DataError.about(embeddings.folder, "its embeddings have no frames to attend to", fix)
        return cls(manifest, embeddings, needs_frames)

    @property
    def speech(self) -> EncodedSpeech:
        """All utterances, with their frames where they are needed."""
        return EncodedSpeech(self.embeddings.embeddings, self.embeddings.frames if self.needs_frames else None)

    def batches(self, settings: BatchSettings, *, size: int, progress: bool) -> SpokenImageBatches:
        """Batches of training images; a missing image store is made.

        With augmentation by crops the store holds images of 76 / 64 the size, as published.
        """
        stored = int(size * 76 / 64) if settings.augmentation in ("crop", "crop_flip") else size
        store = image_store(self.manifest, size=stored, workers=settings.workers, progress=progress)
        source = PairSource(
            self.manifest.items,
            "train",
            store.pixels(),
            self.embeddings.embeddings,
            attributes=facts_of(self.manifest).attributes,
        )
        return SpokenImageBatches(
            source,
            self.speech,
            batch_size=settings.batch_size,
            seed=settings.loop.seed,
            size=size,
            augmentation=settings.augmentation,
            shift=settings.shift,
        )

    def validation(self, batches: SpokenImageBatches, count: int) -> tuple[ValidationSet, EncodedSpeech]:
        """At most so many utterances spread evenly over the validation images, and what is said in them."""
        items = self.manifest.items
        images, utterances = validation_pairs(items, count).T
        speech, source = self.speech[utterances], batches.source
        mentions = [caption.mentions for item in items for caption in item.captions]
        validation = ValidationSet(
            torch.from_numpy(speech.sentences),
            label_values([mentions[utterance] for utterance in utterances], source.attributes),
            [items[image].class_name for image in images],
            source.images[images],
            source.attributes,
        )
        return validation, speech
