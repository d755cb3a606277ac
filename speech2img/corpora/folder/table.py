"""Reads a table of a folder's pictures and captions: ``items.csv``, ``items.tsv`` or ``items.jsonl``."""

import difflib
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from speech2img.corpora.folder.attributes import add_attributes, attributes_of, check_attribute, is_attribute
from speech2img.corpora.folder.entries import SPLIT_NAMES, Entry, Line, classes_and_splits, refuse_twins
from speech2img.corpora.folder.table_rows import ALIASES, COLUMNS, MAX_COLUMNS, Row, read_rows
from speech2img.corpora.records.text import MAX_WORDS, is_plain, plain_words
from speech2img.errors import ConfigError, DataError
from speech2img.storage.names import relative_path, same_name, shown, some_of

TABLE_NAMES = ("items.csv", "items.tsv", "items.jsonl")
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")


def find_table(root: Path) -> Path | None:
    """The table of a folder, if it has one (``Items.CSV`` too); DataError if it has two."""
    try:
        tables = [path for path in sorted(root.iterdir()) if path.name.lower() in TABLE_NAMES and not path.is_dir()]
    except OSError as error:
        raise DataError.about(root, error.strerror, "check the path and its permissions") from error
    if len(tables) > 1:
        raise DataError.about(root, f"both {tables[0].name} and {tables[1].name} are there", "keep one of them")
    return tables[0] if tables else None


def chosen_table(root: Path, table: str | Path) -> Path:
    """The table that the user names: a file of the folder, as seen from the folder or from where he stands.

    Parameters
    ----------
    root : Path
        The corpus folder.
    table : str or Path
        What he wrote.

    Raises
    ------
    ConfigError
        If it lies outside the folder, or is called like no table.
    """
    places = [
        path
        for path in (root / table, Path(table))
        if Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(root))
    ]
    if not places or places[0].suffix.lower() not in TABLE_SUFFIXES:
        raise ConfigError.about(table, "not a table of this folder", "give a .csv, .tsv or .jsonl that lies in it")
    return next((path for path in places if path.exists()), places[0])


def read_table(path: Path, *, files: Collection[str] = ()) -> tuple[list[Entry], list[str]]:
    """Read a table with one row a caption.

    Parameters
    ----------
    path : Path
        A ``.csv``, ``.tsv`` or ``.jsonl`` file in UTF-8. Columns (keys): ``image`` (a path relative to the corpus
        folder, Windows's back-slashes too), and as far as known ``audio``, ``text`` (or ``transcript``, ``caption``),
        ``class``, ``speaker``, ``split`` (train, val, test), ``language``. Rows of one image belong together. Without a
        column ``class`` or ``split`` the subfolders give them (`classes_and_splits`). A column ``attribute:NAME``
        holds what the image shows, in the rows of those captions that say it.
    files : collection of str
        The files of the folder: a path that differs from one of them in the spelling of its letters only (composed or
        not, capital or small) is that file.

    Returns
    -------
    entries : list of Entry
        In the table's order.
    notes : list of str
        What the user should know: columns that were passed over, recordings that several rows name.

    Raises
    ------
    DataError
        Naming the line, if it is broken, contradicts another one, or names a path outside the folder.
    """
    lines: dict[str, list[Line]] = {}
    facts: dict[str, tuple[str, str]] = {}
    attributes: dict[str, dict[str, str]] = {}
    header: dict[str, None] = {}
    spell = _speller(files)
    rows_of: Counter[str] = Counter()
    # Read row by row; rows of an image are its captions.
    for number, row in _rows(path, header):
        image = _path(path, number, row, "image", spell)
        if image is None:
            raise DataError.about(path, f"line {number}: no image", "every row needs the path of its picture")
        own = (row.get("class", ""), row.get("split", ""))
        if facts.setdefault(image, own) != own:
            reason = f"line {number}: {shown(image)} has another class or split than in an earlier line"
            raise DataError.about(path, reason, "give all rows of a picture the same")
        captions = lines.setdefault(image, [])
        audio, text = _path(path, number, row, "audio", spell), " ".join(row.get("text", "").split())
        if not _LANGUAGE.fullmatch(row.get("language") or "en"):
            fix = "use a code such as en, de or pt-br"
            raise DataError.about(path, f"line {number}: no language {row['language'][:20]!r}", fix)
        rows_of.update([audio] if audio else [])
        mentions = attributes_of(path, number, row)
        add_attributes(path, number, image, attributes.setdefault(image, {}), mentions)
        if audio or text:
            speaker, language = row.get("speaker") or None, row.get("language") or "en"
            captions.append(Line(len(captions), audio, text, speaker, language, mentions))
    # Nothing to learn from, or two images that features could not tell apart.
    if not lines:
        raise DataError.about(path, "no rows", "list the pictures in it")
    refuse_twins(path.parent, list(lines))
    # Classes and splits of the table, or of the folders where it has no such column.
    entries = []
    for image, (folder_class, folder_split) in zip(lines, classes_and_splits(list(lines)), strict=True):
        own_class, own_split = facts[image]
        class_name = (own_class or None) if "class" in header else folder_class
        split = _split(path, image, own_split) if "split" in header else folder_split
        entries.append(Entry(image, class_name, split, tuple(lines[image]), attributes[image] or None))
    _refuse_gaps(path, entries, header)
    # What the user should know.
    passed_over = [name for name in header if name not in COLUMNS and not is_attribute(name)]
    notes = [f"columns of {path.name} that were passed over: {some_of(passed_over)}"] if passed_over else []
    shared = [audio for audio, count in rows_of.items() if count > 1]
    return entries, [
        *notes,
        *([f"recordings that several rows of {path.name} name: {some_of(shared)}"] if shared else []),
    ]


