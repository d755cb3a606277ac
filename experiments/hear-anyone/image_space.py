"""Photographs and recordings in one space, for the scripts that rank photographs by what was heard."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img.errors import DataError
from speech2img.features.googlenet import load_googlenet
from speech2img.features.image_features import load_features
from speech2img.features.image_head import image_space
from speech2img.features.speech_embeddings import load_embeddings


class PhotographSpace:
    """GoogLeNet's features of photographs as an encoder learned to give them.

    Parameters
    ----------
    root : Path
        The corpus, with features ``googlenet`` and the encoder's embeddings.
    embeddings : str
        Their name.
    teacher : Path
        GoogLeNet's file.
    side : int
        Of the pictures as GoogLeNet got them when it made the features.
    """

    def __init__(self, root: Path, embeddings: str, *, teacher: Path, side: int) -> None:
        stored = load_embeddings(root, embeddings)
        space = image_space(*stored.encoder_release(), name=str(stored.folder))
        if space is None:
            raise DataError.about(stored.folder, "its encoder has no image head", "give one trained here")
        self._space, self._teacher = space, load_googlenet(teacher, side=side)
        self.corpus = space.embed(load_features(root, "googlenet").features[:, 0])
        self.utterances = stored.embeddings
        """Embeddings of all utterances of the corpus."""

    def embed(self, photographs: Sequence[Image.Image]) -> np.ndarray:
        """Vectors (N, D) of photographs, squashed to a square like the crops of the corpus."""
        size = (self._teacher.image_size,) * 2
        pixels = [np.asarray(one.convert("RGB").resize(size, Image.Resampling.BICUBIC)) for one in photographs]
        return self._space.embed(self._teacher.views(np.stack(pixels), 2)[:, 0].numpy())


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cosines (N, M) of rows, the mean of the second ones taken off both."""
    mean = other.mean(axis=0)
    sides = [rows - mean for rows in (one, other)]
    one, other = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in sides)
    return one @ other.T
