"""Where pictures to be judged come from: folders, lists, a corpus, an array, an image store; always in one order."""

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from speech2img.corpora.records.utterances import ManifestLike
from speech2img.errors import DataError
from speech2img.features.base import check_images
from speech2img.images.io import Box, holds_several, read_cropped
from speech2img.metrics.images.folders import SUFFIXES, images_below, printable, spelled_as_stored, unused_notes
from speech2img.metrics.images.real_images import ImageStoreLike
from speech2img.storage.hdf5.sources import digest_sources
from speech2img.storage.lines import text_lines
from speech2img.storage.reading import file_sha256, read_bytes

NO_CROP = "whole pictures"
BOX_CROP = "cropped to the square of 1.5 times the longer side of their bounding box (StackGAN's rule)"
_MAX_LIST_BYTES = 64 << 20


class ImageSource(Protocol):
    """Pictures with an order of their own."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def crop(self) -> str:
        """Crop rule, in words."""

    @property
    def ids(self) -> Sequence[str]:
        """Unique name of each picture, in the order of the features."""

    def read(self, index: int) -> tuple[Image.Image, str]:
        """A picture of mode RGB, cropped, and the SHA-256 of its content with its crop; ImageError names it."""

    def fingerprint(self) -> str:
        """Hash that changes when a picture does, cheap to compute: the key of unfinished work."""


@dataclass(frozen=True, order=True)
class ImageFile:
    """One file to be read."""

    id: str
    """Its name; files are read in the order of their names, however they were listed."""
    path: Path
    box: Box | None = None
    """Bounding box x, y, width, height in pixels, to crop to."""


class FileImages:
    """Picture files.

    Parameters
    ----------
    files : iterable of ImageFile
        In any order.
    name : str
        What messages call them.
    upright : bool
        Turn photographs as the orientation tag of their camera says; published code did not.
    passed : Mapping of str to str
        What lay beside them and is not used, with the reason.

    Raises
    ------
    DataError
        If there are none, some are missing, or a name occurs twice.
    """

    def __init__(
        self,
        files: Iterable[ImageFile],
        *,
        name: str,
        upright: bool = True,
        passed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        # Sorted by id: the order of the folder changes nothing.
        self._files = sorted(files, key=lambda file: file.id)
        self._upright = upright
        self.name = name
        self.passed = passed
        if not self._files:
            raise DataError.about(name, "holds no pictures", f"give pictures ({', '.join(SUFFIXES)})")
        # All cropped, or none.
        boxed = sum(file.box is not None for file in self._files)
        if boxed not in (0, len(self._files)):
            bare = next(file.id for file in self._files if file.box is None)
            raise DataError.about(name, f"{bare} has no bounding box, others have", "crop all pictures or none")
        self.crop = BOX_CROP if boxed else NO_CROP
        self.ids = [file.id for file in self._files]
        # Size and time of each file stand for its content.
        self._fingerprint = digest_sources(
            f"{self.crop}, {'upright' if upright else 'as stored'}",
            ((file.id, file.path, repr(file.box)) for file in self._files),
            fix="give existing files, once",
        )

    def several(self) -> list[str]:
        """Names of animations and of files with several pages, of which the first picture is taken."""
        return [file.id for file in self._files if holds_several(file.path)]

    def read(self, index: int) -> tuple[Image.Image, str]:
        """See ``ImageSource``."""
        file = self._files[index]
        image = read_cropped(file.path, file.box, upright=self._upright)
        sha256 = file_sha256(file.path)
        return image, sha256 if file.box is None else f"{sha256} {file.box}"

    def fingerprint(self) -> str:
        """See ``ImageSource``; of a file, size and time of change count."""
        return self._fingerprint


class ArrayImages:
    """Pictures in memory or mapped into it.

    Parameters
    ----------
    images : np.ndarray [shape=(N, H, W, 3), uint8, RGB]
        At least one.
    name : str
        What messages call them.

    Raises
    ------
    MetricError
        If the array has another shape or type, or is empty.
    """

    crop = NO_CROP

    def __init__(self, images: NDArray[np.uint8], *, name: str = "array of pictures") -> None:
        check_images(images)
        self._images = images
        self.name = name
        self.ids = [f"{row:07d}" for row in range(len(images))]

    def read(self, index: int) -> tuple[Image.Image, str]:
        """See ``ImageSource``."""
        pixels = np.ascontiguousarray(self._images[index])
        return Image.fromarray(pixels), _pixels_sha256(pixels)

    def fingerprint(self) -> str:
        """See ``ImageSource``; every pixel counts."""
        return _lines_sha256(_pixels_sha256(np.ascontiguousarray(image)) for image in self._images)


class StoreImages:
    """Prepared pictures of an image store.

    Parameters
    ----------
    store : ImageStoreLike
        As ``speech2img features`` makes it.
    ids : sequence of str or None
        Which pictures, in any order, once each; None for all.
    name : str
        What messages call them.

    Raises
    ------
    DataError
        If there are none, or one is not in the store or named twice.
    """

    def __init__(self, store: ImageStoreLike, ids: Sequence[str] | None = None, *, name: str = "image store") -> None:
        self._store = store
        self.name = name
        self.crop = f"as stored at {store.size} px"
        rows = {item: row for row, item in enumerate(store.ids)}
        self.ids = sorted(rows if ids is None else ids)
        if not self.ids or len(set(self.ids)) < len(self.ids):
            raise DataError.about(name, "no pictures, or one twice", "name each picture once")
        if unknown := [item for item in self.ids if item not in rows]:
            raise DataError.about(name, f"holds no picture {unknown[0]!r}", "run 'speech2img features' again")
        self._rows = [rows[item] for item in self.ids]

    def read(self, index: int) -> tuple[Image.Image, str]:
        """See ``ImageSource``."""
        pixels = np.ascontiguousarray(self._store.read([self._rows[index]])[0])
        return Image.fromarray(pixels), _pixels_sha256(pixels)

    def fingerprint(self) -> str:
        """See ``ImageSource``; every pixel counts."""
        return _lines_sha256(
            f"{item} {_pixels_sha256(np.ascontiguousarray(self._store.read([row])[0]))}"
            for item, row in zip(self.ids, self._rows, strict=True)
        )


def folder_images(
    folders: str | Path | Sequence[str | Path], *, manifest: ManifestLike | None = None, upright: bool = True
) -> FileImages:
    """Every picture below one or more folders.

    Parameters
    ----------
    folders : path or sequence of paths
        Searched to any depth, links followed. A picture is one by its content, whatever its name; the result's
        ``passed`` tells all that is none, hidden, or made by a system.
    manifest : ManifestLike, optional
        A corpus whose bounding boxes the pictures, which must be its own files, are cropped to.
    upright : bool
        As of ``FileImages``.

    Raises
    ------
    DataError
        If a folder is missing or empty, two folders hold the same file, or a picture has no box in the manifest.
    ImageError
        If a folder holds pictures of a format that is not read: leaving them out would change the number.
    """
    # Where the corpus knows bounding boxes, images are cropped to them.
    roots = [Path(folders)] if isinstance(folders, str | Path) else [Path(folder) for folder in folders]
    boxes = (
        None
        if manifest is None
        else {
            Path(os.path.realpath(manifest.root / item.image)): item.box
            for item in manifest.items
            if item.box is not None
        }
    )
    # Folder by folder, each with its number before the names.
    files: list[ImageFile] = []
    passed: dict[str, str] = {}
    owners: dict[Path, Path] = {}
    for number, root in enumerate(roots):
        prefix = f"{number}:" if len(roots) > 1 else ""
        paths, others = images_below(root)
        if not paths:
            reason = " ".join(("holds no pictures.", *unused_notes("found", others)[0])).rstrip(".")
            raise DataError.about(root, reason, f"give a folder with pictures ({', '.join(SUFFIXES)})")
        passed |= {prefix + printable(path): reason for path, reason in others.items()}
        # An image that lies in two of them by a link would count twice.
        for path in paths:
            real_path = Path(os.path.realpath(root / path))
            if owners.setdefault(real_path, root) != root:
                raise DataError.about(root / path, f"lies in {owners[real_path]} as well", "give each picture once")
            box = None if boxes is None else boxes.get(real_path)
            if boxes is not None and box is None:
                reason = "the manifest has no bounding box of it"
                raise DataError.about(root / path, reason, "give the corpus's own pictures")
            files.append(ImageFile(prefix + printable(path), root / path, box))
    return FileImages(files, name=", ".join(printable(str(root)) for root in roots), upright=upright, passed=passed)


def listed_images(file: str | Path, *, root: str | Path | None = None, upright: bool = True) -> FileImages:
    """Pictures named in a text file, one path a line.

    Parameters
    ----------
    file : path
        UTF-8; empty lines do not count.
    root : path, optional
        Folder that relative paths start from; the list's own by default.
    upright : bool
        As of ``FileImages``.

    Raises
    ------
    DataError
        If the list is missing, no text, empty, names a file twice or one that does not exist.
    """
    file = Path(file)
    base = file.parent if root is None else Path(root)
    try:
        lines = text_lines(read_bytes(file, max_bytes=_MAX_LIST_BYTES).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError.about(file, f"is no UTF-8 text ({error})", "give a text file with one path a line") from error
    names = [line.strip() for line in lines if line.strip()]
    if unreadable := next((name for name in names if "\0" in name), None):
        raise DataError.about(file, f"holds the name {unreadable!r:.60}", "give a text file with one path a line")
    files = (ImageFile(name, spelled_as_stored(base, name)) for name in names)
    return FileImages(files, name=printable(str(file)), upright=upright)


def manifest_images(
    manifest: ManifestLike,
    *,
    split: str | None = None,
    ids: Collection[str] | None = None,
    crop: bool = True,
    upright: bool = True,
) -> FileImages:
    """The real pictures of a corpus.

    Parameters
    ----------
    manifest : ManifestLike
        The corpus.
    split : str, optional
        Only this split's.
    ids : collection of str, optional
        Only these items.
    crop : bool
        Crop to the bounding boxes, as the generators were trained; False for whole pictures.
    upright : bool
        As of ``FileImages``.

    Raises
    ------
    DataError
        If the split has no pictures, or some have no box.
    """
    items = [item for item in manifest.items if split in (None, item.split) and (ids is None or item.id in ids)]
    name = f"{printable(str(manifest.root))}{f', split {split}' if split else ''}"
    files = (ImageFile(item.id, manifest.root / item.image, item.box if crop else None) for item in items)
    return FileImages(files, name=name, upright=upright)


def _pixels_sha256(pixels: NDArray[np.uint8]) -> str:
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()


def _lines_sha256(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
