"""Recordings of a corpus's captions that lie in another folder: another engine's, or other people's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.errors import DataError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".webm")


def file_name(utterance_id: str) -> str:
    """What the recording of an utterance is called in a folder of them, without its ending: ``/`` becomes ``__``."""
    return utterance_id.replace("/", "__")


def recorded_elsewhere(records: Sequence[UtteranceRecord], folder: Path, *, root: Path) -> list[UtteranceRecord]:
    """The utterances of which a folder has recordings, with these in the place of the corpus's own.

    Parameters
    ----------
    records : sequence of UtteranceRecord
        Utterances of the corpus.
    folder : Path
        Holds recordings named by the utterance's id (see `file_name`), or at the places that they have in the corpus
        folder, as a copy of it has that ``synthesize`` filled by another engine.
    root : Path
        The corpus folder.

    Returns
    -------
    list of UtteranceRecord
        In the given order; their voice is the folder's name, and counts as never heard in training.

    Raises
    ------
    DataError
        If the folder is none, or has fewer than two of the recordings.
    """
    if not folder.is_dir():
        raise DataError.about(folder, "no such folder", "name a folder of recordings")
    # One listing: a question to the disk for each utterance and ending would take minutes on some.
    named: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), reverse=True):
        if path.suffix.lower() in SUFFIXES:
            named[path.stem] = path
    found = []
    for record in records:
        place = named.get(file_name(record.id))
        if place is None and record.audio.is_relative_to(root):
            copy = folder / record.audio.relative_to(root)
            place = copy if copy.is_file() else None
        if place is not None:
            found.append(replace(record, audio=place, voice=folder.name, held_out_voice=True))
    if len(found) < 2:
        example = file_name(records[0].id) if records else "ID"
        reason = f"recordings of {len(found)} of the {len(records)} utterances are in it, two at least are measured"
        raise DataError.about(folder, reason, f"name them by the utterance's id, as {example}.wav")
    return found
