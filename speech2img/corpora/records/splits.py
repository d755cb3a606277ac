"""Split files in the layouts of the published code, written from the manifest.

``<part>/filenames.pickle`` and ``class_info.pickle`` as StackGAN-v2, AttnGAN and S2IGAN read them (class numbers from
1, as in CUB), and ``<part>.json`` as Li et al. 2020 read it. ``val`` and ``test_seen`` get folders of their own, so the
published code can be pointed at any part. In a corpus with a published split of two parts (CUB, Oxford-102) the peers'
``train`` is the published one, our validation pictures included; elsewhere it never contains a validation picture.
"""

import contextlib
import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech2img.corpora.records.manifest import MANIFEST_NAME, SPLITS, Item, Manifest
from speech2img.errors import ConfigError, DataError
from speech2img.storage.atomic import write_json
from speech2img.storage.foreign.pickles import load_pickle, save_pickle
from speech2img.storage.reading import read_json

logger = logging.getLogger(__name__)

IMAGES = "CUB_200_2011/images"
AUDIO = "CUB_200_2011_audio/audio"
SPLIT_FILES = frozenset(
    name for part in SPLITS for name in (f"{part}.json", f"{part}/filenames.pickle", f"{part}/class_info.pickle")
)
"""What `write_split_files` writes, relative to the corpus folder."""
MAX_PICKLE_BYTES = 256 << 20
MAX_DIGITS = 9
"""Most digits of a class number in a folder's name."""
PUBLISHED_PARTS: Mapping[str, tuple[str, ...]] = {"train": ("train", "val"), "val": ("val",), "test": ("test",)}
"""``peer_parts`` in the header of a corpus with a published split of two parts."""
_FIX = "take both files from the same download of the split"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How Li et al. 2020 call things in the JSON file of one corpus."""

    image: str
    """Key of the picture's path."""
    audio: str
    """Key of the list of recordings."""
    text: str
    """Key of the list of captions."""
    class_of: Callable[[Item], str]
    """How a class is named."""


def class_number(item: Item) -> int:
    """CUB's number of an item's class, from 1: the number before the dot of its folder, else ``class_id + 1``."""
    number, dot, _ = item.class_name.partition(".")
    return int(number) if dot and number.isdecimal() and len(number) <= MAX_DIGITS else item.class_id + 1


BIRDS = Dialect("image", "audio", "text", lambda item: item.class_name)
FLOWERS = Dialect("img", "wav", "text", lambda item: str(class_number(item)))


def peer_parts(manifest: Manifest) -> dict[str, list[int]]:
    """Which pictures the peers' files of each part list, and in which order.

    Everything that goes by position (embedding and feature pickles) must follow it.

    Parameters
    ----------
    manifest : Manifest
        Any corpus.

    Returns
    -------
    dict of str to list of int
        Name of the part's folder -> rows of ``manifest.items``, in the order of the folder's ``filenames.pickle`` where
        that lists exactly these pictures, else in the manifest's order.
    """
    plan = manifest.meta.get("peer_parts") or {split: (split,) for split in manifest.splits}
    parts = {}
    for part, splits in plan.items():
        rows = [row for row, item in enumerate(manifest.items) if item.split in splits]
        if rows:
            parts[part] = _in_order_of(manifest.root / part, rows, manifest.items)
    return parts


def _in_order_of(folder: Path, rows: list[int], items: Sequence[Item]) -> list[int]:
    if not (folder / "filenames.pickle").is_file():
        return rows
    names = read_names(folder / "filenames.pickle")
    row_of = {items[row].id: row for row in rows}
    return [row_of[name] for name in names] if len(names) == len(rows) and row_of.keys() == set(names) else rows


def is_feature_file(path: str) -> bool:
    """Whether a path in a corpus folder is one where features of a part's pictures are kept, ours or the peers'."""
    part, _, name = path.partition("/")
    return part in SPLITS and "/" not in name and name.startswith("image_features_") and name.endswith(".pickle")


