"""Batches of a classifier: random views of training images, or of features that were kept, with their classes."""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.sampler import ResumableSampler


class Inputs(Protocol):
    """Where batches come from: images, or features that were kept."""

    def draw(self, rows: np.ndarray, generator: np.random.Generator) -> Tensor:
        """Random views of some images."""

    def plain(self, rows: np.ndarray) -> Tensor:
        """Some images as they are."""


class ClassifierBatch(NamedTuple):
    """Inputs and classes."""

    inputs_B: Tensor
    """Features (B, D), or images (B, 3, 299, 299) in -1..1."""
    labels_B: Tensor
    """int64, (B,)."""
    indices_B: np.ndarray
    """Rows of the images."""


class ClassifierBatches:
    """Shuffled batches of training images.

    Parameters
    ----------
    inputs : Inputs
        All images, or their features.
    labels : ndarray of int64, shape (N,)
        Class of each image.
    rows : ndarray of int
        Training images among them.
    batch_size, seed : int
        Of the sampler.
    """

    def __init__(self, inputs: Inputs, labels: np.ndarray, rows: np.ndarray, *, batch_size: int, seed: int) -> None:
        self._inputs, self._labels, self._rows = inputs, labels, rows
        self.sampler = ResumableSampler(len(rows), batch_size, seed=seed)

    def next(self) -> ClassifierBatch:
        """Draw random views of training images."""
        drawn, generator = self.sampler.next()
        rows = self._rows[drawn]
        return ClassifierBatch(self._inputs.draw(rows, generator), torch.from_numpy(self._labels[rows]), rows)
