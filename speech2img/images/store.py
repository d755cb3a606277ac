"""The image store of a corpus: all pictures decoded, cropped and scaled in one HDF5 file; its building can go on."""

import copy
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import h5py
import numpy as np
from PIL import Image

from speech2img.errors import DataError, RunInterrupted
from speech2img.images.io import Box, read_cropped
from speech2img.storage.atomic import disk_errors, disk_full, fsync
from speech2img.storage.hdf5.opener import CheckedRows, Store, open_store
from speech2img.storage.hdf5.probe import Place
from speech2img.storage.hdf5.seal import SEALED, check_of, seal_store
from speech2img.storage.hdf5.sources import REBUILD, demand_store_or_nothing, digest_sources, map_in_order
from speech2img.storage.journal import Journal
from speech2img.storage.lock import run_lock
from speech2img.storage.progress import Progress

FORMAT = "speech2img-images-1"

_ARRAYS, _ATTRIBUTES = ("pixels", "ids"), ("format", "source")

_BATCH_ITEMS, _BATCH_SECONDS = 256, 2.0

Entry = tuple[str, Path, Box | None]
Images = np.ndarray | CheckedRows
"""uint8 pictures (N, S, S, 3), in memory or in a store, where each is checked when it is read."""


def build_image_store(
    path: str | Path, entries: Sequence[Entry], *, size: int, workers: int = 2, progress: bool = True
) -> "ImageStore":
    """Decode, crop and scale many pictures once and keep them as 8-bit RGB.

    Parameters
    ----------
    path : path
        The HDF5 file. While it is being built it lies in the folder ``<path>.building``, from which an interrupted
        build resumes; under its own name it appears complete or not at all.
    entries : sequence of (id, Path, box or None)
        Name, file and bounding box of each picture; the order is the store's order.
    size : int
        Side of the stored squares in pixels.
    workers : int
        Pictures decoded at the same time; the content does not depend on it.
    progress : bool
        Whether to show a progress bar; it counts what is on the disk.

    Returns
    -------
    ImageStore
        The finished store. One that is there already is returned at once if it holds the same ids of the same files
        (size and time of each) at the same size, and built again otherwise.

    Raises
    ------
    DataError
        If pictures are missing or ids repeat; the first few are named. If a folder, pipe or device has the name.
    ImageError
        If a picture cannot be used; it is named.
    DiskFullError, RunInterrupted
        On a full disk and on Ctrl-C: what is finished stays, the same call resumes.
    """
    # Reuse a store of the same images at the same size.
    path = Path(path)
    if size < 1:
        raise DataError.about(f"image size {size}", "less than a pixel", "give a side in pixels")
    sources = ((name, file, repr(box)) for name, file, box in entries)
    # "upright": stores made before pictures were turned by their orientation tag are built again
    source = digest_sources(f"{FORMAT} upright {size}", sources, fix="prepare the corpus first: 'speech2img prepare'")
    demand_store_or_nothing(path)
    if path.exists() and (store := _up_to_date(path, source)) is not None:
        return store
    # Decode what is missing; finished images of an interrupted call are kept.
    building = path.with_name(f"{path.name}.building")
    with run_lock(building), disk_errors(path):
        unfinished = _Unfinished(building, [name for name, _, _ in entries], size, source)
        try:
            unfinished.fill(entries, workers=workers, progress=progress)
        except KeyboardInterrupt:
            reason = f"interrupted after {unfinished.done} of {len(entries)} pictures"
            raise RunInterrupted.about(path, reason, "run the same command again to go on") from None
        # Complete under the final name or not at all.
        unfinished.seal()
        os.replace(unfinished.path, path)
        fsync(path.parent)
        shutil.rmtree(building)
    return ImageStore(path)


def square_thumbnail(image: Image.Image, size: int) -> np.ndarray:
    """Scale the middle square of a picture.

    Parameters
    ----------
    image : PIL.Image.Image [mode RGB]
        Any size.
    size : int
        Side of the result in pixels.

    Returns
    -------
    np.ndarray [shape=(size, size, 3), uint8]
        Antialiased bilinear, as the published pipelines scale; proportions are kept.
    """
    side = min(image.size)
    left, upper = (image.width - side) // 2, (image.height - side) // 2
    middle = image.crop((left, upper, left + side, upper + side))
    return np.asarray(middle.resize((size, size), Image.Resampling.BILINEAR))


class ImageStore:
    """Pictures of a corpus as one array on the disk, read through memory mapping.

    Parameters
    ----------
    path : path
        What :func:`build_image_store` wrote.

    Attributes
    ----------
    ids : list of str
        Names of the pictures, in the store's order.
    size : int
        Side of the pictures in pixels.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        store = _open(self.path, finished=True)
        self.source, self.ids = store.text("source"), store.ids()
        self._rows = CheckedRows(store, "pixels", kind="picture", ids=self.ids, mode="c")
        shape = self._rows.shape
        if len(shape) != 4 or shape[1:] != (shape[1], shape[1], 3) or self._rows.dtype != np.uint8:
            raise store.damaged("damaged: its parts do not fit together")
        self.size: int = shape[1]
        self._index: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def index(self, name: str) -> int:
        """Position of a picture; DataError if the store does not hold it."""
        if self._index is None:
            self._index = {name: position for position, name in enumerate(self.ids)}
        try:
            return self._index[name]
        except KeyError:
            raise DataError.about(self.path, f"holds no picture {name!r}", REBUILD) from None

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Read pictures.

        Parameters
        ----------
        indices : sequence of int [length=B]
            Positions, 0 to N - 1, in any order, repeats allowed.

        Returns
        -------
        np.ndarray [shape=(B, size, size, 3), uint8]

        Raises
        ------
        DataError
            If a picture differs from what was written.
        """
        positions = np.asarray(indices, dtype=np.int64)
        if positions.size and not (0 <= positions.min() and positions.max() < len(self.ids)):
            raise IndexError(f"{self.path} holds {len(self.ids)} pictures, not number {positions.max()}")
        return self._rows[positions]

    def pixels(self) -> CheckedRows:
        """Every picture, uint8 (N, size, size, 3), each read from the disk and checked when it is asked for.

        Processes share what the operating system keeps of it in memory. Writing into the array behind it changes
        nothing on the disk.
        """
        return copy.copy(self._rows)


