"""AttnGAN's ``captions.pickle``: captions as numbers of words, and the vocabulary that the numbers mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speech2img.errors import DataError
from speech2img.storage.foreign.pickles import load_pickle

MAX_BYTES = 256 << 20
_END = "<end>"
_FIX = "take captions.pickle from the download of the weights: it cannot be made again from the texts"


@dataclass(frozen=True, slots=True)
class AttnGANCaptions:
    """What the file holds."""

    train: tuple[tuple[int, ...], ...]
    """Numbers of the words of each training caption, those of one image side by side (10 for birds, 5 for COCO)."""
    test: tuple[tuple[int, ...], ...]
    """The same of the test captions."""
    words: tuple[str, ...]
    """The words in the order of their numbers; the first is ``<end>``, the padding."""

    def text(self, caption: tuple[int, ...]) -> str:
        """A caption in words."""
        return " ".join(self.words[number] for number in caption)


def read_captions(path: str | Path) -> AttnGANCaptions:
    """Read ``captions.pickle`` without running anything in it.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    UnsafeFileError
        If it holds anything but plain data.
    DataError
        If it is missing or damaged, or no such file: other parts, numbers without words, words with blanks.
    """
    content = load_pickle(path, max_bytes=MAX_BYTES)
    if not isinstance(content, list | tuple) or len(content) != 4:
        raise DataError.about(path, "is no captions.pickle of AttnGAN: four parts were expected", _FIX)
    # Words first: captions are checked against their number.
    words = _words(path, content[2], content[3])
    train, test = (_captions(path, part, len(words)) for part in content[:2])
    return AttnGANCaptions(train, test, words)


def read_vocabulary(path: str | Path) -> str:
    """Words of ``captions.pickle`` in the order of their numbers, blanks between them; errors as `read_captions`."""
    return " ".join(read_captions(path).words)


def _words(path: str | Path, texts: Any, numbers: Any) -> tuple[str, ...]:
    """The words, checked against both of the file's tables."""
    if not isinstance(texts, Mapping) or not isinstance(numbers, Mapping) or not texts:
        raise DataError.about(path, "has no tables of words", _FIX)
    # Every number from 0 on must have a word, and both tables must agree.
    words = tuple(texts.get(number) for number in range(len(texts)))
    for number, word in enumerate(words):
        if not isinstance(word, str) or not word or word.split() != [word]:
            raise DataError.about(path, f"number {number} is no word: {word!r:.40}", _FIX)
        if numbers.get(word) != number:
            raise DataError.about(path, f"its two tables disagree on {word!r:.40}", _FIX)
    if words[0] != _END or len(numbers) != len(words):
        raise DataError.about(path, f"its vocabulary does not begin with {_END}, or its tables have other sizes", _FIX)
    return tuple(str(word) for word in words)


def _captions(path: str | Path, captions: Any, count: int) -> tuple[tuple[int, ...], ...]:
    if not isinstance(captions, list | tuple):
        raise DataError.about(path, "has no list of captions where one belongs", _FIX)
    for row, caption in enumerate(captions):
        whole = isinstance(caption, list | tuple) and all(type(word) is int and 0 <= word < count for word in caption)
        if not whole:
            raise DataError.about(path, f"caption {row} is no list of numbers below {count:,}", _FIX)
    return tuple(tuple(caption) for caption in captions)
