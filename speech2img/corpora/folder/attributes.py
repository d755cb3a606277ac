"""The user's own attributes: columns ``attribute:NAME`` of a table, and what a corpus says of them in its manifest."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from speech2img.corpora.folder.entries import Entry
from speech2img.corpora.records.facts import CorpusFacts
from speech2img.corpora.records.items import CLASS_HEADS
from speech2img.errors import DataError
from speech2img.storage.names import shown, some_of

PREFIX = "attribute:"
"""What the name of such a column begins with."""
MAX_VALUES = 200
"""Most values of one attribute: free text is none."""
MAX_VALUE = 60
"""Most characters of a value."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TAKEN = (*CLASS_HEADS, "pooled")


def is_attribute(column: str) -> bool:
    """Whether a column of a table holds an attribute."""
    return column.startswith(PREFIX)


def check_attribute(path: Path, column: str) -> None:
    """DataError if the name of an attribute cannot be used."""
    name = column.removeprefix(PREFIX)
    if not _NAME.fullmatch(name):
        fix = "use letters a to z, digits and _, such as attribute:body_color"
        raise DataError.about(path, f"the column {column[:60]!r} names no attribute", fix)
    if name in _TAKEN:
        raise DataError.about(path, f"an attribute cannot be called {name!r}", f"call it {name}_1 or otherwise")


def attributes_of(path: Path, number: int, row: Mapping[str, str]) -> dict[str, str]:
    """Attribute -> value, as far as one row gives them.

    Parameters
    ----------
    path : Path
        The table, for messages.
    number : int
        The line, for messages.
    row : Mapping of str to str
        Its columns.

    Raises
    ------
    DataError
        If a value is too long to be one of a few.
    """
    given = {name.removeprefix(PREFIX): " ".join(value.split()) for name, value in row.items() if is_attribute(name)}
    for name, value in given.items():
        if len(value) > MAX_VALUE or not value.isprintable():
            reason = f"line {number}: {PREFIX}{name} is longer than {MAX_VALUE} characters or has control characters"
            raise DataError.about(path, reason, "give one of a few short values, such as red")
    return {name: value for name, value in given.items() if value}


def add_attributes(path: Path, number: int, image: str, known: dict[str, str], given: Mapping[str, str]) -> None:
    """Add what one row says of an image to what the rows before said of it; DataError if they contradict each other."""
    for name, value in given.items():
        if known.setdefault(name, value) != value:
            reason = f"line {number}: {shown(image)} is {name} {value!r}, in an earlier line {known[name]!r}"
            raise DataError.about(
                path, reason, "an image has one value; leave it empty where a caption does not say it"
            )


def folder_facts(root: Path, entries: Iterable[Entry]) -> tuple[CorpusFacts, list[str]]:
    """What the corpus is to say of its attributes, and notes.

    Parameters
    ----------
    root : Path
        The corpus folder, for messages.
    entries : iterable of Entry
        Its images.

    Returns
    -------
    facts : CorpusFacts
        Attributes in the order in which they occur first, each with its values sorted. One that has the same value
        everywhere is none: there is nothing to tell apart.
    notes : list of str
        What the user should know.

    Raises
    ------
    DataError
        If an attribute has more than `MAX_VALUES` values.
    """
    values: dict[str, set[str]] = {}
    for entry in entries:
        for name, value in (entry.attributes or {}).items():
            values.setdefault(name, set()).add(value)
    for name, seen in values.items():
        if len(seen) > MAX_VALUES:
            reason = f"attribute {name!r} has {len(seen)} values: {some_of(sorted(seen))}"
            raise DataError.about(root, reason, f"give at most {MAX_VALUES}, or call the column otherwise")
    alike = [name for name, seen in values.items() if len(seen) == 1]
    attributes = {name: tuple(sorted(seen)) for name, seen in values.items() if len(seen) > 1}
    notes = [f"attributes: {', '.join(f'{name} ({len(of)} values)' for name, of in attributes.items())}"]
    unmeasured = [f"attributes that are the same in all images, and are not measured: {some_of(alike)}"]
    return CorpusFacts(attributes), (notes if attributes else []) + (unmeasured if alike else [])
