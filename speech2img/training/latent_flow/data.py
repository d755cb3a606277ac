"""What a latent flow learns from: pairs of utterance and latents of its image, and the frozen codec between."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.labelled_images import label_values
from speech2img.batches.sampler import ResumableSampler
from speech2img.corpora.records.items import Item
from speech2img.corpora.records.manifest import Manifest, demand_same_items
from speech2img.corpora.registry import facts_of
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import ConfigError, DataError
from speech2img.features.speech_embeddings import EXTRACT_AGAIN, EmbeddingFile, demand_spread, load_embeddings
from speech2img.features.stores import image_store, load_latents
from speech2img.images.codecs import ReleasedCodec, load_codec
from speech2img.images.latent_store import LatentStore
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.training.latent_flow.settings import LatentFlowSettings
from speech2img.training.validation_samples import ValidationSet, validation_pairs

_FITTED_IMAGES, _FITTED_UTTERANCES = 4096, 512
"""Most images, and most utterances with frames, that statistics are taken over."""


class LatentBatch(NamedTuple):
    """Latents, and an utterance of each."""

    latents_BChh: Tensor
    """float32, as the codec gives them."""
    speech: SpeechEncoding
    """Sentences, with frames where they are wanted."""
    indices_B: np.ndarray
    """Rows of the images in the manifest."""


@dataclass(frozen=True, eq=False)
class FlowInputs:
    """What was read and checked before the run folder was opened."""

    manifest: Manifest
    """The corpus."""
    embeddings: EmbeddingFile
    """Of its utterances."""
    codec: ReleasedCodec
    """Frozen."""
    latents: LatentStore
    """Of its images."""

    @classmethod
    def load(cls, root: Path, settings: LatentFlowSettings) -> "FlowInputs":
        """Read them.

        Raises
        ------
        ConfigError
            If the codec has no latents of that size, the patches do not fit them, or all embeddings are the same.
        CheckpointError
            If there is no codec.
        DataError
            If embeddings, their frames or the latents are missing, or belong to another manifest or codec.
        """
        manifest, embeddings = Manifest.load(root), load_embeddings(root, settings.embeddings)
        demand_same_items(manifest, embeddings.ids, source=embeddings.folder, fix=EXTRACT_AGAIN, utterances=True)
        demand_spread(embeddings.embeddings)
        if settings.model.needs_frames and embeddings.frames is None:
            fix = "run 'speech2img extract --frames' for that encoder, or set model.needs_frames to false"
            raise DataError.about(embeddings.folder, "its embeddings have no frames", fix)
        codec = load_codec(settings.codec)
        side, patch = codec.latent_side(settings.image_size), settings.model.patch
        if side % patch:
            reason = f"{patch} divides not the side {side} of the latents of {settings.image_size} px"
            raise ConfigError.about("model.patch", reason, "change it, or image_size")
        latents = load_latents(manifest, codec, size=settings.image_size, mirrored=settings.mirrored)
        return cls(manifest, embeddings, codec, latents)

    @property
    def identity(self) -> dict[str, str]:
        """Hashes of what may not change between sittings."""
        key = self.latents.key
        return {"encoder_sha256": self.embeddings.sha256, "codec_sha256": key.sha256, "images": key.images}

    def speech(self, *, frames: bool) -> EncodedSpeech:
        """All utterances, with their frames or without."""
        return EncodedSpeech(self.embeddings.embeddings, self.embeddings.frames if frames else None)


class LatentBatches:
    """Shuffled batches of training images, each with one of its utterances, drawn at random.

    Parameters
    ----------
    items : sequence of Item
        All items of the manifest, in its order; those of the split ``train`` are drawn.
    latents : LatentStore
        Latents of all their images.
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
        latents: LatentStore,
        speech: EncodedSpeech,
        *,
        batch_size: int,
        seed: int,
        mirrored: bool = False,
    ) -> None:
        self.latents, self.speech, self.mirrored = latents, speech, mirrored
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

    def next(self) -> LatentBatch:
        """Draw a batch."""
        drawn, generator = self.sampler.next()
        utterances = [int(generator.choice(self.utterances[number])) for number in drawn]
        flips = generator.random(len(drawn)) < 0.5 if self.mirrored else None
        rows = np.array(self.rows)[drawn]
        latents = torch.from_numpy(self.latents.read(rows, mirrored=flips))
        return LatentBatch(latents, self.speech.batch(utterances), rows)

    def latent_values(self) -> Tensor:
        """Values of the training latents (N, C), one row a place."""
        values = torch.from_numpy(self.latents.read(_spread(np.array(self.rows), _FITTED_IMAGES)))
        return values.movedim(1, -1).flatten(0, -2)

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


def validation_set(inputs: FlowInputs, settings: LatentFlowSettings) -> tuple[ValidationSet, EncodedSpeech]:
    """Utterances spread evenly over the validation images, one of each, and what is said in them.

    Parameters
    ----------
    inputs : FlowInputs
        The corpus and its embeddings.
    settings : LatentFlowSettings
        How many, and of which size their images are.
    """
    items = inputs.manifest.items
    images, utterances = validation_pairs(items, max(settings.evaluation_utterances, settings.grid_utterances)).T
    speech = inputs.speech(frames=settings.model.needs_frames)[utterances]
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
