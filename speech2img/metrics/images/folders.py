"""Which files of a folder are pictures to be judged; what is not used is told, never left out in silence."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from speech2img.errors import DataError, ImageError
from speech2img.images.io import MEDIA_TYPES
from speech2img.storage.folders import folder_content
from speech2img.storage.names import same_name, shown, some_of

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff")
UNREAD_SUFFIXES = (".pgm", ".ppm", ".pnm", ".jp2", ".jxl", ".avif", ".heic", ".heif", ".svg", ".psd", ".exr", ".dng")
MAX_LISTED = 200
"""How many unused files a report lists; it counts all of them."""
_CONVERT = "save it as JPEG or PNG, or remove it: leaving it out would change the number"


def images_below(root: Path) -> tuple[list[str], dict[str, str]]:
    """Find the pictures below a folder, by their content.

    Parameters
    ----------
    root : Path
        Searched to any depth, links followed.

    Returns
    -------
    images : list of str
        Paths relative to the folder: what is a picture by content, or by its name (and then damaged).
    passed : dict of str to str
        All other files, and folders that were not entered, with the reason.

    Raises
    ------
    DataError
        If there is no such folder, or links lead in a circle.
    ImageError
        If there are pictures of a format that is not read.
    """
    if root.is_file():
        raise DataError.about(root, "a file, not a folder", "give a folder with pictures, a list of them, or a .npz")
    # Images by content; a damaged one counts by its suffix, so that it is not passed over in silence.
    content = folder_content(root)
    images, passed = [], dict(content.passed)
    for file in content.files:
        suffix = PurePosixPath(file.path).suffix.lower()
        is_other_image = file.kind is not None and file.kind.startswith("image/")
        if file.kind in MEDIA_TYPES or (suffix in SUFFIXES and not is_other_image):
            images.append(file.path)
        elif is_other_image or suffix in UNREAD_SUFFIXES:
            reason = f"a format that is not read ({file.kind or suffix})"
            raise ImageError.about(root / file.path, reason, _CONVERT)
        else:
            passed[file.path] = f"no picture ({file.kind or suffix or 'of no known kind'})"
    return images, passed


def printable(path: str) -> str:
    r"""A path as reports and hashes write it: bytes that are no UTF-8 become ``\xe9``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def spelled_as_stored(folder: Path, name: str) -> Path:
    """The file of a name, also where one is composed Unicode (NFC) and the other decomposed, as macOS writes it.

    Returns
    -------
    Path
        ``folder / name`` itself where no file has the name in another spelling.
    """
    path = stored = folder / name
    if name.isascii():
        return path
    try:
        if not path.exists():
            stored = folder
            for part in PurePosixPath(name).parts:
                entries = [part] if (stored / part).exists() else sorted(os.listdir(stored))
                stored /= next((entry for entry in entries if same_name(entry) == same_name(part)), part)
        return stored if stored.exists() else path
    except OSError:  # no such folder, or a name that is too long: reading it says so
        return path


def unused_notes(side: str, passed: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What a report says of files that were not used.

    Parameters
    ----------
    side : str
        What the pictures are ("generated").
    passed : Mapping of str to str
        File -> reason.

    Returns
    -------
    notes : list of str
        One sentence with numbers and reasons; none where every file is used.
    listing : list of str
        A line of Markdown for each file, the first `MAX_LISTED`, and how many more there are.
    """
    if not passed:
        return [], []
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(Counter(passed.values()).items()))
    lines = [f"- {side}: {shown(path)}: {reason}" for path, reason in sorted(passed.items())]
    more = [f"- ... and {len(lines) - MAX_LISTED:,} more"] if len(lines) > MAX_LISTED else []
    count = f"{len(passed):,} {'entry' if len(passed) == 1 else 'entries'}"
    return [f"{side}: {count} of the folder not used: {reasons}."], lines[:MAX_LISTED] + more


def several_note(side: str, names: Sequence[str]) -> list[str]:
    """The sentence about animations and files of several pages; none where there are none."""
    if not names:
        return []
    return [f"{side}: of {len(names):,} animated or several-page files the first picture was taken: {some_of(names)}."]
