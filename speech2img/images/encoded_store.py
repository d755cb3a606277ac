"""What an image codec makes of a corpus, in one HDF5 file with checksums: what latent and token stores share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from speech2img.errors import DataError
from speech2img.storage.atomic import atomic_path
from speech2img.storage.hdf5.opener import CheckedRows, Store, open_store
from speech2img.storage.hdf5.seal import SEALED, check_of, seal_store

AGAIN = "run 'speech2img features --codec' again"


@dataclass(frozen=True)
class EncodedKey:
    """What encoded images depend on, beside their names."""

    sha256: str
    """Hash of the codec's weights, with the scale of its latents."""
    image_size: int
    """Side of the images in pixels."""
    views: int
    """1: the images as they are; 2: their mirror images, left to right, behind them."""
    images: str
    """Digest of the image files, as their image store has it."""


@dataclass(frozen=True)
class EncodedFormat:
    """One kind of store."""

    name: str
    """In the file, to tell it from others."""
    array: str
    """Name of what is stored."""
    dtype: np.dtype
    """Of the stored values."""
    axes: int
    """Of what is stored of one view of an image."""

    @property
    def arrays(self) -> tuple[str, str]:
        """All arrays of a file."""
        return self.array, "ids"


def write_encoded(
    path: Path,
    parts: Iterable[np.ndarray],
    *,
    format: EncodedFormat,
    ids: Sequence[str],
    shape: tuple[int, ...],
    key: EncodedKey,
    pack: Callable[[np.ndarray, str], np.ndarray],
    attributes: Mapping[str, int] | None = None,
) -> None:
    """Write a store; no more than one part is in memory.

    Parameters
    ----------
    path : Path
        The HDF5 file; it appears complete or not at all.
    parts : iterable of ndarray [shape=(n, *shape)]
        Of the images in order.
    format : EncodedFormat
        Which kind.
    ids : sequence of str
        Name of each image.
    shape : tuple of int
        (views, ...).
    key : EncodedKey
        What it depends on.
    pack : callable
        ``pack(part, name of its first image)``: the part in the type that is stored; refuses what that cannot hold.
    attributes : mapping of str to int, optional
        What else the file says.
    """
    written: dict[str, str | int] = {"format": format.name, **asdict(key), **(attributes or {})}
    checks: list[int] = []
    with atomic_path(path) as temporary:
        with h5py.File(temporary, "w") as file:
            file["ids"] = np.array([name.encode() for name in ids])
            stored = file.create_dataset(format.array, shape=(len(ids), *shape), dtype=format.dtype)
            for part in parts:
                packed = pack(part, ids[len(checks)])
                stored[len(checks) : len(checks) + len(packed)] = packed
                checks += map(check_of, packed)
            file.attrs.update({**written, **SEALED})
        seal_store(temporary, arrays=format.arrays, attributes=written, rows=format.array, checks=checks)


class EncodedStore:
    """Encoded images of a corpus as one array on the disk, each compared with its checksum when it is read.

    Parameters
    ----------
    path : path
        What `write_encoded` wrote.
    format : EncodedFormat
        Which kind it must be.
    attributes : sequence of str
        What else it must say.

    Attributes
    ----------
    ids : list of str
        Names of the images, in the store's order.
    key : EncodedKey
        What the content depends on.
    item_shape : tuple of int
        Of one view of an image.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """

    def __init__(self, path: str | Path, format: EncodedFormat, attributes: Sequence[str] = ()) -> None:
        # Names and key.
        self.path = Path(path)
        names = ("sha256", "image_size", "views", "images", *attributes)
        self._store: Store = open_store(self.path, kind=format.name, arrays=format.arrays, attributes=names, fix=AGAIN)
        self.ids = self._store.ids()
        numbers = self._store.number("image_size", 0), self._store.number("views", 0)
        self.key = EncodedKey(self._store.text("sha256"), *numbers, self._store.text("images"))
        # The content, which must be what the key says.
        self._rows = CheckedRows(self._store, format.array, kind="image", ids=self.ids)
        shape = self._rows.shape
        fits = len(shape) == format.axes + 2 and shape[1] == self.key.views and shape[1] in (1, 2)
        if self._rows.dtype != format.dtype or not fits:
            raise self._store.damaged("damaged: its parts do not fit together")
        self.item_shape: tuple[int, ...] = shape[2:]

    def __len__(self) -> int:
        return len(self.ids)

    def read_views(self, indices: Sequence[int] | np.ndarray, mirrored: np.ndarray | None) -> np.ndarray:
        """Read one view of each image.

        Parameters
        ----------
        indices : sequence of int [length=B]
            Positions, 0 to N - 1, in any order, repeats allowed.
        mirrored : ndarray of bool [shape=(B,)], optional
            Of which images the mirror image is wanted; where the store has none (``key.views`` is 1) it must be left
            out.

        Returns
        -------
        np.ndarray [shape=(B, *item_shape)]
            As it is stored.

        Raises
        ------
        DataError
            If an item differs from what was written, or mirror images are wanted that are not there.
        """
        positions = np.asarray(indices, dtype=np.int64)
        if positions.size and not (0 <= positions.min() and positions.max() < len(self.ids)):
            raise IndexError(f"{self.path} holds {len(self.ids)} images, not number {positions.max()}")
        if mirrored is not None and self.key.views == 1:
            raise DataError.about(self.path, "holds no mirror images", f"{AGAIN} with --mirrored")
        views = np.zeros(len(positions), np.int64) if mirrored is None else np.asarray(mirrored).astype(np.int64)
        chosen: np.ndarray = self._rows[positions][np.arange(len(positions)), views]
        return chosen
