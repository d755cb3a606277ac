"""Real pictures of a corpus at the size of the generated ones."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from speech2img.corpora.records.utterances import ManifestLike
from speech2img.corpora.registry import facts_of
from speech2img.errors import DataError
from speech2img.images.io import read_cropped
from speech2img.images.resize import resize
from speech2img.images.store import square_thumbnail


class ImageStoreLike(Protocol):
    """The part of an image store that metrics read."""

    @property
    def ids(self) -> Sequence[str]:
        """Item id of each row."""

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Pictures (B, size, size, 3) of some rows."""


class RealImages:
    """Real pictures by item id, their middle square resized antialiased to one size, as image stores do it.

    Parameters
    ----------
    manifest : ManifestLike
        The corpus.
    size : int
        Side of the pictures wanted, that of the generator.
    store : ImageStoreLike or None
        Prepared pictures, used if they are at least ``size`` wide; else the files are read.
    crop : bool or None
        Crop files to their bounding box as in training; None: as the corpus says in its manifest.
    """

    def __init__(
        self, manifest: ManifestLike, *, size: int, store: ImageStoreLike | None = None, crop: bool | None = None
    ) -> None:
        self.size = size
        self._root = manifest.root
        self._items: Mapping[str, Any] = {item.id: item for item in manifest.items}
        self._store = store if store is not None and store.size >= size else None
        self._rows = {item_id: row for row, item_id in enumerate(self._store.ids)} if self._store is not None else {}
        self._crop = facts_of(manifest).crop if crop is None else crop
        source = (
            f"image store of {self._store.size} px"
            if self._store is not None
            else "image files, " + ("cropped to their box" if self._crop else "not cropped")
        )
        self.protocol = f"from {source}, resized antialiased to {size} px"

    def read(self, item_ids: Sequence[str]) -> NDArray[np.uint8]:
        """Pictures (N, size, size, 3) uint8 of some items, in the order given.

        Raises
        ------
        DataError
            If the corpus or the store has no such item.
        ImageError
            If a file is missing or damaged.
        """
        return np.stack([self._read(item_id) for item_id in item_ids])

    def _read(self, item_id: str) -> NDArray[np.uint8]:
        if self._store is not None:
            if item_id not in self._rows:
                raise DataError.about(
                    f"picture {item_id}", "it is not in the image store", "make the store again ('speech2img features')"
                )
            stored: NDArray[np.uint8] = resize(self._store.read([self._rows[item_id]]), self.size)[0]
            return stored
        if item_id not in self._items:
            raise DataError.about(f"picture {item_id}", "the manifest has no such item", "use this corpus's own ids")
        item = self._items[item_id]
        image = read_cropped(self._root / item.image, item.box if self._crop else None)
        return square_thumbnail(image, self.size)
