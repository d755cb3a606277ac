"""A generator that is given stored speech embeddings instead of recordings: what evaluation asks of a model."""

from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from speech2img.corpora.records.manifest import Manifest, demand_same_items
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import MetricError
from speech2img.features.speech_embeddings import EXTRACT_AGAIN, EmbeddingFile
from speech2img.generation import EmbeddingsToImage


class StoredSpeech:
    """Looks an utterance up by its recording's path; nothing is heard.

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
        # Under the names by which evaluation knows a model.
        self.pipe, self._speech = pipe, EncodedSpeech(stored.embeddings, stored.frames)
        self.needs_frames, self.embedding_dim = pipe.needs_frames, size
        self._row = {manifest.root / caption.audio: row for row, (_, caption) in enumerate(spoken) if caption.audio}
        self.device, self.name, self.image_size, self.sampling = pipe.device, pipe.name, pipe.image_size, pipe.sampling
        self.weights_sha256 = f"{stored.sha256}+{pipe.weights_sha256}"

    def encode_paths(self, paths: Any) -> NDArray[np.float32]:
        """Embeddings (N, D) of the corpus's recordings."""
        return self._speech.sentences[[self._row[Path(path)] for path in paths]]

    def encode_speech(self, recordings: Any) -> EncodedSpeech:
        """Embeddings and frames of the corpus's recordings."""
        return self._speech[[self._row[Path(path)] for path in recordings]]

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
