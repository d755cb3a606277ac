"""The manifest of a corpus: every picture, its captions, how each is spoken, and which split it belongs to.

``manifest.jsonl`` is the truth about a corpus folder. Its first line is a header, every other line one picture with its
captions, so that a damaged line can be named and 117,880 captions load in less than a second.
"""

import contextlib
import gc
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from speech2img.corpora.records.items import SPLITS, Caption, Item, item_from_dict, item_to_dict, utterance_id
from speech2img.errors import DataError
from speech2img.storage.atomic import atomic_write_bytes
from speech2img.storage.names import shown, some_of
from speech2img.storage.reading import open_regular, parse_json

__all__ = [
    "MANIFEST_NAME",
    "SPLITS",
    "Caption",
    "Item",
    "Manifest",
    "demand_same_items",
    "require_files",
    "utterance_id",
]

MANIFEST_NAME = "manifest.jsonl"
FORMAT = "speech2img-manifest"
VERSION = 1
MAX_LINE = 4 << 20
"""Longest line in characters; one of a picture with ten captions has 3,000."""

_DECODER = json.JSONDecoder()
_REPAIR = "run 'speech2img prepare' on this folder again"


class Manifest:
    """A corpus folder's pictures, captions and splits.

    Parameters
    ----------
    root : Path
        The corpus folder.
    corpus : str
        Name of the corpus (``songbirds``, ``cub``, ...).
    items : iterable of Item
        The pictures.
    meta : Mapping, optional
        Anything worth knowing about the corpus as a whole; must be plain JSON.

    Raises
    ------
    DataError
        If two items or two captions of one item share a name, or a split or a class number is impossible.
    """

    def __init__(
        self, root: str | Path, corpus: str, items: Iterable[Item], *, meta: Mapping[str, Any] | None = None
    ) -> None:
        self.root = Path(root)
        self.corpus = corpus
        self.items: tuple[Item, ...] = tuple(items)
        self.meta: dict[str, Any] = dict(meta or {})
        self._check()

    def _check(self) -> None:
        path = self.root / MANIFEST_NAME
        seen: set[str] = set()
        names: dict[int, str] = {}
        # Each item: its name, split, class and captions.
        for item in self.items:
            if item.id in seen:
                raise DataError.about(path, f"the item {item.id!r} occurs twice", _REPAIR)
            seen.add(item.id)
            if item.split not in SPLITS:
                raise DataError.about(path, f"item {item.id}: unknown split {item.split!r}", f"use {', '.join(SPLITS)}")
            if names.setdefault(item.class_id, item.class_name) != item.class_name or item.class_id < 0:
                reason = f"item {item.id}: class number {item.class_id} is negative or used for two classes"
                raise DataError.about(path, reason, _REPAIR)
            if len(item.captions) > 1 and len({caption.index for caption in item.captions}) != len(item.captions):
                raise DataError.about(path, f"item {item.id}: two captions have the same index", _REPAIR)
        # A class has one name and one number.
        if len(set(names.values())) != len(names):
            raise DataError.about(path, "one class name has two class numbers", _REPAIR)
        self._names = names

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Manifest({str(self.root)!r}, {self.corpus!r}, {len(self.items)} items)"

    @property
    def class_names(self) -> list[str]:
        """Class names by class number; an empty string where a number is not used."""
        return [self._names.get(index, "") for index in range(max(self._names, default=-1) + 1)]

    @property
    def splits(self) -> list[str]:
        """The splits that have items, in the order of ``SPLITS``."""
        present = {item.split for item in self.items}
        return [split for split in SPLITS if split in present]

    def split(self, name: str) -> list[Item]:
        """Items of one split.

        Parameters
        ----------
        name : str
            ``train``, ``val`` (held-out pictures of the training classes, for model selection), ``test_seen`` (other
            held-out pictures of those classes) or ``test`` (classes never trained on).

        Raises
        ------
        DataError
            If the corpus has no such split.
        """
        members = [item for item in self.items if item.split == name]
        if not members:
            have = ", ".join(self.splits) or "none"
            raise DataError.about(self.root / MANIFEST_NAME, f"no items in split {name!r}", f"choose among: {have}")
        return members

    def save(self) -> Path:
        """Write ``manifest.jsonl`` into the corpus folder (atomically) and return its path.

        Raises
        ------
        DataError
            If a name is not Unicode text, or the file cannot be written.
        DiskFullError
            If the disk has no room.
        """
        # Header, then an item a line.
        header = {
            "format": FORMAT,
            "version": VERSION,
            "corpus": self.corpus,
            "items": len(self.items),
            "meta": self.meta,
        }
        lines = [json.dumps(header, ensure_ascii=False)]
        lines += [json.dumps(item_to_dict(item), ensure_ascii=False, separators=(",", ":")) for item in self.items]
        path = self.root / MANIFEST_NAME
        # Names of files that are not UTF-8 cannot be told apart later.
        try:
            data = ("\n".join(lines) + "\n").encode()
        except UnicodeEncodeError as error:
            wrong = shown(error.object[max(0, error.start - 40) : error.end + 20])
            raise DataError.about(path, f"holds a name that is not UTF-8: {wrong}", "rename that file") from error
        atomic_write_bytes(path, data)
        return path

    @classmethod
    def load(cls, root: str | Path) -> "Manifest":
        """Read the manifest of a corpus folder.

        Parameters
        ----------
        root : str or Path
            The corpus folder.

        Raises
        ------
        DataError
            If there is no manifest, it is of another version, incomplete, or a line is broken (the line is named).
        """
        path = Path(root) / MANIFEST_NAME
        # Read, with the collector of garbage at rest: a million captions are no garbage.
        try:
            with open_regular(path) as raw, _no_collection(), _as_text(raw) as file:
                header = _read_header(path, file.readline(MAX_LINE))
                items = _read_items(path, iter(lambda: file.readline(MAX_LINE), ""))
                if len(items) != header["items"]:
                    reason = f"incomplete: {len(items)} items, the header promises {header['items']}"
                    raise DataError.about(path, reason, _REPAIR)
                return cls(root, header["corpus"], items, meta=header["meta"])
        except FileNotFoundError as error:
            fix = "make it with 'speech2img prepare CORPUS --root DIR', or give the folder that holds it"
            raise DataError.about(path, "no such file, so this is no corpus folder", fix) from error
        except UnicodeDecodeError as error:
            raise DataError.about(path, _not_utf8(path), _REPAIR) from error
        except OSError as error:
            raise DataError.about(
                path, f"cannot be read ({error.strerror})", "check the path and its rights"
            ) from error


