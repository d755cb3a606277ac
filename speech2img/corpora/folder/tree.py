"""Reads a tree of pictures whose recordings and caption lines are found by their names."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from speech2img.corpora.folder.entries import (
    PICTURE_SUFFIXES,
    RECORDING_SUFFIXES,
    Entry,
    Line,
    classes_and_splits,
    read_text_file,
)
from speech2img.errors import DataError

OUR_FOLDERS = frozenset(("derived", "reports", "spoken"))
"""What this library writes into a corpus folder, on its first level."""
UNREAD_SUFFIXES = frozenset((".m4a", ".aac", ".wma", ".amr", ".aiff", ".gif", ".tif", ".tiff", ".heic", ".svg"))
MAX_TEXT_BYTES = 1 << 20
_NUMBERED = re.compile(r"(.+)_(\d{1,6})")

Owner = tuple[str, int | None]
"""A picture, and the number in the name of what belongs to it."""


def read_tree(root: Path) -> tuple[list[Entry], list[str]]:
    """Find the pictures of a folder with their recordings and captions.

    Parameters
    ----------
    root : Path
        The folder. Hidden files and this library's own folders in it are passed over.

    Returns
    -------
    entries : list of Entry
        By path.
    notes : list of str
        What the user should know: files that were passed over.

    Raises
    ------
    DataError
        If there are no pictures, a recording belongs to no picture or to two, or a text is not UTF-8.

    Notes
    -----
    ``<stem>.wav`` and ``<stem>_<k>.wav`` (or flac, ogg, opus, mp3) belong to the picture with that stem in the same
    folder, else to the one whose folders agree with theirs from the end (``audio/robin/a_0.wav`` to
    ``images/robin/a.jpg``). Line k of ``<stem>.txt`` are the words of recording k, or a caption to be spoken where
    there is none. Numbers begin at 0, or at 1 if no recording of the tree has number 0.
    """
    files = _walk(root)
    pictures = [file for file in files if _suffix(file) in PICTURE_SUFFIXES]
    if not pictures:
        kinds = ", ".join(sorted(suffix[1:] for suffix in PICTURE_SUFFIXES))
        raise DataError.about(root, f"no pictures ({kinds}) in it", "give the folder that holds them")
    by_stem: dict[str, list[str]] = defaultdict(list)
    for picture in pictures:
        by_stem[PurePosixPath(picture).stem].append(picture)
    _refuse_twins(root, pictures)
    recordings = _owned(root, by_stem, [file for file in files if _suffix(file) in RECORDING_SUFFIXES], numbered=True)
    texts = _owned(root, by_stem, [file for file in files if _suffix(file) == ".txt"], numbered=False)
    first = _first_number(recordings)
    facts = classes_and_splits(pictures)
    entries = []
    for picture, (class_name, split) in zip(pictures, facts, strict=True):
        words = _read_lines(root, [file for file, _ in texts.get(picture, ())])
        spoken = _by_index(root, picture, recordings.get(picture, ()), first)
        indices = sorted(spoken.keys() | words.keys())
        lines = tuple(Line(index, spoken.get(index), words.get(index, "")) for index in indices)
        entries.append(Entry(picture, class_name, split, lines))
    return entries, _notes(files, texts)


def _walk(root: Path) -> list[str]:
    found = []
    for folder, names, files in os.walk(root):
        here = Path(folder).relative_to(root)
        ours = OUR_FOLDERS if here == Path() else frozenset()
        names[:] = sorted(name for name in names if not name.startswith(".") and name not in ours)
        found += [(here / name).as_posix() for name in sorted(files) if not name.startswith(".")]
    return sorted(found)


def _suffix(file: str) -> str:
    return PurePosixPath(file).suffix.lower()


def _refuse_twins(root: Path, pictures: Sequence[str]) -> None:
    """Two pictures that differ in their ending only would share a name, and their recordings."""
    seen: dict[str, str] = {}
    for picture in pictures:
        other = seen.setdefault(str(PurePosixPath(picture).with_suffix("")), picture)
        if other != picture:
            raise DataError.about(root / picture, f"has the same name as {other}", "rename one of them")


def _owned(
    root: Path, by_stem: Mapping[str, Sequence[str]], files: Iterable[str], *, numbered: bool
) -> dict[str, list[tuple[str, int | None]]]:
    """Files by the picture they belong to, with the number in their name; recordings must belong to one."""
    owned: dict[str, list[tuple[str, int | None]]] = defaultdict(list)
    orphans = []
    for file in files:
        owners = _owners(file, by_stem, numbered=numbered)
        if len(owners) > 1 and numbered:
            reason = f"may belong to {owners[0][0]} or to {owners[1][0]}"
            raise DataError.about(root / file, reason, "put it beside its picture, or write a table (items.csv)")
        if len(owners) == 1:
            owned[owners[0][0]].append((file, owners[0][1]))
        elif numbered:
            orphans.append(file)
    if orphans:
        some = ", ".join(orphans[:3]) + (", ..." if len(orphans) > 3 else "")
        fix = "name it like its picture (robin.jpg: robin.wav, or robin_0.wav, robin_1.wav), or write items.csv"
        raise DataError.about(root, f"{len(orphans)} recordings belong to no picture: {some}", fix)
    return owned


def _owners(file: str, by_stem: Mapping[str, Sequence[str]], *, numbered: bool) -> list[Owner]:
    """The pictures that a file's name fits best: by folder first, then by the whole stem before the numbered one."""
    path = PurePosixPath(file)
    candidates: list[Owner] = [(picture, None) for picture in by_stem.get(path.stem, ())]
    match = _NUMBERED.fullmatch(path.stem) if numbered else None
    if match:
        candidates += [(picture, int(match[2])) for picture in by_stem.get(match[1], ())]
    rank = {
        owner: (_agreement(path.parts[:-1], PurePosixPath(owner[0]).parts[:-1]), owner[1] is None)
        for owner in candidates
    }
    best = max(rank.values(), default=None)
    return [owner for owner in candidates if rank[owner] == best]