class _Unfinished:
    """A store under construction: the HDF5 file with its final layout, and a journal of the batches that count.

    The file's structure is complete before the first picture: after that only pixels are written, so that a crash at
    any moment leaves a readable file, and the journal says how much of it is true.
    """

    def __init__(self, folder: Path, ids: list[str], size: int, source: str) -> None:
        self.path = folder / "images.h5"
        self.done = 0
        self._checks: list[int] = []
        journal_path = folder / "journal.jsonl"
        # Begin with an empty file where the journal speaks of other images.
        self._journal = Journal(journal_path)
        shape = (len(ids), size, size, 3)
        is_outdated = self._journal.done.get("source", {}).get("digest") != source or not self.path.is_file()
        if is_outdated:
            journal_path.unlink()
            _create(self.path, ids, shape, source)
            self._journal = Journal(journal_path)
            self._journal.add("source", digest=source)
        # The file must be what the journal says it is.
        store = _open(self.path, finished=False)
        stored = store.arrays["pixels"]
        if (
            not isinstance(stored, Place)
            or stored.shape != shape
            or store.ids() != ids
            or store.text("source") != source
        ):
            raise DataError.about(folder, "the unfinished store is damaged", "delete this folder and try again")
        self._offset, self._shape = stored.offset, shape
        if not is_outdated:
            self._take_over()

    def _take_over(self) -> None:
        """Let count what an earlier process's journal says; earlier versions wrote no checksums, pixels give them."""
        pixels = np.memmap(self.path, np.uint8, "r", offset=self._offset, shape=self._shape)
        while batch := self._journal.done.get(str(self.done)):
            count = batch.get("count")
            if type(count) is not int or not 0 < count <= len(pixels) - self.done:
                return
            checks = batch.get("checks")
            if checks is None:
                checks = [check_of(row) for row in pixels[self.done : self.done + count]]
            if not isinstance(checks, list) or len(checks) != count or any(type(check) is not int for check in checks):
                return
            self.done += count
            self._checks += checks

    def fill(self, entries: Sequence[Entry], *, workers: int, progress: bool) -> None:
        """Decode what is missing, in order."""
        size = self._shape[1]
        pixels = np.memmap(self.path, np.uint8, "r+", offset=self._offset, shape=self._shape)
        bar = Progress(total=len(entries), initial=self.done, what=f"images {size}", unit="img", progress=progress)
        # Commit in batches and after some seconds, so that an interruption costs little.
        position, since = self.done, monotonic()
        with bar:
            try:
                for image in map_in_order(lambda entry: _read_entry(entry, size), entries[self.done :], workers):
                    pixels[position] = image
                    self._checks.append(check_of(image))
                    position += 1
                    if position - self.done >= _BATCH_ITEMS or monotonic() - since > _BATCH_SECONDS:
                        self._commit(pixels, position, bar)
                        since = monotonic()
            finally:
                self._commit(pixels, position, bar)

    def _commit(self, pixels: np.memmap, position: int, bar: Progress) -> None:
        if position > self.done:
            pixels.flush()
            fsync(self.path)
            self._journal.add(str(self.done), count=position - self.done, checks=self._checks[self.done : position])
            bar.update(position - self.done)
            self.done = position

    def seal(self) -> None:
        """Write the checksums behind the finished pictures."""
        seal_store(self.path, arrays=_ARRAYS, attributes=_ATTRIBUTES, rows="pixels", checks=self._checks)
        fsync(self.path)


def _open(path: Path, *, finished: bool) -> Store:
    """Open a store, or one under construction."""
    return open_store(path, kind=FORMAT, arrays=_ARRAYS, attributes=_ATTRIBUTES, fix=REBUILD, finished=finished)


def _create(path: Path, ids: list[str], shape: tuple[int, ...], source: str) -> None:
    """Write the store's structure with room for its pixels."""
    # Ask for the space first.
    needed = int(np.prod(shape))
    if shutil.disk_usage(path.parent).free < needed:
        raise disk_full(path, needed)
    # Without times and fill values the same images make the same bytes.
    with h5py.File(path, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["source"] = source
        file.attrs.update(SEALED)
        file["ids"] = np.array([name.encode() for name in ids])
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        layout.set_obj_track_times(False)  # the same pictures make the same bytes
        space = h5py.h5s.create_simple(shape)
        h5py.h5d.create(file.id, b"pixels", h5py.h5t.NATIVE_UINT8, space, layout)
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.posix_fallocate(descriptor, 0, path.stat().st_size)  # a full disk shows now, not as a signal in mid-write
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_entry(entry: Entry, size: int) -> np.ndarray:
    _, path, box = entry
    return square_thumbnail(read_cropped(path, box), size)


def _up_to_date(path: Path, source: str) -> ImageStore | None:
    try:
        store = ImageStore(path)
    except DataError:
        return None
    return store if store.source == source else None