def _as_text(file: io.FileIO) -> TextIO:
    return io.TextIOWrapper(io.BufferedReader(file), encoding="utf-8")


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Let the garbage collector rest: over a million new records that all stay, its scans take a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read_header(path: Path, line: str) -> dict[str, Any]:
    # A manifest of this version.
    try:
        header = parse_json(line, allow_nan=True)
    except ValueError as error:
        raise DataError.about(path, "line 1: not a manifest header", _REPAIR) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DataError.about(path, f"line 1: not a manifest header (format {FORMAT!r} is missing)", _REPAIR)
    if header.get("version") != VERSION:
        reason = f"version {header.get('version')!r} of the manifest, this library reads version {VERSION}"
        raise DataError.about(path, reason, f"{_REPAIR}, or use the library version that wrote it")
    # Its fields.
    kinds = {"corpus": str, "items": int, "meta": dict}
    for key, kind in kinds.items():
        if not isinstance(header.get(key), kind):
            raise DataError.about(path, f"line 1: {key!r} is missing or no {kind.__name__}", _REPAIR)
    return header


def _read_items(path: Path, lines: Iterable[str]) -> list[Item]:
    items: list[Item] = []
    share: dict[str, str] = {}
    for number, line in enumerate(lines, start=2):
        try:
            items.append(item_from_dict(_decode(line), share))
        except KeyError as error:
            raise DataError.about(path, f"line {number}: key {error} is missing", _REPAIR) from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            reason = f"more than {MAX_LINE:,} characters" if len(line) >= MAX_LINE else error
            raise DataError.about(path, f"line {number}: broken ({reason})", _REPAIR) from error
    return items


def _decode(line: str) -> Any:
    """``json.loads``, but spaces around the value are looked for only where it does not fill the line.

    `parse_json` would take half of the loading, and every number and depth of an item is checked anyway.
    """
    try:
        value, end = _DECODER.raw_decode(line)
    except ValueError:
        return json.loads(line)
    return value if line[end:] == "\n" else json.loads(line)


def _not_utf8(path: Path) -> str:
    """Which line of a file is not UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return f"line {number}: not text in UTF-8 ({error.reason})"
    return "not text in UTF-8"


def demand_same_items(
    manifest: Manifest, ids: Sequence[str], *, source: Path, fix: str, utterances: bool = False
) -> None:
    """Check that what was computed for a corpus belongs to it as it is now.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    ids : sequence of str
        Names of the items, or utterances, that something was computed for, in its order.
    source : Path
        What was computed, for the message.
    fix : str
        What the user can do.
    utterances : bool
        Compare with the utterances instead of the items.

    Raises
    ------
    DataError
        If names or order differ.
    """
    wanted = [item.id for item in manifest.items]
    if utterances:
        wanted = [utterance_id(item, caption) for item in manifest.items for caption in item.captions]
    if list(ids) != wanted:
        raise DataError.about(source, "it belongs to another manifest", fix)


def require_files(
    root: Path, items: Iterable[Item], path_of: Callable[[Item], str | None], *, what: str, fix: str
) -> None:
    """Check that one file of every item is there and not empty.

    Parameters
    ----------
    root : Path
        The corpus folder.
    items : iterable of Item
        The items.
    path_of : callable
        Gives the file's path relative to the root, or None where an item needs none.
    what : str
        What the files are, for the message ("pictures").
    fix : str
        What the user can do.

    Raises
    ------
    DataError
        Naming how many are missing, and the first three.
    """
    wanted = (path_of(item) for item in items)
    missing = [relative for relative in wanted if relative is not None and not _has_content(root / relative)]
    if missing:
        raise DataError.about(root, f"{len(missing)} {what} are missing or empty: {some_of(missing)}", fix)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
