"""Labelled pictures: what the teacher and the judge learn from."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.sampler import ResumableSampler
from speech2img.corpora.records.facts import CorpusFacts
from speech2img.corpora.records.items import CLASS_HEADS, Item
from speech2img.images.store import Images

NOT_COUNTED = -1
"""Label of a head that a picture says nothing about."""


class ImageBatch(NamedTuple):
    """Pictures and what they show."""

    images_BCHW: Tensor
    """uint8, (B, 3, S, S)."""
    labels_BH: Tensor
    """int64, (B, heads), `NOT_COUNTED` where a head has no answer."""
    indices_B: np.ndarray
    """Rows of the pictures in the store."""


def shift_images(images_BHWC: np.ndarray, *, pixels: int, generator: np.random.Generator) -> np.ndarray:
    """Move every picture by up to ``pixels`` in both directions, its edge repeated.

    Parameters
    ----------
    images_BHWC : ndarray of uint8, shape (B, S, S, 3)
        Pictures.
    pixels : int
        Largest shift; 0 returns the pictures as they are.
    generator : numpy.random.Generator
        Where the shifts come from.
    """
    if pixels == 0:
        return images_BHWC
    batch, height, width, _ = images_BHWC.shape
    padded = np.pad(images_BHWC, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="edge")
    offset = generator.integers(0, 2 * pixels + 1, size=(2, batch))
    rows = offset[0][:, None] + np.arange(height)
    columns = offset[1][:, None] + np.arange(width)
    return padded[np.arange(batch)[:, None, None], rows[:, :, None], columns[:, None, :]]


def to_tensor(images_BHWC: np.ndarray) -> Tensor:
    """uint8 pictures (B, S, S, 3) as a tensor (B, 3, S, S) whose channels lie last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images_BHWC)).permute(0, 3, 1, 2)


def head_values(items: Sequence[Item], facts: CorpusFacts, *, species: bool) -> dict[str, tuple[str, ...]]:
    """The heads that a corpus can teach, each with its values.

    Parameters
    ----------
    items : sequence of Item
        Training pictures.
    facts : CorpusFacts
        What the corpus says of its attributes.
    species : bool
        Add a head ``species`` with the classes of these pictures, where there are several and not one for each.

    Returns
    -------
    dict of str to tuple of str
        Attributes where any are known; a corpus without attributes has the head ``class`` alone, if there are several
        classes and not one for each picture.
    """
    classes = tuple(sorted({item.class_name for item in items}))
    if not facts.attributes or all(item.attributes is None for item in items):
        return {"class": classes} if 1 < len(classes) < len(items) else {}
    tells = len(classes) > 1 and any(item.class_name != item.id for item in items)
    heads = {"species": classes} if species and tells else {}
    return heads | {name: tuple(values) for name, values in facts.attributes.items()}


def label_attributes(
    attributes: Mapping[str, str], heads: Mapping[str, Sequence[str]], facts: CorpusFacts
) -> list[int]:
    """Labels of one picture with known attributes; what it cannot show is not counted."""
    visible = facts.visible(attributes)
    return [list(values).index(attributes[name]) if name in visible else NOT_COUNTED for name, values in heads.items()]


def label_items(items: Sequence[Item], heads: Mapping[str, Sequence[str]], facts: CorpusFacts) -> np.ndarray:
    """Labels of pictures, one column a head; parameters are those of `head_values`, and its heads.

    Returns
    -------
    ndarray of int64, shape (N, heads)
        `NOT_COUNTED` for a class that the head does not have, for attributes that are unknown or hidden.
    """
    index = {name: {value: number for number, value in enumerate(values)} for name, values in heads.items()}
    labels = np.full((len(items), len(heads)), NOT_COUNTED, dtype=np.int64)
    for row, item in enumerate(items):
        visible = facts.visible(item.attributes) if item.attributes is not None else frozenset()
        for column, name in enumerate(heads):
            if name in CLASS_HEADS:
                labels[row, column] = index[name].get(item.class_name, NOT_COUNTED)
            elif name in visible and item.attributes is not None:
                labels[row, column] = index[name].get(item.attributes[name], NOT_COUNTED)
    return labels


def label_values(
    descriptions: Sequence[Mapping[str, str] | None], attributes: Mapping[str, Sequence[str]]
) -> np.ndarray:
    """Numbers of the values that descriptions give, in words or as pictures.

    Parameters
    ----------
    descriptions : sequence of (Mapping of str to str, or None)
        Attribute -> value, as far as it is given.
    attributes : Mapping of str to sequence of str
        The columns, and the values of each.

    Returns
    -------
    ndarray of int64, shape (N, attributes)
        `NOT_COUNTED` where an attribute is not given, or has another value.
    """
    index = {name: {value: number for number, value in enumerate(values)} for name, values in attributes.items()}
    labels = np.full((len(descriptions), len(attributes)), NOT_COUNTED, dtype=np.int64)
    for line, description in zip(labels, descriptions, strict=True):
        for column, name in enumerate(attributes):
            if description is not None and name in description:
                line[column] = index[name].get(description[name], NOT_COUNTED)
    return labels


class ImageBatches:
    """Shuffled, shifted batches of labelled pictures.

    Parameters
    ----------
    images : ndarray of uint8 or CheckedRows, shape (N, S, S, 3)
        All pictures.
    labels : ndarray of int64, shape (N, heads)
        As from `label_items`.
    rows : ndarray of int
        Which pictures are drawn from.
    batch_size, seed : int
        Of the sampler.
    shift : int
        Largest random shift in pixels. Nothing is flipped or brightened: direction and light are attributes.
    noise : float
        Standard deviation of added noise in grey levels.
    """

    def __init__(
        self,
        images: Images,
        labels: np.ndarray,
        rows: np.ndarray,
        *,
        batch_size: int,
        seed: int,
        shift: int = 0,
        noise: float = 0.0,
    ) -> None:
        self._images, self._labels, self._rows = images, labels, rows
        self._shift, self._noise = shift, noise
        self.sampler = ResumableSampler(len(rows), batch_size, seed=seed)

    def next(self) -> ImageBatch:
        """Draw a batch."""
        drawn, generator = self.sampler.next()
        rows = self._rows[drawn]
        images = shift_images(self._images[rows], pixels=self._shift, generator=generator)
        if self._noise > 0:
            noisy = images + self._noise * generator.standard_normal(images.shape, dtype=np.float32)
            images = np.clip(noisy + 0.5, 0, 255).astype(np.uint8)
        return ImageBatch(to_tensor(images), torch.from_numpy(self._labels[rows]), rows)
