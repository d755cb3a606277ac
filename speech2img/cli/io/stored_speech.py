"""Models that hear nothing in an evaluation: given stored speech embeddings, or reading the captions themselves."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from speech2img.corpora.records.manifest import Manifest, demand_same_items, utterance_id
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import AudioError, DataError, MetricError
from speech2img.features.speech_embeddings import EXTRACT_AGAIN, EmbeddingFile
from speech2img.generation import EmbeddingsToImage
from speech2img.pipeline import SpeechToImage
from speech2img.storage.names import some_of

OnError = Callable[[int, AudioError], None] | None
"""Told of recordings that cannot be used: here none is heard."""


class DeafModel(ABC):
    """What evaluation asks of a model, for one that looks an utterance up by its recording's path.

    Parameters
    ----------
    pipe : EmbeddingsToImage
        The generator.
    embedding_dim : int
        Size of what it is given.
    weights_sha256 : str
        Hash of all weights that have a part in the pictures.
    """

    def __init__(self, pipe: EmbeddingsToImage, *, embedding_dim: int, weights_sha256: str) -> None:
        # Under the names by which evaluation knows a model.
        self.pipe, self.needs_frames, self.embedding_dim = pipe, pipe.needs_frames, embedding_dim
        self.device, self.name, self.image_size, self.sampling = pipe.device, pipe.name, pipe.image_size, pipe.sampling
        self.weights_sha256 = weights_sha256

    @abstractmethod
    def encode_speech(self, recordings: Sequence[Any], *, on_error: OnError = None) -> EncodedSpeech:
        """Embeddings and frames of utterances, by the paths of their recordings; there is nothing to tell of."""

    def encode_paths(self, paths: Sequence[Any], *, on_error: OnError = None) -> NDArray[np.float32]:
        """Embeddings (N, D) of utterances, by the paths of their recordings."""
        return self.encode_speech(paths).sentences

    @overload
    def generate(
        self,
        embeddings: NDArray[np.float32] | EncodedSpeech,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: Literal[False] = False,
        first_index: int | None = None,
    ) -> NDArray[np.uint8]: ...
    @overload
    def generate(
        self,
        embeddings: NDArray[np.float32] | EncodedSpeech,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: Literal[True],
        first_index: int | None = None,
    ) -> list[NDArray[np.uint8]]: ...
    def generate(
        self,
        embeddings: NDArray[np.float32] | EncodedSpeech,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: bool = False,
        first_index: int | None = None,
    ) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        """As `EmbeddingsToImage.generate`."""
        return self.pipe.generate(
            embeddings, seed=seed, num_images=num_images, return_stages=return_stages, first_index=first_index
        )


class StoredSpeech(DeafModel):
    """A generator that is given stored speech embeddings instead of recordings.

    Parameters
    ----------
    pipe : EmbeddingsToImage
        The generator.
    manifest : Manifest
        The corpus.
    stored : EmbeddingFile
        Embeddings of all its utterances.

    Raises
    ------
    DataError
        If the embeddings belong to another manifest.
    MetricError
        If the generator takes embeddings of another size, or frames that were not kept.
    """

    def __init__(self, pipe: EmbeddingsToImage, manifest: Manifest, stored: EmbeddingFile) -> None:
        # The embeddings must be those of this manifest and this generator.
        demand_same_items(manifest, stored.ids, source=stored.folder, fix=EXTRACT_AGAIN, utterances=True)
        spoken = [(item, caption) for item in manifest.items for caption in item.captions]
        size, wanted = stored.embeddings.shape[1], pipe.sampler.embedding_dim if pipe.sampler is not None else 0
        if size != wanted:
            raise MetricError.about(
                stored.folder, f"has embeddings of {size}, {pipe.name} takes {wanted}", "give those it was trained on"
            )
        if pipe.needs_frames and stored.frames is None:
            fix = "extract the embeddings again with --frames"
            raise MetricError.about(stored.folder, f"has no frames, which {pipe.name} looks at", fix)
        super().__init__(pipe, embedding_dim=size, weights_sha256=f"{stored.sha256}+{pipe.weights_sha256}")
        self._speech = EncodedSpeech(stored.embeddings, stored.frames)
        self._row = {manifest.root / caption.audio: row for row, (_, caption) in enumerate(spoken) if caption.audio}

    def encode_speech(self, recordings: Sequence[Any], *, on_error: OnError = None) -> EncodedSpeech:
        """What is stored of the corpus's recordings."""
        return self._speech[[self._row[Path(path)] for path in recordings]]


class ReadCaptions(DeafModel):
    """A model that reads text: it is given the captions, and their recordings need not exist.

    Parameters
    ----------
    pipe : SpeechToImage
        A model whose ``reads_text`` is true.
    manifest : Manifest
        The corpus.
    """

    def __init__(self, pipe: SpeechToImage, manifest: Manifest) -> None:
        super().__init__(pipe, embedding_dim=pipe.encoder.embedding_dim, weights_sha256=pipe.weights_sha256)
        self._reader, self._root = pipe, manifest.root
        self._caption = {
            manifest.root / caption.audio: (utterance_id(item, caption), caption.text)
            for item in manifest.items
            for caption in item.captions
            if caption.audio
        }

    def encode_speech(self, recordings: Sequence[Any], *, on_error: OnError = None) -> EncodedSpeech:
        """What the model reads in the captions of the recordings.

        Raises
        ------
        DataError
            If a caption has no word that the model knows.
        """
        captions = [self._caption[Path(path)] for path in recordings]
        speech = self._reader.encode_texts([text for _, text in captions])
        unread = [name for (name, _), text in zip(captions, speech.texts or (), strict=True) if not text]
        if unread:
            reason = f"captions without a word that {self.name} knows: {some_of(unread)}"
            raise DataError.about(self._root, reason, "write them down, or train a text encoder on this corpus")
        return speech
