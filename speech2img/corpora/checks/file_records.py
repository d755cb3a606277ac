"""Inspects the files a corpus is made of: what is missing, what cannot be read, what changed since the manifest.

``files.jsonl`` in the corpus folder keeps size, time and SHA-256 of every file that was found sound, so that an
interrupted ``prepare`` resumes where it was, a second one only looks at the times, and a file that was exchanged behind
the manifest's back is named.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speech2img.corpora.records.manifest import MANIFEST_NAME
from speech2img.corpora.records.text import counted
from speech2img.errors import DataError, ImageError, Speech2ImgError
from speech2img.images.io import probe_image
from speech2img.storage.atomic import disk_errors, write_text
from speech2img.storage.hdf5.sources import map_in_order
from speech2img.storage.journal import Journal
from speech2img.storage.names import MAX_NAMED, some_of
from speech2img.storage.progress import track
from speech2img.storage.reading import file_sha256

RECORD_NAME = "files.jsonl"
MISSING_NAME = "derived/prepare/missing.txt"
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Needed:
    """Files of one kind that a corpus needs."""

    what: str
    """What they are, in the plural ("pictures")."""
    paths: tuple[str, ...]
    """Relative to the corpus folder."""
    source: str
    """Where they are officially available, and where they belong; ends the message."""
    elsewhere: frozenset[str] = frozenset()
    """Those that need no file of their own, because an archive holds them."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What is known of one sound file."""

    size: int
    """Bytes."""
    mtime_ns: int
    """Time of the last change."""
    sha256: str
    """64 hex digits."""
    sides: tuple[int, int] | None
    """Width and height in pixels of a picture as stored, to which boxes refer; None for other files."""


def demand_files(root: Path, needed: Sequence[Needed]) -> None:
    """Check that files are there and not empty.

    Parameters
    ----------
    root : Path
        The corpus folder.
    needed : sequence of Needed
        All that the corpus needs.

    Raises
    ------
    DataError
        Naming for every kind how many are missing, the first three and the source. More than three names go into
        ``derived/prepare/missing.txt`` in the corpus folder, all of them.
    """
    reasons, names = [], []
    # Say of every kind what is missing, not of the first only.
    for kind in needed:
        missing = [path for path in kind.paths if path not in kind.elsewhere and not _has_content(root / path)]
        if missing:
            names += missing
            number = f"{len(missing):,} of {len(kind.paths):,} " if len(kind.paths) > 1 else ""
            reasons.append(f"missing or empty: {number}{kind.what} ({some_of(missing)}): {kind.source}")
    # The whole list goes into a file, which goes away when all is there.
    listing = root / MISSING_NAME
    if not names:
        with disk_errors(listing):
            listing.unlink(missing_ok=True)
        return
    fix = "then run it again"
    if len(names) > MAX_NAMED and root.is_dir():
        with contextlib.suppress(Speech2ImgError):  # where nothing can be written, what is missing counts
            write_text(listing, "".join(f"{name}\n" for name in names))
            fix = f"the whole list is in {MISSING_NAME}; {fix}"
    raise DataError.about(root, "; ".join(reasons), fix)


