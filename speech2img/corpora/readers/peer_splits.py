"""Splits as the published code hands them on, read as an alternative to a corpus's own published split.

Five kinds of files are known, in one folder: StackGAN's, AttnGAN's and S2IGAN's ``{train,test}/filenames.pickle`` (and
``class_info.pickle``), Li et al.'s ``train.json`` and ``test.json`` (or ``val.json``), Reed et al.'s
``trainvalclasses.txt`` and ``testclasses.txt``, and plain lists ``{train,test}_filenames.txt``. Python 2 and Windows
may have written them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech2img.corpora.records.items import Item
from speech2img.corpora.records.splits import class_number, read_names, read_numbers
from speech2img.corpora.records.text import counted
from speech2img.errors import DataError
from speech2img.storage.foreign.peer_embeddings import load_s2igan_embeddings
from speech2img.storage.lines import text_lines
from speech2img.storage.names import some_of
from speech2img.storage.reading import read_bytes, read_json

SIDES: tuple[str, ...] = ("train", "test")
TEXT_EMBEDDINGS = "char-CNN-RNN-embeddings.pickle"
MAX_LIST_BYTES = 64 << 20
_FIX = "take all files from the same download of the split, or leave them out to use the published split"


@dataclass(frozen=True, slots=True)
class PeerSplit:
    """A split that somebody else wrote down, as it stands in his files."""

    source: Path
    """The folder."""
    kind: str
    """Which files: ``pickles``, ``json``, ``classes`` or ``lists``."""
    sides: Mapping[str, tuple[str, ...]]
    """``train`` and ``test`` -> names of pictures (or of classes, if the kind is ``classes``) in the files' order."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Name -> class number from 1, where the files give it."""
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name -> captions, where the files give them."""


def find_peer_splits(folder: Path) -> list[PeerSplit]:
    """Read every split that lies in a folder.

    Parameters
    ----------
    folder : Path
        The corpus folder, or a folder of its own.

    Returns
    -------
    list of PeerSplit
        One for each kind of files that is there, pickles first; a side may be missing.

    Raises
    ------
    DataError
        If a file is damaged or holds something else.
    """
    splits = []
    for kind, read in _READERS.items():
        split = read(folder)
        if split is not None and split.sides:
            splits.append(split)
        elif split is not None:
            raise DataError.about(folder, f"the {kind} of the split list nothing", _FIX)
    return splits


def sides_of_items(split: PeerSplit, items: Sequence[Item]) -> dict[str, str]:
    """Check a split against a corpus.

    Parameters
    ----------
    split : PeerSplit
        As it was read.
    items : sequence of Item
        All pictures of the corpus.

    Returns
    -------
    dict of str to str
        Item id -> ``train`` or ``test``, for the pictures that the split lists.

    Raises
    ------
    DataError
        If it names pictures or classes that the corpus does not have, a picture twice or on both sides, or gives a
        picture another class.
    """
    # Names of this corpus for names of the split.
    find = _class_finder(items) if split.kind == "classes" else _image_finder(items)
    by_id = {item.id: item for item in items}
    sides: dict[str, str] = {}
    unknown, repeated, reclassified = [], [], []
    for side, names in split.sides.items():
        for name in names:
            ids = find(name)
            if not ids:
                unknown.append(name)
            for item_id in ids:
                if item_id in sides:
                    repeated.append(item_id)
                sides[item_id] = side
                if split.numbers.get(name, class_number(by_id[item_id])) != class_number(by_id[item_id]):
                    reclassified.append(item_id)
    # A split that does not fit says so whole, not by its first name.
    for wrong, reason in (
        (unknown, "not in this corpus"),
        (repeated, "listed twice or on both sides"),
        (reclassified, "in another class than in this corpus"),
    ):
        if wrong:
            text = f"the split ({split.kind}) does not fit: {reason}: {counted(len(wrong), 'name')} "
            raise DataError.about(split.source, text + f"({some_of(wrong)})", _FIX)
    return sides


def texts_of_items(split: PeerSplit, items: Sequence[Item]) -> dict[str, tuple[str, ...]]:
    """Item id -> captions that the split's files carry; pictures that the corpus does not have are passed over."""
    find = _image_finder(items)
    return {item_id: texts for name, texts in split.texts.items() for item_id in find(name)}


def read_text_embeddings(folder: str | Path, *, count: int | None = None) -> list[NDArray[np.float32]]:
    """Read the char-CNN-RNN text embeddings that StackGAN and StackGAN-v2 use.

    Parameters
    ----------
    folder : str or Path
        Folder of one side, with ``char-CNN-RNN-embeddings.pickle``.
    count : int, optional
        How many pictures ``filenames.pickle`` beside it lists; None: read from there.

    Returns
    -------
    list of np.ndarray [shape=(captions, 1024), float32]
        In the order of ``filenames.pickle``.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the numbers of pictures differ.
    """
    folder = Path(folder)
    count = len(read_names(folder / "filenames.pickle")) if count is None else count
    rows = load_s2igan_embeddings(folder / TEXT_EMBEDDINGS)
    if len(rows) != count:
        reason = f"embeddings of {len(rows)} pictures, filenames.pickle lists {count}"
        raise DataError.about(folder / TEXT_EMBEDDINGS, reason, "take both files from the same download")
    return rows


