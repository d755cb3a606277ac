"""Prepares ``places``: the Places Audio Captions with the photographs of Places205, whole or seven kinds of rooms.

Harwath, Torralba, Glass 2016; the rooms are those of Li et al. 2020 and of S2IGAN's Places-subset (Wang et al. 2021).
"""

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from speech2img.corpora.checks.recorded import SpokenOptions, SpokenSource, finish_spoken
from speech2img.corpora.readers.guides import PLACES205_PAGE, PLACES_AUDIO_PAGE
from speech2img.corpora.readers.peer_splits import find_peer_splits, sides_of_items
from speech2img.corpora.records.claims import refuse_other_corpus
from speech2img.corpora.records.items import Caption, Item, recorded_caption
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.text import counted, is_plain, plain_words
from speech2img.errors import ConfigError, DataError
from speech2img.storage.names import relative_path, some_of
from speech2img.storage.reading import read_json

ROOMS = ("bedroom", "dinette", "dining_room", "home_office", "hotel_room", "kitchenette", "living_room")
"""The classes of the Places-subset, in the order of their numbers."""
METADATA_FOLDERS = ("PlacesAudio_400k_distro/metadata", "metadata")
IMAGE_FOLDERS = ("images", "images256", "vision/torralba/deeplearning/images256")
RELEASES: tuple[Mapping[str, str], ...] = (
    {
        "test_seen_2020.json": "test_seen",
        "test_unseen_2020.json": "test_seen",
        "dev_seen_2020.json": "val",
        "dev_unseen_2020.json": "val",
        "train_2020.json": "train",
    },
    {"val.json": "test_seen", "train.json": "train"},
)
"""Lists of a release -> their part; what is listed twice belongs to the first. Newer releases come first."""
PUBLISHED_PAIRS = {"train.json": 402_385, "val.json": 1_000}
VALIDATION_IMAGES = 1_000
ROOM_TEST_SHARE = 0.2
ROOM_VAL_SHARE = 0.05
_AUDIO = f"the archive of {PLACES_AUDIO_PAGE}, unpacked to PlacesAudio_400k_distro/"
SOURCE = SpokenSource(
    name="places",
    images=f"Places205 (resized to 256 x 256), asked for at {PLACES205_PAGE}, unpacked to images/",
    recordings=_AUDIO,
    cite="Harwath, Torralba, Glass 2016 (NeurIPS); photographs: Zhou et al. 2014 (Places205)",
    unknown={"photographer": "the corpus does not name them"},
)


@dataclass(frozen=True, slots=True)
class _Pair:
    """One line of a list: a picture and what was said about it."""

    image: str
    wav: str
    speaker: str | None
    text: str
    part: str


def prepare_places(
    root: str | Path,
    options: SpokenOptions | None = None,
    *,
    rooms_only: bool = False,
    splits: str | Path | None = None,
) -> Manifest:
    """Verify a folder with the Places Audio Captions, and write its manifest.

    Parameters
    ----------
    root : str or Path
        The folder; ``PLACES_GUIDE`` says what has to lie in it.
    options : SpokenOptions, optional
        What the user chose.
    rooms_only : bool
        Take the pictures of ``ROOMS`` only.
    splits : str or Path, optional
        Folder with the peers' split files of the rooms.

    Returns
    -------
    Manifest
        Splits ``train``, ``val`` and ``test_seen`` (its classes are trained on); the peers' ``test`` is ``test_seen``.

    Raises
    ------
    DataError
        If files are missing, damaged or contradict each other.
    ConfigError
        If the folder holds another corpus, or options contradict each other.
    """
    # Options, and where the corpus lies.
    root, options = Path(root), options or SpokenOptions()
    if splits is not None and not rooms_only:
        raise ConfigError.about("--splits", "the whole corpus has its own lists", "give --subset rooms as well")
    refuse_other_corpus(root, SOURCE.name)
    folder, release = _find_release(root)
    # Pairs of image and recording, of the rooms only where asked for.
    pairs, notes = _read_pairs(folder, release)
    if rooms_only:
        pairs = [pair for pair in pairs if _class_of(pair.image) in ROOMS]
        if not pairs:
            raise DataError.about(folder, f"no picture of {', '.join(ROOMS)}", f"take the lists from {_AUDIO}")
    items, doubled = _items(pairs, audio=_inside(folder.parent, root), images=_image_folder(root, pairs[0].image))
    notes += doubled
    # Divide them.
    if rooms_only:
        items, how = _parted_rooms(items, splits, options.seed)
    else:
        items, how = _with_validation(items, options.seed), f"as published ({', '.join(release)})"
    parts = {"train": ["train", "val"], "val": ["val"], "test": ["test_seen"]}
    return finish_spoken(root, SOURCE, items, options, meta={"split": how, "peer_parts": parts}, notes=notes)


def _find_release(root: Path) -> tuple[Path, Mapping[str, str]]:
    for release in RELEASES:
        for folder in METADATA_FOLDERS:
            if any((root / folder / name).is_file() for name in release):
                missing = [name for name in release if not (root / folder / name).is_file()]
                if missing:
                    raise DataError.about(root / folder, f"no {', '.join(missing)} in it", f"take them from {_AUDIO}")
                return root / folder, release
    reason = "no metadata/train.json, no metadata/train_2020.json"
    raise DataError.about(root / METADATA_FOLDERS[0], reason, f"both are in {_AUDIO}")


