"""Spoken captions of CUB and Oxford-102 that somebody else published: recordings taken for the captions they speak.

Li et al. 2020 and S2IGAN keep them as ``<class>/<picture>_<k>.wav`` (k = 0..9, the number of the caption), in
``CUB_200_2011_audio/audio/<person>/`` or a folder of their own.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from speech2img.audio.facts import AudioFacts
from speech2img.corpora.checks.decoding import probe_recordings, refuse_unusable
from speech2img.corpora.records.items import Item, recorded_caption
from speech2img.corpora.records.text import counted
from speech2img.errors import ConfigError, DataError
from speech2img.storage.atomic import disk_errors, write_text
from speech2img.storage.folders import folder_content
from speech2img.storage.names import some_of

UNSPOKEN_NAME = "derived/prepare/without_recording.txt"
_NAME = re.compile(r"(.+)_([0-9]{1,3})\.(wav|flac|ogg|mp3)", re.IGNORECASE)
_FIX = "give the folder that holds <class>/<picture>_<k>.wav as --recordings"


@dataclass(frozen=True, slots=True)
class PublishedSpeech:
    """Recordings of captions."""

    items: list[Item]
    """The pictures; captions with a recording are recorded ones, the others as they were."""
    facts: Mapping[str, AudioFacts]
    """What each recording is."""
    notes: list[str]
    """How many there are, what is missing, and what belongs to no caption."""


def take_recordings(
    root: Path, items: Sequence[Item], folder: Path, *, workers: int = 2, progress: bool = True
) -> PublishedSpeech:
    """Take the recordings of a folder for the captions of pictures.

    Parameters
    ----------
    root : Path
        The corpus folder.
    items : sequence of Item
        The pictures with their captions.
    folder : Path
        The recordings, in the corpus folder (a link to elsewhere will do): seen from there, or from where the user
        stands. Below it may be a folder of the speaker, ``<person>/<class>/<picture>_<k>.wav``.
    workers : int
        Files checked at once.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    PublishedSpeech
        Every recording was read to its end.

    Raises
    ------
    ConfigError
        If the folder does not lie in the corpus folder.
    DataError
        If it holds no recording of these pictures, two of one caption, or recordings that cannot be used.
    """
    # Each file speaks the caption that its name says.
    location = _place(root, folder)
    wanted = {(item.id, caption.index) for item in items for caption in item.captions}
    ids = {item.id for item in items}
    recordings: dict[tuple[str, int], str] = {}
    speakers: dict[str, str | None] = {}
    strange: list[str] = []
    content = folder_content(root / location)
    strange += [f"{location}/{path}" for path in content.passed]
    for file in content.files:
        path = f"{location}/{file.path}"
        key, speaker = _caption_of(file.path, ids)
        if key not in wanted:
            strange.append(path)
        elif recordings.setdefault(key, path) != path:
            reason = f"speaks caption {key[1]} of {key[0]}, and so does {recordings[key]}"
            raise DataError.about(root / path, reason, "give the folder of one speaker as --recordings")
        speakers[path] = speaker
    # All must be readable.
    if not recordings:
        raise DataError.about(root / location, "no recording of a caption of these pictures in it", _FIX)
    facts, unusable = probe_recordings(root, list(recordings.values()), workers=workers, progress=progress)
    refuse_unusable(root, unusable, total=len(recordings), fix="fetch them again, or remove them")
    # Captions without a recording can be spoken later.
    spoken = [_with_recordings(item, recordings, speakers) for item in items]
    silent = [f"{item_id}_{index}" for item_id, index in sorted(wanted - recordings.keys())]
    return PublishedSpeech(spoken, facts, _notes(root, location, len(recordings), silent, strange))


def _place(root: Path, folder: Path) -> str:
    """The folder relative to the corpus folder, links in it left as they are."""
    for path in (root / folder, folder):
        inside = os.path.relpath(os.path.abspath(path), os.path.abspath(root))
        if path.is_dir() and inside.split("/")[0] not in ("..", "."):
            return inside
    raise ConfigError.about(folder, "no folder in the corpus folder", "put it, or a link to it, there and name it")


def _caption_of(path: str, ids: set[str]) -> tuple[tuple[str, int], str | None]:
    """Picture and number of the caption that a recording speaks, by its path, and the speaker's folder."""
    match = _NAME.fullmatch(path)
    if match is None:
        return ("", 0), None
    parts = match[1].split("/")
    for depth in range(min(2, len(parts))):
        if "/".join(parts[depth:]) in ids:
            return ("/".join(parts[depth:]), int(match[2])), parts[0] if depth else None
    return ("", 0), None


def _with_recordings(item: Item, recordings: Mapping[tuple[str, int], str], speakers: Mapping[str, str | None]) -> Item:
    captions = []
    for caption in item.captions:
        path = recordings.get((item.id, caption.index))
        if path is not None:
            language = caption.language
            caption = recorded_caption(
                caption.index, path, text=caption.text, speaker=speakers[path], language=language
            )
        captions.append(caption)
    return replace(item, captions=tuple(captions))


def _notes(root: Path, location: str, count: int, silent: Sequence[str], strange: Sequence[str]) -> list[str]:
    notes = [f"published recordings of {location}: {counted(count, 'caption')}"]
    # The list of what is not spoken, which goes away when all is.
    listing = root / UNSPOKEN_NAME
    if silent:
        write_text(listing, "".join(f"{name}\n" for name in silent))
        notes.append(
            f"without a recording there: {counted(len(silent), 'caption')} ({some_of(silent)}), listed in "
            f"{UNSPOKEN_NAME}; 'speech2img synthesize' speaks them"
        )
    else:
        with disk_errors(listing):
            listing.unlink(missing_ok=True)
    if strange:
        notes.append(f"of no caption, not used: {counted(len(strange), 'file')} ({some_of(strange)})")
    return notes
