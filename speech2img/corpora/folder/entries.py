"""What a folder says about its pictures, before anything is drawn or checked: entries and their lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from speech2img.errors import DataError
from speech2img.storage.names import same_name

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"))
RECORDING_SUFFIXES = frozenset((".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"))
UNREAD_IMAGE_SUFFIXES = frozenset(
    (".heic", ".heif", ".avif", ".svg", ".psd", ".jxl", ".jp2", ".cr2", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf")
)
OTHER_SOUND_SUFFIXES = frozenset(
    (".webm", ".m4a", ".m4b", ".aac", ".3gp", ".3g2", ".amr", ".wma", ".caf", ".au", ".mp4", ".mov", ".mkv", ".weba")
)
"""What may hold sound that some machines can read."""
TEXT_SUFFIXES = frozenset((".txt",))
TABLE_SUFFIXES = frozenset((".csv", ".tsv", ".jsonl", ".xlsx", ".xls", ".ods", ".json"))
_SUFFIXES = (
    IMAGE_SUFFIXES | RECORDING_SUFFIXES | UNREAD_IMAGE_SUFFIXES | OTHER_SOUND_SUFFIXES | TEXT_SUFFIXES | TABLE_SUFFIXES
)
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
    mentions: Mapping[str, str] = field(default_factory=dict)
    """Attribute -> value, as far as the caption gives them."""


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
    attributes: Mapping[str, str] | None = None
    """Attribute -> value, as far as they are known; None where nothing is."""


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
    folders = [PurePosixPath(same_name(image)).parts[:-1] for image in images]
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


def suffix_of(path: str) -> str:
    """The ending of a file's name in lower case, if it is one of a kind of files that is known; else empty."""
    suffix = PurePosixPath(path).suffix.lower()
    return suffix if suffix in _SUFFIXES else ""


def without_suffix(path: str) -> str:
    """A path without the ending that says what kind of file it is: ``a/St. Ives`` of ``a/St. Ives.jpg`` and itself."""
    suffix = suffix_of(path)
    return path[: -len(suffix)] if suffix else path


def refuse_twins(root: Path, images: Sequence[str]) -> None:
    """DataError if two pictures differ in their ending only: they would share a name, and their recordings."""
    seen: dict[str, str] = {}
    for image in images:
        other = seen.setdefault(same_name(without_suffix(image)), image)
        if other != image:
            raise DataError.about(root / image, f"has the same name as {other}", "rename one of them")
