"""Pictures for a classifier: dealt into three parts, seen whole or as random parts, read or as features kept."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.corpora.registry import facts_of
from speech2img.distributed.chunked_work import compute_chunks, shared_chunks
from speech2img.errors import DataError
from speech2img.images.input_filters import legacy
from speech2img.metrics.images.sources import FileImages, ImageFile, ImageSource
from speech2img.storage.chunks import Chunk
from speech2img.storage.hdf5.sources import map_in_order
from speech2img.training.classifiers.settings import Classes

PARTS = ("training", "validation", "held-out")
CHUNK = 64
_SPLITS: Mapping[Classes, tuple[str, ...]] = {
    "unseen": ("test",),
    "seen": ("train", "val", "test_seen"),
    "all": ("train", "val", "test_seen", "test"),
}


def choose_items(manifest: Manifest, classes: Classes) -> list[Item]:
    """Pictures of the classes to be told apart, sorted by name.

    Raises
    ------
    DataError
        If there are fewer than two classes.
    """
    items = sorted((item for item in manifest.items if item.split in _SPLITS[classes]), key=lambda item: item.id)
    num_classes = len({item.class_name for item in items})
    if num_classes < 2:
        raise DataError.about(
            manifest.root,
            f"{num_classes} {classes} classes",
            f"set classes to one of {', '.join(_SPLITS)}, or give another corpus",
        )
    return items


def deal(items: Sequence[Item], *, validation: float, held_out: float, seed: int) -> dict[str, np.ndarray]:
    """Deal pictures into three parts, class by class.

    Parameters
    ----------
    items : sequence of Item
        In a fixed order.
    validation, held_out : float
        Part of each class, at least one picture of it.
    seed : int
        Seed of the deal.

    Returns
    -------
    dict of str to ndarray of int
        Rows in ``items`` for each of ``PARTS``, sorted.

    Raises
    ------
    DataError
        If a class has no picture left to train on.
    """
    of_class: dict[str, list[int]] = {}
    for row, item in enumerate(items):
        of_class.setdefault(item.class_name, []).append(row)
    rng = np.random.default_rng(seed)
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for name in sorted(of_class):
        rows = [of_class[name][number] for number in rng.permutation(len(of_class[name]))]
        chosen, kept = (max(1, round(share * len(rows))) for share in (validation, held_out))
        if len(rows) <= chosen + kept:
            raise DataError.about(name, f"{len(rows)} pictures for three parts", "give at least 3 pictures a class")
        parts["validation"] += rows[:chosen]
        parts["held-out"] += rows[chosen : chosen + kept]
        parts["training"] += rows[chosen + kept :]
    return {part: np.array(sorted(rows)) for part, rows in parts.items()}


def item_images(manifest: Manifest, items: Sequence[Item], *, crop: bool) -> FileImages:
    """The files of sorted items as a source in the same order."""
    boxed = crop and facts_of(manifest).crop
    files = (ImageFile(item.id, manifest.root / item.image, item.box if boxed else None) for item in items)
    return FileImages(files, name=f"{manifest.root}, {len(items)} pictures")


def vary(picture: Image.Image, generator: np.random.Generator, *, smallest: float) -> Image.Image:
    """A random part of a picture, mirrored in half of the cases.

    Parameters
    ----------
    picture : PIL.Image.Image
        Any size.
    generator : numpy.random.Generator
        Where chance comes from.
    smallest : float
        Smallest side of the part as a share of the picture's, 0..1.
    """
    scale = generator.uniform(smallest, 1.0)
    width, height = (max(1, round(scale * side)) for side in picture.size)
    left = int(generator.integers(picture.width - width + 1))
    upper = int(generator.integers(picture.height - height + 1))
    part = picture.crop((left, upper, left + width, upper + height))
    return ImageOps.mirror(part) if generator.integers(2) else part


class ImageInputs:
    """Pictures read anew every time, as the network takes them.

    Parameters
    ----------
    source : ImageSource
        The pictures.
    smallest : float
        As for ``vary``.
    workers : int
        Threads that decode.
    """

    def __init__(self, source: ImageSource, *, smallest: float, workers: int) -> None:
        self._source, self._smallest, self._workers = source, smallest, workers

    def draw(self, rows: np.ndarray, generator: np.random.Generator) -> Tensor:
        """Random parts (B, 3, 299, 299) in -1..1 of some pictures."""
        seeds = generator.integers(2**62, size=len(rows)).tolist()
        return self._read([(int(row), seed) for row, seed in zip(rows, seeds, strict=True)])

    def plain(self, rows: np.ndarray) -> Tensor:
        """The pictures themselves (B, 3, 299, 299) in -1..1."""
        return self._read([(int(row), None) for row in rows])

    def _read(self, wanted: Sequence[tuple[int, int | None]]) -> Tensor:
        def prepare(entry: tuple[int, int | None]) -> np.ndarray:
            row, seed = entry
            picture, _ = self._source.read(row)
            if seed is not None:
                picture = vary(picture, np.random.default_rng(seed), smallest=self._smallest)
            return legacy(picture)

        stacked = np.stack(list(map_in_order(prepare, wanted, self._workers)))
        return torch.from_numpy(stacked).permute(0, 3, 1, 2)


class FeatureInputs:
    """Features that were computed once, several views a training picture.

    Parameters
    ----------
    views : sequence of ndarray of float32
        For each picture (its views, D); the first is the picture itself.
    """

    def __init__(self, views: Sequence[np.ndarray]) -> None:
        self._views = views

    def draw(self, rows: np.ndarray, generator: np.random.Generator) -> Tensor:
        """Features (B, D) of a random view of some pictures."""
        chosen = [self._views[row][generator.integers(len(self._views[row]))] for row in rows]
        return torch.from_numpy(np.stack(chosen))

    def plain(self, rows: np.ndarray) -> Tensor:
        """Features (B, D) of the pictures themselves."""
        return torch.from_numpy(np.stack([self._views[row][0] for row in rows]))

    def statistics(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Mean and deviation (D,) over all views of some pictures; a feature that never varies gets deviation 1."""
        features = np.concatenate([self._views[row] for row in rows]).astype(np.float64)
        std = features.std(axis=0)
        std[std < 1e-6 * max(1.0, float(std.max()))] = 1.0
        return torch.from_numpy(features.mean(axis=0)).float(), torch.from_numpy(std).float()


