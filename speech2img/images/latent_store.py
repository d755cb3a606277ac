"""The latent store of a corpus: latents of its images from an image codec, as float16."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from speech2img.errors import DataError
from speech2img.images.encoded_store import EncodedFormat, EncodedKey, EncodedStore, write_encoded

LATENTS = EncodedFormat("speech2img-latents-1", "latents", np.dtype(np.float16), 3)


def write_latents(
    path: Path, parts: Iterable[np.ndarray], *, ids: Sequence[str], shape: tuple[int, ...], key: EncodedKey
) -> None:
    """Write a latent store; no more than one part is in memory.

    Parameters
    ----------
    path : Path
        The HDF5 file; it appears complete or not at all.
    parts : iterable of ndarray [shape=(n, views, C, h, w), float]
        Latents of the images in order.
    ids : sequence of str
        Name of each image.
    shape : tuple of int
        (views, C, h, w).
    key : EncodedKey
        What they depend on.

    Raises
    ------
    DataError
        If a value is beyond what float16 holds.
    """

    def pack(part: np.ndarray, first: str) -> np.ndarray:
        with np.errstate(over="ignore"):
            half = part.astype(np.float16)
        if not np.isfinite(half).all():
            reason = f"latents of {first!r} or one of the images behind it are beyond what float16 holds"
            raise DataError.about(path, reason, "give another codec")
        return half

    write_encoded(path, parts, format=LATENTS, ids=ids, shape=shape, key=key, pack=pack)


class LatentStore(EncodedStore):
    """Latents of a corpus.

    Parameters
    ----------
    path : path
        What `write_latents` wrote.

    Attributes
    ----------
    shape : tuple of int
        (C, h, w) of the latents of an image.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, LATENTS)
        channels, height, width = self.item_shape
        self.shape: tuple[int, int, int] = (channels, height, width)

    def read(self, indices: Sequence[int] | np.ndarray, *, mirrored: np.ndarray | None = None) -> np.ndarray:
        """Read latents (B, C, h, w), float32, of mean about 0 and deviation about 1; as of `read_views`."""
        return self.read_views(indices, mirrored).astype(np.float32)
