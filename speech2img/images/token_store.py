"""The token store of a corpus: numbers of codes of its images from a codec with a codebook, as uint16."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from speech2img.errors import DataError
from speech2img.images.encoded_store import AGAIN, EncodedFormat, EncodedKey, EncodedStore, write_encoded

TOKENS = EncodedFormat("speech2img-tokens-1", "tokens", np.dtype(np.uint16), 2)
_IMAGES_AT_ONCE = 1024


def write_tokens(
    path: Path,
    parts: Iterable[np.ndarray],
    *,
    ids: Sequence[str],
    shape: tuple[int, ...],
    key: EncodedKey,
    num_codes: int,
) -> None:
    """Write a token store; no more than one part is in memory.

    Parameters
    ----------
    path : Path
        The HDF5 file; it appears complete or not at all.
    parts : iterable of ndarray [shape=(n, views, h, w)]
        Tokens of the images in order, whole numbers of any type.
    ids : sequence of str
        Name of each image.
    shape : tuple of int
        (views, h, w).
    key : EncodedKey
        What they depend on.
    num_codes : int, 1 to 65,536
        Of the codec: tokens are below it.

    Raises
    ------
    DataError
        If a token is out of range.
    """

    def pack(part: np.ndarray, first: str) -> np.ndarray:
        if part.size and not (0 <= part.min() and part.max() < num_codes):
            reason = f"tokens of {first!r} or one of the images behind it are not all 0..{num_codes - 1}"
            raise DataError.about(path, reason, "give another codec")
        return part.astype(np.uint16)

    more = {"num_codes": num_codes}
    write_encoded(path, parts, format=TOKENS, ids=ids, shape=shape, key=key, pack=pack, attributes=more)


class TokenStore(EncodedStore):
    """Tokens of a corpus.

    Parameters
    ----------
    path : path
        What `write_tokens` wrote.

    Attributes
    ----------
    shape : tuple of int
        (h, w) of the tokens of an image.
    num_codes : int
        Of the codec: tokens are 0..num_codes - 1.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, TOKENS, ("num_codes",))
        height, width = self.item_shape
        self.shape: tuple[int, int] = (height, width)
        self.num_codes = self._store.number("num_codes", 0)

    def read(self, indices: Sequence[int] | np.ndarray, *, mirrored: np.ndarray | None = None) -> np.ndarray:
        """Read tokens.

        Parameters
        ----------
        indices, mirrored
            As of `read_views`.

        Returns
        -------
        np.ndarray [shape=(B, h, w), int64, range 0..num_codes - 1]

        Raises
        ------
        DataError
            As of `read_views`; and if a token is out of range.
        """
        tokens = self.read_views(indices, mirrored).astype(np.int64)
        if tokens.size and tokens.max() >= self.num_codes:
            reason = f"holds token {tokens.max()}, and its codec has {self.num_codes} codes"
            raise DataError.about(self.path, reason, AGAIN)
        return tokens

    def count(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """How often each code occurs in images, in all their views.

        Parameters
        ----------
        indices : sequence of int
            As of `read_views`.

        Returns
        -------
        np.ndarray [shape=(num_codes,), int64]
        """
        counts = np.zeros(self.num_codes, np.int64)
        for part in self._parts(np.asarray(indices, np.int64)):
            for view in range(self.key.views):
                mirrored = np.full(len(part), view == 1) if self.key.views == 2 else None
                counts += np.bincount(self.read(part, mirrored=mirrored).reshape(-1), minlength=self.num_codes)
        return counts

    def _parts(self, positions: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(positions), _IMAGES_AT_ONCE):
            yield positions[start : start + _IMAGES_AT_ONCE]
