"""Reads a tree of pictures whose recordings and caption lines are found by their names."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from speech2img.corpora.folder.entries import Entry, Line, classes_and_splits, refuse_twins
from speech2img.corpora.folder.kinds import Kinds, sort_by_kind
from speech2img.corpora.folder.owners import Owner, Owners
from speech2img.corpora.folder.unused import Unused
from speech2img.corpora.folder.walk import SPOKEN, list_files
from speech2img.corpora.records.text import MAX_WORDS, counted, plain_words
from speech2img.errors import DataError
from speech2img.images.io import FORMATS
from speech2img.storage.lines import read_text_file, text_lines
from speech2img.storage.names import some_of

MAX_TEXT_BYTES = 1 << 20
NO_IMAGE = "a recording of no picture"
TEXT_OF_NONE = "a text of no picture"
LEAVE_OUT = "leave them out with --leave-out-unusable"

Owned = Mapping[str, Sequence[Owner]]
"""Picture -> its files, each with the number in its name."""


@dataclass(slots=True)
class Reading:
    """What was read of a folder."""

    entries: list[Entry]
    """The pictures."""
    unused: list[Unused] = field(default_factory=list)
    """Files of the folder that are not used."""
    notes: list[str] = field(default_factory=list)
    """What else the user should know."""


def read_tree(root: Path, *, made: Collection[str] | None = None, leave_out: bool = False) -> Reading:
    """Find the pictures of a folder with their recordings and captions.

    Parameters
    ----------
    root : Path
        The folder.
    made : collection of str, optional
        If the folder was prepared before: the recordings that an engine made, which are no recordings of people.
    leave_out : bool
        Leave out recordings that belong to no picture, or may belong to two; else they are an error.

    Returns
    -------
    Reading
        Entries by path.

    Raises
    ------
    DataError
        If there are no pictures, a recording belongs to no picture or to two, or a text is not UTF-8.

    Notes
    -----
    ``<stem>.wav`` and ``<stem>_<k>.wav`` (or another format) belong to the picture with that stem in the same folder,
    or in the folder that goes with theirs (`Owners`): ``audio/robin/a_0.wav`` to ``images/robin/a.jpg``. Line k of
    ``<stem>.txt`` are the words of recording k, or a caption to be spoken where there is none. Numbers begin at 0, or
    at 1 if no recording of the tree has number 0.
    """
    # What is there, by kind and by owner.
    listing = list_files(root, made=made)
    kinds = sort_by_kind(root, listing.files)
    _refuse_empty(root, kinds)
    refuse_twins(root, kinds.images)
    unused = [*listing.unused, *kinds.unread()]
    recordings, texts, idle = _owned(root, kinds, leave_out=leave_out)
    unused += idle
    first = _first_number(recordings)
    # Each image with its texts and recordings, matched by their numbers.
    entries = []
    for image, (class_name, split) in zip(kinds.images, classes_and_splits(kinds.images), strict=True):
        words = _read_lines(root, texts.get(image))
        used = [owned for owned in recordings.get(image, ()) if owned[0] not in kinds.unread_recordings]
        spoken = _by_index(root, image, used, first)
        indices = sorted(spoken.keys() | words.keys())
        lines = tuple(Line(index, spoken.get(index), words.get(index, "")) for index in indices)
        entries.append(Entry(image, class_name, split, lines))
    # A folder in which nothing is heard is not what the user meant.
    if not any(entry.lines for entry in entries) and not leave_out:
        _refuse_unheard(root, kinds, listing.unused)
    notes = [f"linked folders were followed: {some_of(listing.links)}"] if listing.links else []
    return Reading(entries, unused, notes)


def _refuse_empty(root: Path, kinds: Kinds) -> None:
    if kinds.images:
        return
    if kinds.unread_images:
        reasons = [f"{path}: {reason}" for path, reason in kinds.unread_images.items()]
        reason = f"no picture in it that is read ({some_of(reasons, separator=' | ', max_length=160)})"
        raise DataError.about(root, reason, "convert them")
    formats = ", ".join(FORMATS)
    raise DataError.about(root, f"no pictures ({formats}) in it", "give the folder that holds them")


def _refuse_unheard(root: Path, kinds: Kinds, unused: Iterable[Unused]) -> None:
    """Refuse a folder none of whose recordings can be read: its owner thinks that they are heard."""
    ours = next((one for one in unused if one.path == f"{SPOKEN}/"), None)
    if ours is not None:
        reason = (
            f"{counted(ours.files, 'file')} not read: this library keeps a folder of that name for what engines speak"
        )
        raise DataError.about(root / SPOKEN, reason, f"rename it (audio will do), or {LEAVE_OUT}")
    if not kinds.unread_recordings:
        return
    reasons = [f"{path}: {reason}" for path, reason in kinds.unread_recordings.items()]
    some = some_of(reasons, separator=" | ", max_length=160)
    number = counted(len(reasons), "recording")
    raise DataError.about(root, f"no recording can be read of {number} ({some})", f"convert them, or {LEAVE_OUT}")


def _owned(root: Path, kinds: Kinds, *, leave_out: bool) -> tuple[Owned, Mapping[str, str], list[Unused]]:
    """Recordings and text of every picture, and what belongs to none."""
    # Recordings: each must belong to one image.
    heard = [*kinds.recordings, *kinds.unread_recordings]
    owners = Owners([*kinds.images, *kinds.unread_images], [*heard, *kinds.texts])
    recordings: dict[str, list[Owner]] = defaultdict(list)
    orphans: dict[str, str] = {}
    for file in sorted(heard):
        candidates = owners.of(file, numbered=True)
        reason = _reason_against(kinds, candidates)
        if reason is None:
            recordings[candidates[0][0]].append((file, candidates[0][1]))
        elif file not in kinds.unread_recordings:
            orphans[file] = reason
    if orphans and not leave_out:
        _refuse_orphans(root, orphans)
    # Texts: one for each image.
    texts: dict[str, str] = {}
    idle = [Unused(file, reason) for file, reason in orphans.items()]
    for file in kinds.texts:
        candidates = owners.of(file, numbered=False)
        image = candidates[0][0] if len(candidates) == 1 else ""
        if not image or image in kinds.unread_images:
            idle.append(Unused(file, TEXT_OF_NONE))
        elif texts.setdefault(image, file) != file:
            idle.append(Unused(file, "a second text of one picture"))
    return recordings, texts, idle


def _reason_against(kinds: Kinds, candidates: Sequence[Owner]) -> str | None:
    """Why a recording has no picture; None if it has."""
    if not candidates:
        return NO_IMAGE
    if len(candidates) > 1:
        return f"may belong to {candidates[0][0]} or to {candidates[1][0]}"
    return "a recording of a picture that is not used" if candidates[0][0] in kinds.unread_images else None


def _refuse_orphans(root: Path, orphans: Mapping[str, str]) -> None:
    torn = [file for file, reason in orphans.items() if reason.startswith("may")]
    if torn:
        fix = f"put it beside its picture, or write a table (items.csv), or {LEAVE_OUT}"
        raise DataError.about(root / torn[0], orphans[torn[0]], fix)
    unread = [file for file, reason in orphans.items() if reason != NO_IMAGE]
    reason = f"{counted(len(orphans), 'recording')} without a picture: {some_of(list(orphans))}"
    if unread:
        reason += f" (pictures of formats that are not read: {counted(len(unread), 'recording')}, {some_of(unread)})"
    fix = (
        "name each like its picture (robin.jpg: robin.wav, or robin_0.wav, robin_1.wav) and put it into the same "
        f"folder, or into the same folder of a tree called audio, or write a table (items.csv), or {LEAVE_OUT}"
    )
    raise DataError.about(root, reason, fix)


def _first_number(recordings: Owned) -> int:
    numbers = [number for files in recordings.values() for _, number in files if number is not None]
    return 1 if numbers and min(numbers) == 1 else 0


def _by_index(root: Path, image: str, files: Iterable[Owner], first: int) -> dict[int, str]:
    spoken: dict[int, str] = {}
    for file, number in files:
        index = 0 if number is None else number - first
        other = spoken.setdefault(index, file)
        if other != file:
            reason = f"is recording {index} of {image}, and so is {other}"
            raise DataError.about(root / file, reason, "give each its own number")
    return spoken


def _read_lines(root: Path, file: str | None) -> dict[int, str]:
    """Words by line number from 0; empty lines count and say nothing."""
    if file is None:
        return {}
    words: dict[int, str] = {}
    for number, line in enumerate(text_lines(read_text_file(root / file, max_bytes=MAX_TEXT_BYTES))):
        plain = plain_words(line)
        if plain is None:
            reason = f"line {number + 1}: longer than {MAX_WORDS} characters, or with control characters"
            raise DataError.about(root / file, reason, "write a caption a line, as plain text")
        if plain:
            words[number] = plain
    return words