def _read_pickles(folder: Path) -> PeerSplit | None:
    # One pickle of names a side, and perhaps one of class numbers.
    sides: dict[str, tuple[str, ...]] = {}
    numbers: dict[str, int] = {}
    for side in SIDES:
        path = folder / side / "filenames.pickle"
        if not path.is_file():
            continue
        sides[side] = tuple(read_names(path))
        if (folder / side / "class_info.pickle").is_file():
            classes = read_numbers(folder / side / "class_info.pickle")
            if len(classes) != len(sides[side]):
                reason = f"{len(sides[side])} file names but {len(classes)} class numbers"
                raise DataError.about(folder / side, reason, _FIX)
            numbers.update(zip(sides[side], classes, strict=True))
    return PeerSplit(folder, "pickles", sides, numbers) if sides else None


def _read_json(folder: Path) -> PeerSplit | None:
    # One list a side, with perhaps a class and texts of each image.
    names = {"train": "train.json", "test": "test.json" if (folder / "test.json").is_file() else "val.json"}
    sides: dict[str, tuple[str, ...]] = {}
    numbers: dict[str, int] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for side, file_name in names.items():
        path = folder / file_name
        if not path.is_file():
            continue
        listed = []
        for position, entry in enumerate(_json_entries(path)):
            name = _json_name(path, position, entry)
            listed.append(name)
            number = str(entry.get("class", "")).partition(".")[0]
            if number.isascii() and number.isdecimal() and len(number) < 8:
                numbers[name] = int(number)
            text = entry.get("text")
            if isinstance(text, list) and text and all(isinstance(line, str) for line in text):
                texts[name] = tuple(text)
        sides[side] = tuple(listed)
    return PeerSplit(folder, "json", sides, numbers, texts) if sides else None


def _json_entries(path: Path) -> list[Any]:
    content = read_json(path)
    entries = content.get("data") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise DataError.about(path, "not a split as Li et al. wrote them (an object with a list 'data')", _FIX)
    return entries


def _json_name(path: Path, position: int, entry: Any) -> str:
    name = (entry.get("image") or entry.get("img")) if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise DataError.about(path, f"entry {position} of 'data' names no picture ('image' or 'img')", _FIX)
    return _plain(name)


def _read_classes(folder: Path) -> PeerSplit | None:
    return _from_lists(folder, "classes", {"train": "trainvalclasses.txt", "test": "testclasses.txt"})


def _read_lists(folder: Path) -> PeerSplit | None:
    return _from_lists(folder, "lists", {side: f"{side}_filenames.txt" for side in SIDES})


def _from_lists(folder: Path, kind: str, names: Mapping[str, str]) -> PeerSplit | None:
    sides = {side: _read_lines(folder / name) for side, name in names.items() if (folder / name).is_file()}
    return PeerSplit(folder, kind, sides) if sides else None


def _read_lines(path: Path) -> tuple[str, ...]:
    try:
        lines = text_lines(read_bytes(path, max_bytes=MAX_LIST_BYTES).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError.about(path, f"not in UTF-8 ({error.reason} at byte {error.start})", _FIX) from error
    return tuple(_plain(line.strip()) for line in lines if line.strip())


_READERS: Mapping[str, Callable[[Path], PeerSplit | None]] = {
    "pickles": _read_pickles,
    "json": _read_json,
    "classes": _read_classes,
    "lists": _read_lists,
}


def _plain(name: str) -> str:
    """A picture's name with ``/`` for Windows' back-slashes, without ``./`` and without ``.jpg``."""
    return name.replace("\\", "/").removeprefix("./").removesuffix(".jpg")


def _image_finder(items: Iterable[Item]) -> Callable[[str], tuple[str, ...]]:
    """Finds an item by its id, by its path, or by its bare file name where only one picture is called so."""
    names: dict[str, str] = {}
    bare: dict[str, list[str]] = {}
    for item in items:
        names[item.id] = names[_plain(item.image)] = item.id
        bare.setdefault(PurePosixPath(item.image).stem, []).append(item.id)

    def find(name: str) -> tuple[str, ...]:
        if name in names:
            return (names[name],)
        alone = bare.get(name, []) if "/" not in name else []
        return (alone[0],) if len(alone) == 1 else ()

    return find


def _class_finder(items: Iterable[Item]) -> Callable[[str], tuple[str, ...]]:
    members: dict[str, list[str]] = {}
    for item in items:
        members.setdefault(item.class_name, []).append(item.id)
    return lambda name: tuple(members.get(name.rpartition("/")[2].removesuffix(".t7"), ()))