def _read_pairs(folder: Path, release: Mapping[str, str]) -> tuple[list[_Pair], list[str]]:
    pairs: list[_Pair] = []
    notes = []
    for name, part in release.items():
        path = folder / name
        content = read_json(path)
        rows = content.get("data") if isinstance(content, dict) else None
        if not isinstance(rows, list) or not rows:
            raise DataError.about(path, "not an object with a list 'data'", f"take it from {_AUDIO}")
        wanted = PUBLISHED_PAIRS.get(name, len(rows))
        if len(rows) != wanted:
            notes.append(f"{name} lists {len(rows):,} recordings, published are {wanted:,}")
        pairs += [_pair(path, number, row, part) for number, row in enumerate(rows)]
    return pairs, notes


def _pair(path: Path, number: int, row: Any, part: str) -> _Pair:
    # Paths that stay within the corpus.
    fields = row if isinstance(row, dict) else {}
    image, wav = (
        relative_path(value) if isinstance(value := fields.get(key), str) else None for key in ("image", "wav")
    )
    if image is None or wav is None or len(PurePosixPath(image).parts) < 2:
        reason = f"entry {number} of 'data' has no 'image' and 'wav' inside the corpus"
        raise DataError.about(path, reason, f"take it from {_AUDIO}")
    # Speaker and words, both optional.
    speaker, text = fields.get("speaker"), fields.get("asr_text")
    name = str(speaker) if isinstance(speaker, str | int) and speaker != "" else None
    words = plain_words(text) if isinstance(text, str) else ""
    if words is None or not is_plain(name or ""):
        reason = f"entry {number} of 'data' has words or a speaker that are no text"
        raise DataError.about(path, reason, f"take it from {_AUDIO}")
    return _Pair(image, wav, name, words, part)


def _class_of(image: str) -> str:
    """``bedroom`` of ``b/bedroom/gsun_1.jpg``: the folders of a picture without the letter they are filed under."""
    parts = PurePosixPath(image).parts[:-1]
    return "/".join(parts[1:] if len(parts) > 1 and len(parts[0]) == 1 else parts)


def _image_folder(root: Path, image: str) -> str:
    return next((name for name in IMAGE_FOLDERS if os.path.isfile(root / name / image)), IMAGE_FOLDERS[0])


def _inside(folder: Path, root: Path) -> str:
    """Prefix of the recordings: the folder above the lists, or the corpus folder itself."""
    return f"{folder.relative_to(root).as_posix()}/" if folder != root and folder.is_relative_to(root) else ""


def _items(pairs: Iterable[_Pair], *, audio: str, images: str) -> tuple[list[Item], list[str]]:
    """One item a picture, its recordings in the order of the lists; a picture stays in the first part that lists it."""
    # Recordings of an image stand together; an image belongs to the first list that has it.
    by_image: dict[str, list[_Pair]] = {}
    elsewhere: list[str] = []
    for pair in pairs:
        group = by_image.setdefault(pair.image, [])
        if group and group[0].part != pair.part:
            elsewhere.append(pair.image)
        else:
            group.append(pair)
    # Items.
    names = sorted({_class_of(image) for image in by_image})
    number = {name: index for index, name in enumerate(names)}
    items = []
    for image, group in by_image.items():
        captions = tuple(_caption(index, pair, audio) for index, pair in enumerate(group))
        name = _class_of(image)
        key = str(PurePosixPath(image).with_suffix(""))
        items.append(Item(key, f"{images}/{image}", number[name], name, group[0].part, None, None, captions))
    note = f"recordings of pictures that another list has too, left out: {len(elsewhere)} ({some_of(elsewhere)})"
    return items, [note] if elsewhere else []


def _caption(index: int, pair: _Pair, audio: str) -> Caption:
    return recorded_caption(index, f"{audio}{pair.wav}", text=pair.text, speaker=pair.speaker)


def _with_validation(items: Sequence[Item], seed: int) -> list[Item]:
    """Draw validation pictures from the training part where the lists have none."""
    if any(item.split == "val" for item in items):
        return list(items)
    training = sorted(item.id for item in items if item.split == "train")
    count = min(VALIDATION_IMAGES, len(training) // 10)
    chosen = set(random.Random(f"places validation {seed}").sample(training, count))
    return [replace(item, split="val") if item.id in chosen else item for item in items]


def _parted_rooms(items: Sequence[Item], splits: str | Path | None, seed: int) -> tuple[list[Item], str]:
    """Rooms in the peers' parts, or in drawn ones; validation pictures are always drawn from the training part."""
    # Drawn, or as the user's files have it.
    if splits is None:
        sides = {item.id: "train" for item in items} | dict.fromkeys(_drawn(items, ROOM_TEST_SHARE, seed), "test")
        how = f"rooms, drawn: test {ROOM_TEST_SHARE:g}; not the published split, which needs --splits"
    else:
        peers = find_peer_splits(Path(splits))
        if not peers:
            raise DataError.about(splits, "no split files in it", "give S2IGAN's or Li et al.'s, see --help")
        bare = {side: tuple(PurePosixPath(name).name for name in names) for side, names in peers[0].sides.items()}
        sides = sides_of_items(replace(peers[0], sides=bare, numbers={}), items)
        how = f"rooms, by {peers[0].kind} of {Path(splits).name}: {counted(len(sides), 'picture')}"
    # Validation images are drawn from the training side.
    parted = [
        replace(item, split="test_seen" if sides[item.id] == "test" else "train") for item in items if item.id in sides
    ]
    held = _drawn([item for item in parted if item.split == "train"], ROOM_VAL_SHARE, seed)
    return [replace(item, split="val") if item.id in held else item for item in parted], how


def _drawn(items: Sequence[Item], share: float, seed: int) -> set[str]:
    chosen: set[str] = set()
    by_class: dict[str, list[str]] = {}
    for item in items:
        by_class.setdefault(item.class_name, []).append(item.id)
    for name, ids in by_class.items():
        chosen.update(random.Random(f"places rooms {share} {seed} {name}").sample(sorted(ids), round(share * len(ids))))
    return chosen