def compute_features(
    source: ImageSource,
    read: Callable[[Tensor], Tensor],
    *,
    num_views: np.ndarray,
    smallest: float,
    key: str,
    folder: Path,
    workers: int,
    progress: bool,
) -> FeatureInputs:
    """Features of all pictures, by all processes of the job, in a folder where an interrupted computation resumes.

    Parameters
    ----------
    source : ImageSource
        The pictures.
    read : callable
        Pictures (B, 3, 299, 299) in -1..1 to features (B, D).
    num_views : ndarray of int, shape (N,)
        Views of each picture, 1 for the picture alone.
    smallest : float
        As for ``vary``.
    key : str
        Names the network.
    folder : Path
        Where finished parts are kept.
    workers : int
        Threads that decode.
    progress : bool
        Show a progress bar.
    """
    # Finished parts are kept under all that they depend on.
    cache_key = json.dumps([key, source.fingerprint(), smallest, num_views.tolist()])
    kept = folder / f"features-{hashlib.sha256(cache_key.encode()).hexdigest()[:32]}"
    inputs = ImageInputs(source, smallest=smallest, workers=workers)

    # A part is some rows, and of each the image itself and its random views.
    starts = range(0, len(num_views), CHUNK)

    def rows_of(start: int) -> np.ndarray:
        return np.arange(start, min(start + CHUNK, len(num_views)))

    def compute(start: int) -> Chunk:
        rows = rows_of(start)
        features = {"view0": read(inputs.plain(rows))}
        for number in range(1, int(num_views[rows].max())):
            seen = rows[num_views[rows] > number]
            features[f"view{number}"] = read(inputs.draw(seen, np.random.default_rng([start, number])))
        arrays = {name: values.cpu().numpy() for name, values in features.items()}
        return Chunk(arrays, tuple(source.ids[row] for row in rows.tolist()))

    # Compute what is missing, then read all parts.
    views: list[np.ndarray] = []
    with shared_chunks(kept) as chunks:
        compute_chunks(chunks, starts, compute, desc="features", progress=progress)
        for start in starts:
            rows = rows_of(start)
            of_row: dict[int, list[np.ndarray]] = {int(row): [] for row in rows}
            for number in range(int(num_views[rows].max())):
                stored = chunks.features(f"view{number}", start)
                for row, values in zip(rows[num_views[rows] > number], stored, strict=True):
                    of_row[int(row)].append(values)
            views += [np.stack(of_row[int(row)]) for row in rows]
    return FeatureInputs(views)
