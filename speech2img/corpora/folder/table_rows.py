"""Rows of a table as a spreadsheet or a program wrote it: CSV, tabs, or one JSON object a line."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from speech2img.errors import DataError
from speech2img.storage.lines import read_text_file
from speech2img.storage.media_type import file_media_type
from speech2img.storage.reading import parse_json

COLUMNS = ("image", "audio", "text", "class", "speaker", "split", "language")
ALIASES = {"transcript": "text", "caption": "text"}
MAX_TABLE_BYTES = 64 << 20
MAX_ROWS = 500_000
MAX_COLUMNS = 500
MAX_LINE = 1 << 20
"""Longest line, in characters."""
_SEPARATOR_LINE = re.compile(r'"?sep=.?"?[,;\t]*\s*?(\r\n|\n|\r)', re.IGNORECASE)
_SEPARATORS = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars"}

Row = Mapping[str, str]


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Read the rows of a table.

    Parameters
    ----------
    path : Path
        A ``.csv``, ``.tsv`` or ``.jsonl`` file in UTF-8.

    Yields
    ------
    number : int
        The line, from 1.
    row : Mapping of str to str
        Name of the column in lower case -> value.

    Raises
    ------
    DataError
        If it is no regular file, in another encoding, separated by something else, broken, or has more lines than
        `MAX_ROWS`, a longer one than `MAX_LINE` or more columns than `MAX_COLUMNS`.
    """
    kind = file_media_type(path)
    if kind in ("application/zip", "application/x-ole-storage"):
        raise DataError.about(path, "is a spreadsheet, not a text", "save it as CSV UTF-8")
    text = read_text_file(path, max_bytes=MAX_TABLE_BYTES)
    if max(text.count("\n"), text.count("\r")) > MAX_ROWS:
        raise DataError.about(path, f"more than {MAX_ROWS:,} lines", "divide it")
    yield from _json_rows(path, text) if path.suffix.lower() == ".jsonl" else _csv_rows(path, text)


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, Row]]:
    # Separator, by the suffix, and by what Excel writes above the header.
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    separator = _SEPARATOR_LINE.match(text)  # Excel reads and writes it
    text, above = (text[separator.end() :], 1) if separator else (text, 0)
    _check_separator(path, text, delimiter)
    reader = csv.DictReader(_lines(path, text), delimiter=delimiter, strict=True, restkey="", restval=None)
    try:
        # Header.
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        while names and not names[-1]:  # spreadsheets write empty columns behind the last
            names.pop()
        _check_header(path, names)
        reader.fieldnames = names
        # Rows; fields beyond the header mean an unquoted separator.
        for row in reader:
            beyond = "".join(row.pop("", None) or ()).strip()
            if not beyond and not any((value or "").strip() for value in row.values()):
                continue  # and empty rows below the last
            if beyond or None in row.values():
                fix = f"quote {_SEPARATORS[delimiter]}"
                raise DataError.about(path, f"line {reader.line_num + above}: {len(names)} fields expected", fix)
            yield reader.line_num + above, row
    except csv.Error as error:
        reason = f"line {reader.line_num + above}: broken ({error})"
        raise DataError.about(path, reason, "write it as plain CSV") from error


def _lines(path: Path, text: str) -> Iterator[str]:
    """Lines with their ends; one that would hold millions of fields ends the reading."""
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if len(line) > MAX_LINE:
            raise DataError.about(path, f"line {number}: longer than {MAX_LINE:,} characters", "write a row a line")
        yield line


def _check_separator(path: Path, text: str, delimiter: str) -> None:
    """Refuse a table whose first line names its columns, but not with this between them."""
    first = text[:1000].replace("\r", "\n").partition("\n")[0].lower()
    likely = [name for name in _SEPARATORS if "image" in [field.strip(' "') for field in first.split(name)]]
    if likely and delimiter not in likely:
        wanted = "tabs (or call it .csv and use commas)" if delimiter == "\t" else "commas"
        raise DataError.about(
            path, f"its columns are separated by {_SEPARATORS[likely[0]]}", f"separate them by {wanted}"
        )


def _check_header(path: Path, names: list[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise DataError.about(path, f"more than {MAX_COLUMNS} columns", f"keep those it needs: {', '.join(COLUMNS)}")
    if "image" in names and len(set(names)) == len(names):
        return
    fix = f"its first line has to name the columns: {', '.join(COLUMNS)}"
    raise DataError.about(path, f"no column 'image', or one name twice ({', '.join(names)[:80]})", fix)


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, Row]]:
    # Each line an object of texts.
    for number, line in enumerate(_lines(path, text), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise DataError.about(path, f"line {number}: not JSON ({error})", "write one object a line") from error
        plain = isinstance(row, dict) and all(isinstance(value, str | int | None) for value in row.values())
        if not plain:
            raise DataError.about(path, f"line {number}: not an object of texts", "write one object a line")
        # Names of columns know no capitals.
        lower = {name.lower(): "" if value is None else str(value) for name, value in row.items()}
        if len(lower) < len(row):
            raise DataError.about(path, f"line {number}: names that differ in capitals only", "keep one of them")
        yield number, lower