def inspect_files(
    root: Path,
    *,
    images: Sequence[str],
    others: Sequence[str] = (),
    source: str,
    workers: int = 2,
    progress: bool = True,
) -> dict[str, FileState]:
    """Read every file once, pictures to their end, and remember what was found.

    Parameters
    ----------
    root : Path
        The corpus folder; all files must be there (``demand_files``).
    pictures, others : sequence of str
        Paths relative to it. Pictures are decoded, other files (index files, captions) are not understood here.
    source : str
        Where damaged files are available again.
    workers : int
        Threads that read.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    dict of str to FileState
        By path, pictures first.

    Raises
    ------
    DataError
        If pictures cannot be read, or files are not what they were when the manifest was written; the first three are
        named. Without a manifest a changed file is simply taken as it is.
    """
    record = Journal(root / RECORD_NAME)
    states: dict[str, FileState] = {}
    damaged: list[str] = []
    changed: list[str] = []
    has_manifest = (root / MANIFEST_NAME).is_file()
    fresh: list[tuple[str, FileState]] = []
    # Look at each file; one whose size and time are as recorded is not read again.
    todo = [(path, True) for path in images] + [(path, False) for path in others]
    inspector = _Inspector(root, record)
    results = map_in_order(inspector.look, todo, workers)
    for path, old, state in track(results, total=len(todo), what="inspecting files", unit="file", progress=progress):
        if isinstance(state, str):
            damaged.append(f"{path}: {state}")
            continue
        states[path] = state
        if has_manifest and old is not None and old.sha256 != state.sha256:
            changed.append(path)
        elif old != state:
            fresh.append((path, state))
        if len(fresh) >= _BATCH:
            _remember(record, fresh)
    _remember(record, fresh)
    # What cannot be read comes first: it may be the cause of the rest.
    if damaged:
        names = some_of(damaged, separator="; ", max_length=200)
        reason = f"cannot be read: {len(damaged):,} of {counted(len(images), 'picture')} ({names})"
        raise DataError.about(root, reason, source)
    # Features and embeddings belong to the files that the manifest was written for.
    if changed:
        reason = f"changed since the manifest was written: {counted(len(changed), 'file')} ({some_of(changed)})"
        fix = f"put the old ones back, or remove {MANIFEST_NAME} and derived/ to take the new ones"
        raise DataError.about(root, reason, fix)
    return states


def changed_files(root: str | Path) -> list[str]:
    """Files that are gone or changed since ``prepare`` inspected them: a quick look at sizes and times, then contents.

    Parameters
    ----------
    root : str or Path
        The corpus folder.

    Returns
    -------
    list of str
        Paths relative to it; empty where nothing changed or nothing was recorded.
    """
    root = Path(root)
    if not (root / RECORD_NAME).is_file():
        return []
    inspector = _Inspector(root, Journal(root / RECORD_NAME))
    return [path for path in inspector.old if inspector.is_changed(path)]


class _Inspector:
    """Looks at one file after another; safe to call from threads."""

    def __init__(self, root: Path, record: Journal) -> None:
        self.root = root
        self.old = {path: state for path, fields in record.done.items() if (state := _state_from(fields))}

    def look(self, task: tuple[str, bool]) -> tuple[str, FileState | None, FileState | str]:
        """Path, what was recorded of it, and what is found now (or why a picture cannot be read)."""
        path, is_image = task
        old = self.old.get(path)
        # As recorded: nothing to read.
        with disk_errors(self.root / path):
            status = (self.root / path).stat()
        if old and (old.size, old.mtime_ns) == (status.st_size, status.st_mtime_ns) and bool(old.sides) == is_image:
            return path, old, old
        # Decoded by its header, and hashed.
        sides = None
        if is_image:
            try:
                sides = probe_image(self.root / path, upright=False)
            except ImageError as error:
                return path, old, str(error).removeprefix(f"{self.root / path}: ").rpartition("; ")[0]
        digest = file_sha256(self.root / path)
        return path, old, FileState(status.st_size, status.st_mtime_ns, digest, sides)

    def is_changed(self, path: str) -> bool:
        """Whether a recorded file is gone or has another content."""
        old, file = self.old[path], self.root / path
        if not file.is_file():
            return True
        status = file.stat()
        if (old.size, old.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return False
        return old.size != status.st_size or file_sha256(file) != old.sha256


def _remember(record: Journal, fresh: list[tuple[str, FileState]]) -> None:
    record.add_many(
        [
            (path, {"size": state.size, "mtime_ns": state.mtime_ns, "sha256": state.sha256, "sides": state.sides})
            for path, state in fresh
        ]
    )
    fresh.clear()


def _state_from(fields: dict[str, object]) -> FileState | None:
    match fields:
        case {"size": int(size), "mtime_ns": int(mtime_ns), "sha256": str(sha256), "sides": None}:
            return FileState(size, mtime_ns, sha256, None)
        case {"size": int(size), "mtime_ns": int(mtime_ns), "sha256": str(sha256), "sides": [int(width), int(height)]}:
            return FileState(size, mtime_ns, sha256, (width, height))
    return None


def _has_content(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False
