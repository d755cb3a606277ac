"""Validation samples of a generator or a prior: attribute recall and an image grid, with noise that stays the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from speech2img.batches.labelled_images import NOT_COUNTED
from speech2img.corpora.records.items import CLASS_HEADS, Item
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.base import FeatureExtractor
from speech2img.images.grid import image_grid
from speech2img.images.pyramid import pyramid

BATCH = 64
"""Images generated at once in an evaluation."""


@dataclass(frozen=True)
class ValidationSet:
    """Validation utterances: for sample grids and the evaluation."""

    embeddings: Tensor
    """(U, D)."""
    mentions: np.ndarray
    """(U, attributes): number of the value that is mentioned, `NOT_COUNTED` elsewhere."""
    classes: list[str]
    """Class names of the images."""
    images: np.ndarray | None = None
    """(U, S, S, 3) uint8: the real images, which a grid shows first; None for a grid without them."""
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The columns of ``mentions`` and their values."""


def validation_pairs(items: Sequence[Item], count: int) -> np.ndarray:
    """Choose validation images, spread evenly, and one utterance of each, not always the first.

    Parameters
    ----------
    items : sequence of Item
        All items of the manifest, in its order.
    count : int
        Most pairs.

    Returns
    -------
    ndarray of int64, shape (U, 2)
        Row of the image, row of the utterance.
    """
    pairs: list[tuple[int, int]] = []
    first = 0
    for image, item in enumerate(items):
        if item.split == "val" and item.captions:
            pairs.append((image, first + image % len(item.captions)))
        first += len(item.captions)
    pairs = [pairs[k * len(pairs) // count] for k in range(count)] if len(pairs) > count else pairs
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def fixed_noise(seed: int, *shapes: Sequence[int]) -> list[Tensor]:
    """Standard normal draws of several shapes, one behind the other from one seed."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator) for shape in shapes]


class ValidationSamples:
    """Images of a validation set, with noise that stays the same over the whole run.

    Parameters
    ----------
    validation : ValidationSet
        Utterances.
    sample : callable
        ``sample(rows, noise)`` gives images (B, 3, S, S) in -1..1 of B utterances of the set, by their numbers, and of
        B rows of noise.
    grid_noise : Tensor [shape=(columns, ...)]
        Noise of the grid's columns.
    noise : Tensor [shape=(U or more, ...)]
        Noise of each utterance in `attribute_recall`.
    grid_utterances : int
        Most rows of the grid.
    """

    def __init__(
        self,
        validation: ValidationSet,
        sample: Callable[[Sequence[int], Tensor], Tensor],
        *,
        grid_noise: Tensor,
        noise: Tensor,
        grid_utterances: int,
    ) -> None:
        self.validation, self.sample = validation, sample
        self.grid_noise, self.noise, self.grid_utterances = grid_noise, noise, grid_utterances

    @torch.inference_mode()
    def attribute_recall(self, teacher: AttributeClassifier) -> float | None:
        """Share of mentioned attributes (or classes) that the teacher sees; None where none is mentioned."""
        validation = self.validation
        right = counted = 0
        for start in range(0, len(validation.mentions), BATCH):
            part = slice(start, start + BATCH)
            rows = range(len(validation.mentions))[part]
            seen, known = count_correct_attributes(
                teacher.read_heads(self.sample(rows, self.noise[part])),
                teacher.heads,
                validation.mentions[part],
                validation.classes[part],
                attributes=validation.attributes,
            )
            right, counted = right + seen, counted + known
        return right / counted if counted else None

    def scores(self, teacher: FeatureExtractor | None) -> dict[str, float]:
        """The same by its name, for the curves of a run; nothing where the teacher reads no attributes."""
        value = self.attribute_recall(teacher) if isinstance(teacher, AttributeClassifier) else None
        return {} if value is None else {"attribute_recall": value}

    def grids(self) -> dict[str, Image.Image]:
        """The grid by its name, for the pictures of a run; nothing where it has no rows."""
        grid = self.grid()
        return {} if grid is None else {"samples": grid}

    @torch.inference_mode()
    def grid(self) -> Image.Image | None:
        """Utterances spread evenly (rows, the real image first where there is one) with fixed noise (columns)."""
        validation, columns = self.validation, len(self.grid_noise)
        real = validation.images
        if real is None and not columns:
            return None

        # A row after the other.
        tiles: list[Tensor] = []
        count = min(self.grid_utterances, len(validation.embeddings))
        for row in np.linspace(0, len(validation.embeddings) - 1, count).astype(int).tolist():
            samples = self.sample([row] * columns, self.grid_noise).cpu()
            if real is not None:
                image = torch.from_numpy(real[row].copy()).permute(2, 0, 1)[None]
                tiles += pyramid(image, [samples.shape[-1]])
            tiles.append(samples)
        return image_grid(torch.cat(tiles), columns + (real is not None)) if tiles else None


def count_correct_attributes(
    guesses: Mapping[str, np.ndarray],
    heads: Mapping[str, Sequence[str]],
    mentions: np.ndarray,
    classes: Sequence[str],
    *,
    attributes: Mapping[str, Sequence[str]],
) -> tuple[int, int]:
    """Count the mentions that images show.

    Parameters
    ----------
    guesses : Mapping of str to ndarray of int, shape (U,)
        Number of the value that each head of the teacher sees.
    heads : Mapping of str to sequence of str
        The teacher's heads and their values.
    mentions : ndarray of int, shape (U, attributes)
        Number of the value of each attribute that an utterance mentions, `NOT_COUNTED` elsewhere.
    classes : sequence of str, length U
        Class of each utterance's image. It is what was said where the teacher knows no attributes.
    attributes : Mapping of str to sequence of str
        The columns of ``mentions`` and their values.

    Returns
    -------
    right, counted : int
        Mentions that the teacher sees in the image; mentions that it could see.
    """
    right = counted = 0

    # Attributes that the teacher knows; it may number their values otherwise, or lack some.
    for column, (name, values) in enumerate(attributes.items()):
        if name in heads:
            numbers = {value: number for number, value in enumerate(heads[name])}
            of_teacher = np.array([*(numbers.get(value, NOT_COUNTED) for value in values), NOT_COUNTED])
            wanted = of_teacher[mentions[:, column]]
            known = wanted != NOT_COUNTED
            right += int((guesses[name][known] == wanted[known]).sum())
            counted += int(known.sum())

    # The class, where it knows none of them.
    if not any(name in heads for name in attributes):
        for name in CLASS_HEADS:
            if name in heads:
                number = {value: index for index, value in enumerate(heads[name])}
                wanted = np.array([number.get(value, NOT_COUNTED) for value in classes], dtype=np.int64)
                known = wanted != NOT_COUNTED
                right += int((guesses[name][known] == wanted[known]).sum())
                counted += int(known.sum())
    return right, counted