def write_split_files(manifest: Manifest, *, dialect: Dialect = BIRDS) -> None:
    """Write the pickles and the JSON file of every part of a manifest into its folder.

    Pickles that list the same pictures with the same classes stay as they are, whatever their order; so do JSON files
    that another program wrote. Pickles of other pictures are replaced only if they are ours: if the folder has a
    manifest, or the part a JSON file that we wrote, which is done before its pickles are. What an earlier call wrote of
    a part that the corpus has no more is removed: whoever evaluated on it would evaluate on training pictures. So are
    our features and embeddings in the peers' layouts, which go by position, of a part whose pictures are others now.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    dialect : Dialect
        The keys of the JSON files.

    Raises
    ------
    ConfigError
        If there are pickles of other pictures that are not ours.
    """
    parts = peer_parts(manifest)
    _refuse_foreign_pickles(manifest, parts)
    for part in SPLITS:
        if part not in parts:
            _remove_part(manifest.root, part)
    for part, rows in parts.items():
        items = [manifest.items[row] for row in rows]
        path = manifest.root / f"{part}.json"
        if not _is_foreign(path, part):
            write_json(path, li2020_split(items, part, dialect=dialect))
        _write_pickles(manifest.root, part, items)


def _refuse_foreign_pickles(manifest: Manifest, parts: Mapping[str, Sequence[int]]) -> None:
    if (manifest.root / MANIFEST_NAME).is_file():
        return
    for part, rows in parts.items():
        path = manifest.root / f"{part}.json"
        if path.is_file() and not _is_foreign(path, part):
            continue
        for name, content in _pickled([manifest.items[row] for row in rows]).items():
            path = manifest.root / part / f"{name}.pickle"
            if path.is_file() and _listed(path) != content:
                fix = "move it away, or give another --root"
                raise ConfigError.about(path, "lists other pictures, and was not made by this library", fix)


def _write_pickles(root: Path, part: str, items: Sequence[Item]) -> None:
    for name, content in _pickled(items).items():
        path = root / part / f"{name}.pickle"
        if not path.is_file() or _listed(path) != content:
            if name == "filenames" and path.is_file():
                _remove_outdated(root, part)  # first: a kill in between must not leave them beside a new list
            save_pickle(path, content)


def _pickled(items: Sequence[Item]) -> dict[str, list[Any]]:
    """What the pickles of a part hold, by name."""
    return {"class_info": [class_number(item) for item in items], "filenames": [item.id for item in items]}


def _remove_outdated(root: Path, part: str) -> None:
    """Remove the peers' pickles that go by the position in a list that has changed, as far as we have made them."""
    derived = root / "derived"
    paths = (root / part).glob("image_features_*.pickle")
    features = {path.stem.removeprefix("image_features_"): path for path in paths}
    ours = [path for name, path in features.items() if (derived / f"features-{name}.h5").is_file()]
    ours += derived.glob(f"embeddings/*/speech_embeddings_{part}.pickle")
    ours += derived.glob(f"embeddings/*/{part}/audio_features_*.pickle")
    for path in ours:
        path.unlink()
    if ours:
        names = ", ".join(sorted(str(path.relative_to(root)) for path in ours))
        logger.warning("%s: other pictures than before; removed: %s; run 'features' and 'extract' again", part, names)
    if foreign := sorted(path.name for path in features.values() if path not in ours):
        logger.warning("%s: other pictures than before: %s belongs to the former ones", part, ", ".join(foreign))


def _remove_part(root: Path, part: str) -> None:
    """Remove the files of a part if its JSON file says that they are ours, and its folder if nothing else is in it."""
    path = root / f"{part}.json"
    if not path.is_file() or _is_foreign(path, part):
        return
    for name in ("class_info", "filenames"):
        (root / part / f"{name}.pickle").unlink(missing_ok=True)
    _remove_outdated(root, part)
    with contextlib.suppress(OSError):
        (root / part).rmdir()
    path.unlink()


def _listed(path: Path) -> object:
    return read_names(path) if path.name == "filenames.pickle" else read_numbers(path)


def _feature_path(part: str) -> str:
    return f"{part}/image_features_googlenet.pickle"


def _is_foreign(path: Path, part: str) -> bool:
    """Whether there is a file of that name that we did not write."""
    if not path.exists():
        return False
    try:
        content = read_json(path)
    except DataError:
        return True
    return not isinstance(content, dict) or content.get("image_feature_path") != _feature_path(part)


