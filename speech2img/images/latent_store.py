"""The latent store of a corpus: what an image codec makes of its images, float16 in one HDF5 file with checksums."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from speech2img.errors import DataError
from speech2img.storage.atomic import atomic_path
from speech2img.storage.hdf5.opener import CheckedRows, open_store
from speech2img.storage.hdf5.seal import SEALED, check_of, seal_store

FORMAT = "speech2img-latents-1"
LATENT_ARRAYS = ("latents", "ids")
_AGAIN = "run 'speech2img features --codec' again"


@dataclass(frozen=True)
class LatentKey:
    """What latents depend on, beside the names of the images."""

    sha256: str
    """Hash of the codec's weights, with the scale of its latents."""
    image_size: int
    """Side of the images in pixels."""
    views: int
    """1: the images as they are; 2: their mirror images, left to right, behind them."""
    images: str
    """Digest of the image files, as their image store has it."""


def write_latents(
    path: Path, parts: Iterable[np.ndarray], *, ids: Sequence[str], shape: tuple[int, ...], key: LatentKey
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
    key : LatentKey
        What they depend on.

    Raises
    ------
    DataError
        If a value is beyond what float16 holds.
    """
    attributes: dict[str, str | int] = {"format": FORMAT, **asdict(key)}
    checks: list[int] = []
    with atomic_path(path) as temporary:
        with h5py.File(temporary, "w") as file:
            file["ids"] = np.array([name.encode() for name in ids])
            latents = file.create_dataset("latents", shape=(len(ids), *shape), dtype=np.float16)
            for part in parts:
                half = _half(part, ids[len(checks)], path)
                latents[len(checks) : len(checks) + len(half)] = half
                checks += map(check_of, half)
            file.attrs.update({**attributes, **SEALED})
        seal_store(temporary, arrays=LATENT_ARRAYS, attributes=attributes, rows="latents", checks=checks)


def _half(part: np.ndarray, first: str, path: Path) -> np.ndarray:
    """Latents as float16, all finite."""
    with np.errstate(over="ignore"):
        half = part.astype(np.float16)
    if not np.isfinite(half).all():
        reason = f"latents of {first!r} or one of the images behind it are beyond what float16 holds"
        raise DataError.about(path, reason, "give another codec")
    return half


class LatentStore:
    """Latents of a corpus as one array on the disk, each compared with its checksum when it is read.

    Parameters
    ----------
    path : path
        What `write_latents` wrote.

    Attributes
    ----------
    ids : list of str
        Names of the images, in the store's order.
    key : LatentKey
        What the latents depend on.
    shape : tuple of int
        (C, h, w) of the latents of an image.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        # Names and key.
        self.path = Path(path)
        names = ("sha256", "image_size", "views", "images")
        store = open_store(self.path, kind=FORMAT, arrays=LATENT_ARRAYS, attributes=names, fix=_AGAIN)
        self.ids = store.ids()
        numbers = store.number("image_size", 0), store.number("views", 0)
        self.key = LatentKey(store.text("sha256"), *numbers, store.text("images"))
        # The latents, which must be what the key says.
        self._rows = CheckedRows(store, "latents", kind="image", ids=self.ids)
        shape = self._rows.shape
        if self._rows.dtype != np.float16 or len(shape) != 5 or shape[1] != self.key.views or shape[1] not in (1, 2):
            raise store.damaged("damaged: its parts do not fit together")
        self.shape: tuple[int, int, int] = shape[2:]

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, indices: Sequence[int] | np.ndarray, *, mirrored: np.ndarray | None = None) -> np.ndarray:
        """Read latents.

        Parameters
        ----------
        indices : sequence of int [length=B]
            Positions, 0 to N - 1, in any order, repeats allowed.
        mirrored : ndarray of bool [shape=(B,)], optional
            Of which images the mirror image is wanted; where the store has none (``key.views`` is 1) it must be left
            out.

        Returns
        -------
        np.ndarray [shape=(B, C, h, w), float32]
            Mean about 0 and deviation about 1.

        Raises
        ------
        DataError
            If an item differs from what was written, or mirror images are wanted that are not there.
        """
        positions = np.asarray(indices, dtype=np.int64)
        if positions.size and not (0 <= positions.min() and positions.max() < len(self.ids)):
            raise IndexError(f"{self.path} holds {len(self.ids)} images, not number {positions.max()}")
        if mirrored is not None and self.key.views == 1:
            raise DataError.about(self.path, "holds no mirror images", f"{_AGAIN} with --mirrored")
        views = np.zeros(len(positions), np.int64) if mirrored is None else np.asarray(mirrored).astype(np.int64)
        return self._rows[positions][np.arange(len(positions)), views].astype(np.float32)
