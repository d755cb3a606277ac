"""What of a folder is not used: a line for each reason with the first names, and the whole list in a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from speech2img.corpora.records.text import counted
from speech2img.storage.atomic import disk_errors, write_text
from speech2img.storage.names import MAX_NAMED, shown, some_of

UNUSED_NAME = "derived/prepare/unused.txt"
SYSTEM = "hidden, or made by a system"
"""The reason that nobody need worry about: it comes last."""


@dataclass(frozen=True, slots=True)
class Unused:
    """A file that is not used, or a folder of such."""

    path: str
    """Relative to the corpus folder; ends in ``/`` if it is a folder."""
    reason: str
    """Why, and what the user can do."""
    files: int = 1
    """How many files it stands for."""


def describe_unused(unused: Iterable[Unused]) -> list[str]:
    """One line a reason, the one with the most files first, what systems make last.

    Parameters
    ----------
    unused : iterable of Unused
        In any order.

    Returns
    -------
    list of str
        Such as ``3 files not used: a link that leads nowhere (a.jpg, b.jpg, c.jpg)``.
    """
    groups: dict[str, list[Unused]] = {}
    for one in sorted(unused, key=lambda one: one.path):
        groups.setdefault(one.reason, []).append(one)
    sizes = {reason: sum(one.files for one in group) for reason, group in groups.items()}
    return [
        f"{counted(sizes[reason], 'file')} not used: {reason} ({some_of([one.path for one in groups[reason]])})"
        for reason in sorted(groups, key=lambda reason: (reason == SYSTEM, -sizes[reason], reason))
    ]


def list_unused(root: Path, unused: Iterable[Unused], *, named: Iterable[Unused] = ()) -> list[str]:
    """Write the whole list to ``derived/prepare/unused.txt``, and describe it for the user.

    Parameters
    ----------
    root : Path
        The corpus folder.
    unused : iterable of Unused
        Files that are not used; where there are none, an earlier list is removed.
    named : iterable of Unused
        Others that are not used, of which the user is told elsewhere: they stand in the list too.

    Returns
    -------
    list of str
        As from `describe_unused`; the last line names the file, where the others do not name everything.
    """
    unused = list(unused)
    everything = sorted([*unused, *named], key=lambda one: one.path)
    path = root / UNUSED_NAME
    if not everything:
        with disk_errors(path):
            path.unlink(missing_ok=True)
        return []
    write_text(path, "".join(f"{shown(one.path, max_length=5000)}\t{one.reason}\n" for one in everything))
    lines = describe_unused(unused)
    if len(everything) > MAX_NAMED:
        total = sum(one.files for one in everything)
        lines.append(f"{counted(total, 'file')} not used in all; the whole list is in {UNUSED_NAME}")
    return lines
