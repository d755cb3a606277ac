"""Where reports and statistics are written: only reports replace reports, and only statistics replace statistics."""

import os
from pathlib import Path

from speech2img.errors import ConfigError, DataError, Speech2ImgError
from speech2img.metrics.images.statistics_files import load_all_statistics
from speech2img.storage.places import require_writable_place
from speech2img.storage.reading import read_json

_FILES = ("report.json", "report.md", "report.html", "utterances.json", "pictures", "nearest-1.png", "attention-1.png")
_FIX = "choose another --out"


def require_report_place(out: Path) -> None:
    """Check that a report can be written into a folder without replacing what no report put there.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written, or has files of a report's names that are not a report's.
    """
    require_writable_place(out)
    there = [name for name in _FILES if os.path.lexists(out / name)]
    if there and not (_is_report(out / "report.json") or _are_utterances(out / "utterances.json")):
        reason = "is there already and no report of 'speech2img evaluate'"
        raise ConfigError.about(out / there[0], reason, _FIX)


def require_statistics_place(path: Path) -> None:
    """Check that statistics can be written to a file without replacing anything but statistics.

    Raises
    ------
    ConfigError
        If its folder cannot be made or written, or something else is there already.
    """
    require_writable_place(path.parent)
    if path.is_dir():
        raise ConfigError.about(f"--save-stats {path}", "a folder", "give the name of a .npz file")
    if path.exists():
        try:
            load_all_statistics(path)
        except Speech2ImgError as error:
            reason = "is there already and holds no statistics"
            raise ConfigError.about(f"--save-stats {path}", reason, "choose another name") from error


def _is_report(path: Path) -> bool:
    content = _json(path)
    return isinstance(content, dict) and {"title", "metrics", "environment"} <= content.keys()


def _are_utterances(path: Path) -> bool:
    """Whether it is what an interrupted call leaves before its report."""
    entries = _json(path)
    return isinstance(entries, list) and all(isinstance(entry, dict) and "held_out_voice" in entry for entry in entries)


def _json(path: Path) -> object:
    try:
        return read_json(path)
    except DataError:
        return None
