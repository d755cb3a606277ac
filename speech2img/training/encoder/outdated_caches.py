"""Caches of a front-end whose recordings are no longer those of the corpus: noted beside each, and removed.

Other stores lie under one name and are replaced; a cache's name says what it depends on, so that trainings with other
settings keep theirs. Nobody can ask again for one of other recordings.
"""

import contextlib
import shutil
from pathlib import Path
from typing import NamedTuple

from speech2img.errors import ConfigError, DataError
from speech2img.features.speech_frames import FRAMES_FILE
from speech2img.storage.atomic import write_json
from speech2img.storage.lock import LOCK, run_lock
from speech2img.storage.notices import notice
from speech2img.storage.reading import read_json

NOTE = "recordings.json"
_MAX_NOTE_BYTES = 1 << 16


class HeardRecordings(NamedTuple):
    """The recordings of a corpus, as a front-end hears them."""

    preset: str
    """Mel preset: the same recordings have another digest under another one."""
    digest: str
    """Of all of them."""


def note_recordings(home: Path, recordings: HeardRecordings) -> None:
    """Write beside a cache, finished or not, of which recordings it is."""
    if _noted(home) != recordings:
        write_json(home / NOTE, recordings._asdict())


def remove_outdated(folder: Path, recordings: HeardRecordings, *, progress: bool) -> None:
    """Remove caches of the same preset and other recordings, but for those that another process is putting together.

    Parameters
    ----------
    folder : Path
        Where caches of a corpus lie; those without a note stay.
    recordings : HeardRecordings
        Those that the corpus has now.
    progress : bool
        Say what is removed.

    Notes
    -----
    What cannot be removed, as in a corpus that may only be read, stays: a training does without the room.
    """
    for note in sorted(folder.glob(f"*/{NOTE}")):
        home = note.parent
        found = _noted(home)
        if home.is_symlink() or found is None or found == recordings or found.preset != recordings.preset:
            continue
        # Room first: what a kill leaves is still known by its note. An unfinished one may be another process's work.
        with contextlib.ExitStack() as stack:
            if (home / LOCK).exists():
                try:
                    stack.enter_context(run_lock(home))
                except ConfigError:
                    continue
            with contextlib.suppress(OSError):
                (home / FRAMES_FILE).unlink(missing_ok=True)
                shutil.rmtree(home)
        if progress and not home.exists():
            notice(f"{home}: a front-end's frames of recordings that the corpus no longer has were removed")


def _noted(home: Path) -> HeardRecordings | None:
    """What stands beside a cache; None for nothing, or nothing that makes sense."""
    try:
        return HeardRecordings(**read_json(home / NOTE, max_bytes=_MAX_NOTE_BYTES))
    except (DataError, OSError, TypeError):
        return None