def li2020_split(items: Sequence[Item], part: str, *, dialect: Dialect = BIRDS) -> dict[str, object]:
    """One part in the JSON layout of Li et al. 2020.

    Parameters
    ----------
    items : sequence of Item
        The pictures.
    part : str
        Name of the part: the folder where the features of its pictures lie.
    dialect : Dialect
        The keys of its entries.

    Returns
    -------
    dict
        ``image_base_path``, ``audio_base_path``, ``image_feature_path`` (relative to the corpus folder) and ``data``:
        one object a picture with its path, its class, and the lists of recordings and captions.
    """
    # Paths are relative to what all of them share.
    images = _base([item.image for item in items], IMAGES)
    audio = _base([caption.audio for item in items for caption in item.captions if caption.audio], AUDIO)
    data = [
        {
            dialect.image: item.image.removeprefix(f"{images}/"),
            "class": dialect.class_of(item),
            dialect.text: [caption.text for caption in item.captions],
            dialect.audio: [caption.audio.removeprefix(f"{audio}/") for caption in item.captions if caption.audio],
        }
        for item in items
    ]
    return {
        "image_base_path": images,
        "audio_base_path": audio,
        "image_feature_path": _feature_path(part),
        "data": data,
    }


def _base(paths: Sequence[str], usual: str) -> str:
    """CUB's own folder where all files lie in it, else the corpus folder."""
    return usual if all(path.startswith(f"{usual}/") for path in paths) else "."


def draw_validation(items: Iterable[Item], *, share: float, salt: str) -> set[str]:
    """Choose the validation pictures: a share of the training pictures of each class.

    Parameters
    ----------
    items : iterable of Item
        The corpus.
    share : float
        Part of each class's training pictures, rounded.
    salt : str
        Corpus and seed: same salt, same pictures, whatever the order of the items.

    Returns
    -------
    set of str
        Ids of items whose split is ``train``.
    """
    by_class: dict[str, list[str]] = {}
    for item in items:
        if item.split == "train":
            by_class.setdefault(item.class_name, []).append(item.id)
    chosen: set[str] = set()
    for name, ids in by_class.items():
        rng = random.Random(f"{salt} {name}")
        chosen.update(rng.sample(sorted(ids), round(share * len(ids))))
    return chosen


def read_split_pickles(folder: str | Path) -> list[tuple[str, int]]:
    """Read ``filenames.pickle`` and ``class_info.pickle`` of one part.

    Parameters
    ----------
    folder : str or Path
        Folder that holds both.

    Returns
    -------
    list of (str, int)
        Image id (``class folder/name``) and class number from 1.

    Raises
    ------
    DataError
        If the two do not belong together or hold something else.
    """
    folder = Path(folder)
    names, numbers = read_names(folder / "filenames.pickle"), read_numbers(folder / "class_info.pickle")
    if len(names) != len(numbers):
        raise DataError.about(folder, f"{len(names)} file names but {len(numbers)} class numbers", _FIX)
    return list(zip(names, numbers, strict=True))


def read_names(path: Path) -> list[str]:
    """Read a pickled list of file names as StackGAN, AttnGAN and S2IGAN keep them, of Python 2 or 3.

    Returns
    -------
    list of str
        With ``/`` for the back-slashes of Windows, without ``.jpg``.

    Raises
    ------
    DataError
        If the file is missing, damaged or holds something else.
    """
    names = _plain_list(load_pickle(path, max_bytes=MAX_PICKLE_BYTES))
    if names is None or not all(isinstance(name, str) and name for name in names):
        raise DataError.about(path, "not a list of image names", _FIX)
    return [name.replace("\\", "/").removesuffix(".jpg") for name in names]


def read_numbers(path: Path) -> list[int]:
    """Read a pickled list of class numbers (``class_info.pickle``); errors as ``read_names``."""
    numbers = _plain_list(load_pickle(path, max_bytes=MAX_PICKLE_BYTES))
    if numbers is None or not all(type(number) is int for number in numbers):
        raise DataError.about(path, "not a list of class numbers", _FIX)
    return numbers


def _plain_list(value: Any) -> list[Any] | None:
    if isinstance(value, np.ndarray):
        return list(value.tolist()) if value.ndim == 1 else None
    return list(value) if isinstance(value, (list, tuple)) else None