def _rows(path: Path, header: dict[str, None]) -> Iterator[tuple[int, Row]]:
    """Rows with their line numbers; ``header`` receives the column names, aliases replaced."""
    for number, row in read_rows(path):
        # Columns under their usual names.
        plain = {ALIASES.get(name, name): value.strip() for name, value in row.items()}
        if not plain.keys() <= header.keys():
            new = [name for name in plain if name not in header]
            if len(header) + len(new) > MAX_COLUMNS:
                raise DataError.about(path, f"more than {MAX_COLUMNS} columns", f"keep {', '.join(COLUMNS)}")
            _check_columns(path, new)
            header.update(dict.fromkeys(new))
        # Values that are plain text.
        if len(plain) < len(row):
            raise DataError.about(path, "two columns hold the words", f"keep one of {', '.join(['text', *ALIASES])}")
        for name in COLUMNS:
            value = plain.get(name)
            if value and not (plain_words(value) if name == "text" else is_plain(value)):
                reason = f"line {number}: {name} is longer than {MAX_WORDS} characters or has control characters"
                raise DataError.about(path, reason, "write it as one plain line")
        yield number, plain


def _check_columns(path: Path, names: Iterable[str]) -> None:
    """Refuse a name that is nearly one of ours: it would be passed over, and the user would miss it."""
    for name in names:
        if is_attribute(name):
            check_attribute(path, name)
            continue
        near = difflib.get_close_matches(name[:40], COLUMNS, n=1, cutoff=0.75)
        if near and name not in COLUMNS:
            fix = f"call it {near[0]!r}, or give it quite another name"
            raise DataError.about(path, f"the column {name[:40]!r} is not known", fix)


def _speller(files: Collection[str]) -> Callable[[str], str]:
    """Turns a path into the file it means: itself, else the only one that is spelled so but for its letters."""
    there = frozenset(files)
    similar: dict[str, str | None] = {}
    for file in files:
        for form in {same_name(file), same_name(file).casefold()}:
            similar[form] = file if similar.setdefault(form, file) == file else None

    def spell(path: str) -> str:
        if path in there:
            return path
        composed = same_name(path)
        return similar.get(composed) or similar.get(composed.casefold()) or path

    return spell


def _path(table: Path, number: int, row: Row, column: str, spell: Callable[[str], str]) -> str | None:
    if not row.get(column):
        return None
    path = relative_path(row[column])
    if path is None:
        raise DataError.about(
            table, f"line {number}: {row[column][:200]!r} leaves the folder", "use paths relative to it"
        )
    return spell(path)


def _split(path: Path, image: str, name: str) -> str:
    try:
        return SPLIT_NAMES[name.lower()]
    except KeyError:
        raise DataError.about(path, f"{image}: unknown split {name[:40]!r}", "use train, val or test") from None


def _refuse_gaps(path: Path, entries: Iterable[Entry], header: Mapping[str, None]) -> None:
    if "class" in header:
        for entry in entries:
            if entry.class_name is None:
                raise DataError.about(path, f"{entry.image} has no class", "give all pictures one, or drop the column")