def _agreement(first: Sequence[str], second: Sequence[str]) -> tuple[bool, int]:
    """Whether two folders are the same, and how many of their last parts are."""
    same = 0
    while same < min(len(first), len(second)) and first[-1 - same] == second[-1 - same]:
        same += 1
    return tuple(first) == tuple(second), same


def _first_number(recordings: Mapping[str, Sequence[tuple[str, int | None]]]) -> int:
    numbers = [number for files in recordings.values() for _, number in files if number is not None]
    return 1 if numbers and min(numbers) == 1 else 0


def _by_index(root: Path, picture: str, files: Iterable[tuple[str, int | None]], first: int) -> dict[int, str]:
    spoken: dict[int, str] = {}
    for file, number in files:
        index = 0 if number is None else number - first
        other = spoken.setdefault(index, file)
        if other != file:
            reason = f"is recording {index} of {picture}, and so is {other}"
            raise DataError.about(root / file, reason, "give each its own number")
    return spoken


def _read_lines(root: Path, files: Sequence[str]) -> dict[int, str]:
    """Words by line number from 0; empty lines count and say nothing."""
    words: dict[int, str] = {}
    for file in files[:1]:
        text = read_text_file(root / file, max_bytes=MAX_TEXT_BYTES)
        for number, line in enumerate(text.splitlines()):
            if line.strip():
                words[number] = " ".join(line.split())
    return words


def _notes(files: Sequence[str], texts: Mapping[str, Sequence[tuple[str, int | None]]]) -> list[str]:
    notes = []
    unread = Counter(_suffix(file) for file in files if _suffix(file) in UNREAD_SUFFIXES)
    if unread:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(unread.items()))
        notes.append(f"files of formats that are not read were passed over: {kinds}")
    used = {file for owned in texts.values() for file, _ in owned[:1]}
    idle = [file for file in files if _suffix(file) == ".txt" and file not in used]
    if idle:
        notes.append(f"{len(idle)} text files belong to no picture and were passed over: {', '.join(idle[:3])}")
    return notes
