"""Reads a table of a folder's pictures and captions: ``items.csv``, ``items.tsv`` or ``items.jsonl``."""

import csv
import difflib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from speech2img.corpora.folder.entries import SPLIT_NAMES, Entry, Line, classes_and_splits, inside, read_text_file
from speech2img.errors import DataError

TABLE_NAMES = ("items.csv", "items.tsv", "items.jsonl")
COLUMNS = ("image", "audio", "text", "class", "speaker", "split", "language")
ALIASES = {"transcript": "text", "caption": "text"}
MAX_TABLE_BYTES = 256 << 20
MAX_FIELD = 10_000
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Row = Mapping[str, str]


def find_table(root: Path) -> Path | None:
    """The table of a folder, if it has one; DataError if it has two."""
    found = [root / name for name in TABLE_NAMES if (root / name).is_file()]
    if len(found) > 1:
        raise DataError.about(root, f"both {found[0].name} and {found[1].name} are there", "keep one of them")
    return found[0] if found else None


def read_table(path: Path) -> tuple[list[Entry], list[str]]:
    """Read a table with one row a caption.

    Parameters
    ----------
    path : Path
        A ``.csv``, ``.tsv`` or ``.jsonl`` file in UTF-8. Columns (keys): ``image`` (a path relative to the table's
        folder, Windows's back-slashes too), and as far as known ``audio``, ``text`` (or ``transcript``, ``caption``),
        ``class``, ``speaker``, ``split`` (train, val, test), ``language``. Rows of one image belong together. Without a
        column ``class`` or ``split`` the subfolders give them (`classes_and_splits`).

    Returns
    -------
    entries : list of Entry
        In the table's order.
    notes : list of str
        What the user should know: columns that were passed over.

    Raises
    ------
    DataError
        Naming the line, if it is broken, contradicts another one, or names a path outside the folder.
    """
    lines: dict[str, list[Line]] = {}
    facts: dict[str, tuple[str, str]] = {}
    header: dict[str, None] = {}
    for number, row in _rows(path, header):
        image = _path(path, number, row, "image")
        if image is None:
            raise DataError.about(path, f"line {number}: no image", "every row needs the path of its picture")
        own = (row.get("class", ""), row.get("split", ""))
        if facts.setdefault(image, own) != own:
            reason = f"line {number}: {image} has another class or split than in an earlier line"
            raise DataError.about(path, reason, "give all rows of a picture the same")
        captions = lines.setdefault(image, [])
        audio, text = _path(path, number, row, "audio"), " ".join(row.get("text", "").split())
        if not _LANGUAGE.fullmatch(row.get("language") or "en"):
            fix = "use a code such as en, de or pt-br"
            raise DataError.about(path, f"line {number}: no language {row['language'][:20]!r}", fix)
        if audio or text:
            captions.append(Line(len(captions), audio, text, row.get("speaker") or None, row.get("language") or "en"))
    if not lines:
        raise DataError.about(path, "no rows", "list the pictures in it")
    entries = []
    for image, (folder_class, folder_split) in zip(lines, classes_and_splits(list(lines)), strict=True):
        own_class, own_split = facts[image]
        class_name = (own_class or None) if "class" in header else folder_class
        split = _split(path, image, own_split) if "split" in header else folder_split
        entries.append(Entry(image, class_name, split, tuple(lines[image])))
    _refuse_gaps(path, entries, header)
    passed_over = [name for name in header if name not in COLUMNS]
    return entries, [f"columns of {path.name} that were passed over: {', '.join(passed_over)}"] if passed_over else []


def _rows(path: Path, header: dict[str, None]) -> Iterator[tuple[int, Row]]:
    """Rows with their line numbers; ``header`` receives the column names, aliases replaced."""
    text = read_text_file(path, max_bytes=MAX_TABLE_BYTES)
    rows = _json_rows(path, text) if path.suffix == ".jsonl" else _csv_rows(path, text)
    for number, row in rows:
        plain = {ALIASES.get(name, name): value.strip() for name, value in row.items()}
        _check_columns(path, [name for name in plain if name not in header])
        header.update(dict.fromkeys(plain))
        for name in COLUMNS:
            value = plain.get(name, "")
            if len(value) > MAX_FIELD or _CONTROL.search(" ".join(value.split()) if name == "text" else value):
                reason = f"line {number}: {name} is longer than {MAX_FIELD} characters or has control characters"
                raise DataError.about(path, reason, "write it as one plain line")
        yield number, plain


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, Row]]:
    delimiter = "\t" if path.suffix == ".tsv" else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, restkey="", restval=None)
    try:
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        if "image" not in names or len(set(names)) != len(names):
            fix = f"its first line has to name the columns: {', '.join(COLUMNS)}"
            raise DataError.about(path, f"no column 'image', or one name twice ({', '.join(names)[:80]})", fix)
        reader.fieldnames = names
        for row in reader:
            if "" in row or None in row.values():
                raise DataError.about(path, f"line {reader.line_num}: {len(names)} fields expected", "quote commas")
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError.about(path, f"line {reader.line_num}: broken ({error})", "write it as plain CSV") from error


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError.about(path, f"line {number}: not JSON ({error})", "write one object a line") from error
        plain = isinstance(row, dict) and all(isinstance(value, str | int | None) for value in row.values())
        if not plain:
            raise DataError.about(path, f"line {number}: not an object of texts", "write one object a line")
        yield number, {name.lower(): "" if value is None else str(value) for name, value in row.items()}


def _check_columns(path: Path, names: Iterable[str]) -> None:
    """Refuse a name that is nearly one of ours: it would be passed over, and the user would miss it."""
    for name in names:
        near = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.75)
        if near and name not in COLUMNS:
            fix = f"call it {near[0]!r}, or give it quite another name"
            raise DataError.about(path, f"the column {name!r} is not known", fix)


def _path(table: Path, number: int, row: Row, column: str) -> str | None:
    if not row.get(column):
        return None
    path = inside(row[column])
    if path is None:
        raise DataError.about(table, f"line {number}: {row[column]!r} leaves the folder", "use paths relative to it")
    return path


def _split(path: Path, image: str, name: str) -> str:
    try:
        return SPLIT_NAMES[name.lower()]
    except KeyError:
        raise DataError.about(path, f"{image}: unknown split {name!r}", "use train, val or test") from None


def _refuse_gaps(path: Path, entries: Iterable[Entry], header: Mapping[str, None]) -> None:
    if "class" in header:
        for entry in entries:
            if entry.class_name is None:
                raise DataError.about(path, f"{entry.image} has no class", "give all pictures one, or drop the column")
