"""Lists the files of a user's folder: links are followed, circles end, and what is passed over is said."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from speech2img.corpora.folder.unused import SYSTEM, Unused
from speech2img.corpora.records.splits import SPLIT_FILES, is_feature_file
from speech2img.errors import DataError
from speech2img.storage.folders import MADE_BY_SYSTEMS, FoundFile, folder_content
from speech2img.storage.names import relative_path

OUR_FOLDERS = frozenset(("derived", "reports"))
"""What this library writes into a corpus folder, on its first level, beside what engines speak."""
SPOKEN = "spoken"
"""Folder of the recordings that an engine makes of captions."""
OUR_FILES = frozenset(("manifest.jsonl", "files.jsonl", "run.lock"))
BEGUN = frozenset(("prepare", "downloads"))
"""Folders in ``derived`` that are there before there is a manifest."""
MAX_FILES = 2_000_000
MAX_COUNTED = 10_000
OURS = "in a folder whose name this library keeps for what it makes; rename the folder if they are yours"
NOT_UTF8 = "the name is not in UTF-8; rename the file"
ODD_NAME = "the name has a back-slash, control characters or a space at its end; rename the file"
AROUND = "a link to a folder around this one"
ANYWAY = "a link to a folder that is read anyway"
_MORE_SYSTEM_NAMES = frozenset(("@recycle", "#snapshot", "@recently-snapshot", "ehthumbs_vista.db", "icon\r"))
_SILENT = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder."""

    files: list[FoundFile]
    """Regular files with usable names, sorted by path."""
    unused: list[Unused]
    """What was passed over, and why."""
    links: list[str]
    """Linked folders that were followed."""


def list_files(root: Path, *, made: Collection[str] | None = None) -> Listing:
    """List the files of a folder and of the folders that links in it lead to.

    Every folder is read once: a link to a folder that is read anyway, or to one around this one, is not followed.

    Parameters
    ----------
    root : Path
        The folder.
    made : collection of str, optional
        If the folder was prepared before: the recordings in it that an engine made. Then this library's own files are
        no news; else all that is called like them is named.

    Returns
    -------
    Listing
        By path.

    Raises
    ------
    DataError
        If a folder or file cannot be read, or there are more than `MAX_FILES`.
    """
    gate = _Gate(root, made)
    content = folder_content(root, leave_out=gate.reason)
    unused = []
    for path, reason in content.passed.items():
        if reason != _SILENT:
            is_folder = path.endswith("/") and not (root / path.rstrip("/")).is_symlink()
            size = _count(root / path, but=BEGUN if path == "derived/" else ()) if is_folder else 1
            reason = SYSTEM if _is_hidden(path.rstrip("/").rpartition("/")[2]) else reason
            unused += [Unused(path, reason, size)] if size else []
    return Listing(content.files, unused, gate.followed)


class _Gate:
    """Decides of every file and folder, before it is looked into, whether it is passed over."""

    def __init__(self, root: Path, made: Collection[str] | None) -> None:
        self._root, self._made = root, made
        self._bases = [os.path.realpath(root)]
        self._left = MAX_FILES
        self.followed: list[str] = []

    def reason(self, path: str) -> str | None:
        """Why a file or folder is passed over; empty where nobody needs to be told; None if it is not."""
        # A disk given by mistake is not walked for hours.
        self._left -= 1
        if self._left < 0:
            raise DataError.about(
                self._root, f"more than {MAX_FILES:,} files", "give the folder of your pictures alone"
            )
        # Files of the system, of this package, and links that lead elsewhere.
        name = path.rpartition("/")[2]
        if name.lower() in _MORE_SYSTEM_NAMES or name.startswith("~$"):
            return SYSTEM
        known = self._if_ours(path)
        if known is None:
            known = _name_reason(path)
        if known is None and os.path.islink(self._root / path) and os.path.isdir(self._root / path):
            known = self._if_not_followed(path)
        return known

    def _if_ours(self, path: str) -> str | None:
        if path in OUR_FOLDERS or (path == SPOKEN and self._made is None):
            return OURS if self._made is None and os.path.isdir(self._root / path) else _SILENT
        if self._made is not None and (
            path in self._made or path in OUR_FILES or path in SPLIT_FILES or is_feature_file(path)
        ):
            return _SILENT
        return OURS if path.startswith(f"{SPOKEN}/") and not os.path.isdir(self._root / path) else None

    def _if_not_followed(self, path: str) -> str | None:
        target = os.path.realpath(self._root / path)
        for base in self._bases:
            if base.startswith(f"{target.rstrip('/')}/"):
                return AROUND
            inside = target.startswith(f"{base.rstrip('/')}/")
            if target == base or (inside and not _is_hidden(os.path.relpath(target, base))):
                return ANYWAY
        self._bases.append(target)
        self.followed.append(path)
        return None


def _name_reason(path: str) -> str | None:
    try:
        path.encode()
    except UnicodeEncodeError:
        return NOT_UTF8
    control = any(ord(char) < 32 or 127 <= ord(char) < 160 for char in path)
    return ODD_NAME if control or relative_path(path) != path else None


def _is_hidden(path: str) -> bool:
    """Whether something lies in a folder that is not read there, though maybe through a link, or is hidden itself."""
    names = MADE_BY_SYSTEMS.keys() | _MORE_SYSTEM_NAMES
    return any(part.startswith((".", "~$")) or part.lower() in names for part in path.split("/"))


def _count(folder: Path, *, but: Collection[str] = ()) -> int:
    """How many files lie in a folder that is not read; looking ends at `MAX_COUNTED`."""
    total = 0
    for here, names, files in os.walk(folder):
        if Path(here) == folder:
            names[:] = [name for name in names if name not in but]
        total += len(files)
        if total >= MAX_COUNTED:
            break
    return total
