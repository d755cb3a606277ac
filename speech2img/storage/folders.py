"""Goes through a folder that a person filled: every file is either found or passed over for a reason that is told."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from speech2img.errors import DataError
from speech2img.storage.atomic import disk_errors
from speech2img.storage.media_type import HEAD_BYTES, media_type
from speech2img.storage.reading import open_regular

MADE_BY_SYSTEMS = {
    "@eadir": "made by a Synology disk station",
    "__macosx": "made by macOS in an archive",
    "$recycle.bin": "Windows's recycle bin",
    "#recycle": "a disk station's recycle bin",
    "system volume information": "made by Windows",
    "lost+found": "made by the file system",
    "thumbs.db": "made by Windows",
    "ehthumbs.db": "made by Windows",
    "desktop.ini": "made by Windows",
}
"""Names (in lower case) of files and folders that systems put among a person's own, and who does."""

_APPLE_DOUBLE = b"\0\5\x16\7"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file below a folder."""

    path: str
    """Relative to the folder, with ``/``; bytes that are no UTF-8 stand as lone surrogates, as Python has them."""
    kind: str | None
    """What it is by its content (`media_type`); None where that is not known, as of texts."""


@dataclass(frozen=True, slots=True)
class FolderContent:
    """All that lies below a folder."""

    files: list[FoundFile] = field(default_factory=list)
    """Sorted by path."""
    passed: dict[str, str] = field(default_factory=dict)
    """Path (a folder's ends in ``/``) -> why nothing of it was taken."""


def folder_content(root: Path, *, leave_out: Callable[[str], str | None] = lambda path: None) -> FolderContent:
    """Find every file below a folder, to any depth; links are followed.

    Parameters
    ----------
    root : Path
        The folder.
    leave_out : callable
        Gives, for a path relative to the folder, a reason to pass it over (a folder: with all in it), or None.

    Returns
    -------
    FolderContent
        Hidden files, what systems make, links to nothing, pipes and devices are passed over; empty files are found.

    Raises
    ------
    DataError
        If the folder or one in it is missing or cannot be listed, a file cannot be opened, or links lead in a circle or
        twice to one folder, so that its files would count twice.
    """
    if not root.is_dir():
        raise DataError.about(root, "no such folder", "name a folder")
    # Walk, knowing each folder by its device and number, so that no circle is walked.
    content = FolderContent()
    seen: dict[tuple[int, int], str] = {}
    for folder, names, files in _walk(root):
        status = folder.stat()
        here = folder.relative_to(root)
        other = seen.setdefault((status.st_dev, status.st_ino), str(folder))
        if other != str(folder):
            raise DataError.about(folder, f"a link leads in a circle, or here twice ({other})", "remove the link")
        # What belongs to the system, or is left out by the caller, is passed over and named.
        kept = []
        for name in sorted(names):
            path = (here / name).as_posix()
            reason = _systems(name) or leave_out(path)
            if reason is None:
                kept.append(name)
            else:
                content.passed[f"{path}/"] = reason
        names[:] = kept
        for name in sorted(files):
            _judge(content, root, (here / name).as_posix(), leave_out)
    content.files.sort(key=lambda file: file.path)
    return content


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    def refuse(error: OSError) -> None:
        reason = error.strerror or "cannot be listed"
        raise DataError.about(error.filename, reason, "check its permissions") from error

    for folder, names, files in os.walk(root, onerror=refuse, followlinks=True):
        yield Path(folder), names, files


def _judge(content: FolderContent, root: Path, path: str, leave_out: Callable[[str], str | None]) -> None:
    """Put one file where it belongs."""
    # What is no file of the user's.
    file = root / path
    reason = _systems(file.name) or leave_out(path)
    if reason is None and not file.exists():
        reason = "a link to nothing"
    if reason is None and not file.is_file():
        reason = "not a regular file"
    if reason is not None:
        content.passed[path] = reason
        return
    # Its kind by its first bytes, not by its name.
    with disk_errors(file), open_regular(file) as opened:
        head = opened.read(HEAD_BYTES)
    if head.startswith(_APPLE_DOUBLE):
        content.passed[path] = "made by macOS"
    else:
        content.files.append(FoundFile(path, media_type(head)))


def _systems(name: str) -> str | None:
    """Why a name is not a person's own file, or None."""
    if name.startswith("._"):
        return "made by macOS"
    if name.startswith("."):
        return "hidden"
    return MADE_BY_SYSTEMS.get(name.lower())
