"""What a folder says about its pictures, before anything is drawn or checked: entries and their lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from speech2img.errors import DataError
from speech2img.storage.atomic import read_bytes

PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp"))
RECORDING_SUFFIXES = frozenset((".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"))
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "test_seen": "test_seen",
}
"""How people call the parts -> how the manifest does."""


@dataclass(frozen=True, slots=True)
class Line:
    """One caption of a picture: a recording, words, or both."""

    index: int
    """Number of the caption within its picture, from 0."""
    audio: str | None = None
    """The recording, relative to the folder; None where the words are still to be spoken."""
    text: str = ""
    """The words; empty where they are not known."""
    speaker: str | None = None
    """Who speaks in the recording."""
    language: str = "en"
    """Language of the words."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture."""

    image: str
    """The picture, relative to the folder."""
    class_name: str | None
    """Its class, or None where each picture is a class of its own."""
    split: str | None
    """The part it was given to, or None where that is still to be drawn."""
    lines: tuple[Line, ...]
    """Its captions in the order of their index."""


def classes_and_splits(images: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """Class and split that the subfolders of pictures give.

    Folders that all pictures share say nothing. Then a first folder named train, val or test (all of them have to be)
    gives the split; what is left is the class.

    Parameters
    ----------
    images : sequence of str
        Paths relative to the folder.

    Returns
    -------
    list of (str or None, str or None)
        Class (``birds/robin``) and split of each picture.
    """
    folders = [PurePosixPath(image).parts[:-1] for image in images]
    shared = 0
    while folders and all(len(parts) > shared for parts in folders) and len({parts[shared] for parts in folders}) == 1:
        shared += 1
    folders = [parts[shared:] for parts in folders]
    split_of = [SPLIT_NAMES.get(parts[0].lower()) if parts else None for parts in folders]
    if folders and all(split_of):
        folders = [parts[1:] for parts in folders]
    else:
        split_of = [None] * len(folders)
    return [("/".join(parts) or None, split) for parts, split in zip(folders, split_of, strict=True)]


def read_text_file(path: Path, *, max_bytes: int) -> str:
    """Read a small UTF-8 text file, with or without a byte-order mark.

    Raises
    ------
    DataError
        If it is missing, larger than `max_bytes`, or in another encoding.
    """
    try:
        text = read_bytes(path, max_bytes=max_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"not in UTF-8 ({error.reason} at byte {error.start})"
        raise DataError.about(path, reason, "save it as UTF-8") from error
    if "\0" in text:
        raise DataError.about(path, "not a text file in UTF-8 (it has zero bytes)", "save it as UTF-8")
    return text


def inside(path: str) -> str | None:
    """A path as the manifest writes it (``/``, relative), or None if it leaves the folder."""
    plain = PurePosixPath(path.strip().replace("\\", "/"))
    drive = bool(plain.parts) and plain.parts[0].endswith(":")
    if not plain.parts or plain.is_absolute() or drive or ".." in plain.parts:
        return None
    return str(plain)
