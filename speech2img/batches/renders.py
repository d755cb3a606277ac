"""Fresh renders with evenly drawn attributes: what the judge learns from and is tested on."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img.batches.labelled_images import label_attributes
from speech2img.corpora.registry import first_pen
from speech2img.errors import DataError
from speech2img.images.store import square_thumbnail
from speech2img.storage.atomic import atomic_path
from speech2img.storage.foreign.npz import load_arrays
from speech2img.storage.fork_map import fork_map
from speech2img.storage.progress import Progress

_JUDGE = 0x6A75646765
_CHUNK = 64


def render_one(render_seed: int, number: int, size: int) -> tuple[dict[str, str], np.ndarray]:
    """One picture with attributes drawn evenly.

    Parameters
    ----------
    render_seed : int
        Names the collection; the first words of its seed sequences keep it apart from every corpus.
    number : int
        Which picture of the collection.
    size : int
        Side in pixels; rendered four times as large and reduced as the image store does.

    Returns
    -------
    attributes : dict of str to str
    image : ndarray of uint8, shape (size, size, 3)
    """
    generator = np.random.default_rng([_JUDGE, render_seed, number])
    pen = first_pen()
    attributes = pen.random_attributes(generator)
    large = pen.draw(attributes, seed=int(generator.integers(2**62, 2**63 - 1)), size=256)
    return attributes, square_thumbnail(Image.fromarray(large), size)


def _render_chunk(
    render_seed: int, numbers: range, *, size: int, heads: dict[str, tuple[str, ...]]
) -> tuple[np.ndarray, np.ndarray]:
    pairs = [render_one(render_seed, number, size) for number in numbers]
    facts = first_pen().facts
    return np.stack([image for _, image in pairs]), np.array([label_attributes(a, heads, facts) for a, _ in pairs])


def render_collection(
    path: Path,
    *,
    count: int,
    render_seed: int,
    size: int,
    heads: Mapping[str, Sequence[str]],
    workers: int = 2,
    progress: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels of a collection, rendered once and kept in a file.

    Parameters
    ----------
    path : Path
        ``.npz`` file of the collection; used where it holds exactly what is asked for, made otherwise.
    count, render_seed, size : int
        How many, which collection, side in pixels.
    heads : Mapping[str, Sequence[str]]
        Attributes and their values, in the order of the label columns.
    workers : int
        Processes; the pictures do not depend on it.
    progress : bool
        Show a bar.

    Returns
    -------
    images : ndarray of uint8, shape (count, size, size, 3)
    labels : ndarray of int64, shape (count, heads)
    """
    # Take a finished collection, if it is the one asked for.
    key = f"{count} {render_seed} {size} {sorted(heads)}"
    if path.is_file():
        try:
            stored = load_arrays(path)
            if str(stored["key"]) == key:
                return _checked(stored["images"], stored["labels"], (count, size, size, 3), (count, len(heads)))
        except (OSError, ValueError, KeyError) as error:
            raise DataError.about(
                path, f"not a collection of renders ({error})", "delete it, it is made again"
            ) from error
    # Render in processes, in chunks whose content does not depend on their number.
    plain = {name: tuple(values) for name, values in heads.items()}
    chunks = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    bar = Progress(total=count, what="renders", unit="image", progress=progress)
    parts = []
    render = partial(_render_chunk, render_seed, size=size, heads=plain)
    with bar, closing(fork_map(render, chunks, workers)) as rendered:
        for part in rendered:
            parts.append(part)
            bar.update(len(part[0]))
    images = np.concatenate([images for images, _ in parts])
    labels = np.concatenate([labels for _, labels in parts]).astype(np.int64)
    # Keep it.
    with atomic_path(path) as temporary:
        np.savez(temporary, images=images, labels=labels, key=np.array(key))
    return images, labels


def _checked(
    images: np.ndarray, labels: np.ndarray, of_images: tuple[int, ...], of_labels: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels of the right shapes and types; ValueError otherwise."""
    if (images.shape, images.dtype, labels.shape, labels.dtype) != (of_images, np.uint8, of_labels, np.int64):
        raise ValueError(f"pictures {images.shape} of {images.dtype}, labels {labels.shape} of {labels.dtype}")
    return images, labels
