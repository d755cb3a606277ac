"""What a generator in a codec's latents or tokens learns from, read and checked before its run folder is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import torch

from speech2img.batches.labelled_images import label_values
from speech2img.corpora.records.manifest import Manifest, demand_same_items
from speech2img.corpora.registry import facts_of
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import DataError
from speech2img.features.speech_embeddings import EXTRACT_AGAIN, EmbeddingFile, demand_spread, load_embeddings
from speech2img.features.stores import image_store
from speech2img.images.codecs import ReleasedCodec, load_codec
from speech2img.images.encoded_store import EncodedStore
from speech2img.training.validation_samples import ValidationSet, validation_pairs

StoreT = TypeVar("StoreT", bound=EncodedStore)


class InputSettings(Protocol):
    """What settings say of the inputs."""

    @property
    def embeddings(self) -> str:
        """Name of the speech embeddings."""

    @property
    def codec(self) -> str:
        """The image codec."""

    @property
    def image_size(self) -> int:
        """Side of the images in pixels."""

    @property
    def mirrored(self) -> bool:
        """Whether mirror images are wanted."""

    @property
    def grid_utterances(self) -> int:
        """Rows of the sample grid."""

    @property
    def evaluation_utterances(self) -> int:
        """Validation utterances of an evaluation."""

    @property
    def workers(self) -> int:
        """Processes that decode images."""


@dataclass(frozen=True, eq=False)
class EncodedInputs(Generic[StoreT]):
    """Corpus, embeddings, codec and encoded images, which belong to each other."""

    manifest: Manifest
    """The corpus."""
    embeddings: EmbeddingFile
    """Of its utterances."""
    codec: ReleasedCodec
    """Frozen."""
    store: StoreT
    """Of its images."""

    @classmethod
    def load(
        cls, root: Path, settings: InputSettings, load_store: Callable[..., StoreT], *, frames: bool
    ) -> "EncodedInputs[StoreT]":
        """Read them.

        Parameters
        ----------
        root : Path
            Corpus folder.
        settings : InputSettings
            Which.
        load_store : callable
            ``load_latents`` or ``load_tokens``.
        frames : bool
            Whether frames of the speech are wanted.

        Raises
        ------
        ConfigError
            If the codec makes nothing of the kind of images of that size, or all embeddings are the same.
        CheckpointError
            If there is no codec.
        DataError
            If embeddings, their frames or the store are missing, or belong to another manifest or codec.
        """
        manifest, embeddings = Manifest.load(root), load_embeddings(root, settings.embeddings)
        demand_same_items(manifest, embeddings.ids, source=embeddings.folder, fix=EXTRACT_AGAIN, utterances=True)
        demand_spread(embeddings.embeddings)
        if frames and embeddings.frames is None:
            fix = "run 'speech2img extract --frames' for that encoder, or set model.needs_frames to false"
            raise DataError.about(embeddings.folder, "its embeddings have no frames", fix)
        codec = load_codec(settings.codec)
        store = load_store(manifest, codec, size=settings.image_size, mirrored=settings.mirrored)
        return cls(manifest, embeddings, codec, store)

    @property
    def identity(self) -> dict[str, str]:
        """Hashes of what may not change between sittings."""
        key = self.store.key
        return {"encoder_sha256": self.embeddings.sha256, "codec_sha256": key.sha256, "images": key.images}

    def speech(self, *, frames: bool) -> EncodedSpeech:
        """All utterances, with their frames or without."""
        return EncodedSpeech(self.embeddings.embeddings, self.embeddings.frames if frames else None)


def validation_set(
    inputs: EncodedInputs[StoreT], settings: InputSettings, *, frames: bool
) -> tuple[ValidationSet, EncodedSpeech]:
    """Utterances spread evenly over the validation images, one of each, and what is said in them.

    Parameters
    ----------
    inputs : EncodedInputs
        The corpus and its embeddings.
    settings : InputSettings
        How many, and of which size their images are.
    frames : bool
        As for `EncodedInputs.load`.
    """
    items = inputs.manifest.items
    images, utterances = validation_pairs(items, max(settings.evaluation_utterances, settings.grid_utterances)).T
    speech = inputs.speech(frames=frames)[utterances]
    mentions = [caption.mentions for item in items for caption in item.captions]
    attributes = facts_of(inputs.manifest).attributes
    store = image_store(inputs.manifest, size=settings.image_size, workers=settings.workers, progress=False)
    validation = ValidationSet(
        torch.from_numpy(speech.sentences),
        label_values([mentions[utterance] for utterance in utterances], attributes),
        [items[image].class_name for image in images],
        store.read(images),
        attributes,
    )
    return validation, speech
