"""Prepares ``cub100``: the 4,540 CUB photographs (89 species) of the data folder, in CUB's folder layout.

The photographs come cropped to the bird and squashed to 227 x 227; their captions are written here
(``cub_captions``), since Reed et al.'s ten captions an image are not among that data.
"""

import csv
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

from speech2img.corpora.readers.cub_captions import ClassFacts, label_phrases, read_class_facts, write_cub_captions
from speech2img.corpora.records.cub_layout import claim_folder, image_path, is_whole_jpeg, write_layout, write_quickly
from speech2img.corpora.records.facts import META_KEY, CorpusFacts
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.corpora.records.voice_assignment import speak_plainly
from speech2img.errors import ConfigError, DataError
from speech2img.storage.lock import run_lock
from speech2img.storage.names import relative_path
from speech2img.storage.progress import track
from speech2img.storage.reading import read_json

CROPS = "cub100_crops227.zip"
META = "cub_meta.zip"
LABELS = "text/cub_concept_labels_210.json"
CROP_SIZE = 227
CAPTIONS_PER_IMAGE = 10
VAL_SHARE = 0.08
MAX_MEMBER_BYTES = 16 << 20
RECIPE_VERSION = 1
_FIX = "give the project's data folder (its README.md lists the files) as --realdata"
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    csv.Error,
    zlib.error,
    struct.error,
    KeyError,
    EOFError,
    RuntimeError,
    ValueError,
)
"""What zip archives and tables raise that nobody thought of; a DataError is none of them."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Crop:
    member: str
    class_number: int
    class_name: str
    is_test: bool
    cub_name: str | None

    @property
    def folder(self) -> str:
        return f"{self.class_number:03d}.{self.class_name}"

    @property
    def id(self) -> str:
        return f"{self.folder}/{self.class_name}_{PurePosixPath(self.member).stem}"


def prepare_cub100(root: str | Path, realdata: str | Path, *, seed: int = 0, progress: bool = True) -> Manifest:
    """Unpack the photographs, write captions and manifest, or finish what an interrupted call began.

    Parameters
    ----------
    root : str or Path
        The corpus folder; made if it is not there.
    realdata : str or Path
        The data folder with ``cub100_crops227.zip``, ``cub_meta.zip`` and the concept labels.
    seed : int
        Decides captions, voices and which photographs are for validation.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Manifest
        ``train`` and ``val`` (8 % of each training class) of the classes on the training side of the zero-shot split,
        ``test`` of the others. Class numbers are dense (0-88); the folder names and ``class_info.pickle`` carry CUB's.

    Raises
    ------
    ConfigError
        If ``root`` holds another corpus.
    DataError
        If a file of the data folder is missing or damaged.
    """
    # Read what was given, before anything is written.
    root, realdata = Path(root), Path(realdata)
    if seed < 0:
        raise ConfigError.about("seed", f"{seed} is negative", "use 0 or a greater whole number")
    crops = _from_zip(realdata / CROPS, _read_crops)
    facts = _from_zip(realdata / META, _read_facts)
    labels = _read_labels(realdata / LABELS)
    # Unpack and plan; the folder is claimed, so that another seed does not mix in.
    claim_folder(root, {"corpus": "cub100", "seed": seed, "recipe": RECIPE_VERSION})
    with run_lock(root):
        _from_zip(realdata / CROPS, lambda archive: _unpack(archive, crops, root, progress))
        manifest = Manifest(
            root,
            "cub100",
            _plan_items(crops, facts, labels, seed),
            meta={
                "seed": seed,
                "recipe": RECIPE_VERSION,
                "image_size": CROP_SIZE,
                META_KEY: CorpusFacts(classes="species").to_dict(),
                "boxes": "the whole picture: the photographs come cropped to the bird and squashed to a square",
                "captions": "written from CUB's class attributes and the concept labels, joined by class",
                "cite": "Wah, Branson, Welinder, Perona, Belongie: CUB-200-2011, CNS-TR-2011-001; "
                "non-commercial research",
            },
        )
        write_layout(manifest)
    return manifest


def _plan_items(
    crops: Sequence[_Crop], facts: Sequence[ClassFacts], labels: Mapping[str, list[str]], seed: int
) -> list[Item]:
    folders = sorted({crop.folder for crop in crops})
    # Validation images are drawn among those of training.
    validation = _draw_validation(crops, seed)
    items = []
    for crop in sorted(crops, key=lambda crop: crop.id):
        # Captions by a seed of the image's own: another image changes nothing in them.
        rng = random.Random(f"cub100 captions {seed} {crop.id}")
        split = "test" if crop.is_test else "val" if crop.id in validation else "train"
        own = labels.get(crop.cub_name or "")
        of_class = [phrases for name, phrases in labels.items() if name.startswith(f"{crop.folder}/")]
        written = write_cub_captions(
            facts[crop.class_number - 1],
            rng,
            labels=[own] if own else of_class,
            count=CAPTIONS_PER_IMAGE,
            num_labelled=5 if own else 3,
        )
        items.append(
            Item(
                id=crop.id,
                image=image_path(crop.id),
                class_id=folders.index(crop.folder),
                class_name=crop.folder,
                split=split,
                box=(0.0, 0.0, float(CROP_SIZE), float(CROP_SIZE)),
                attributes=None,
                captions=speak_plainly(crop.id, written, rng, may_hold_out=crop.is_test),
            )
        )
    return items


def _draw_validation(crops: Sequence[_Crop], seed: int) -> set[str]:
    by_class: dict[str, list[str]] = {}
    for crop in crops:
        if not crop.is_test:
            by_class.setdefault(crop.folder, []).append(crop.id)
    chosen: set[str] = set()
    for folder, ids in by_class.items():
        rng = random.Random(f"cub100 validation {seed} {folder}")
        chosen.update(rng.sample(sorted(ids), max(1, round(VAL_SHARE * len(ids)))))
    return chosen


def _from_zip(path: Path, read: Callable[[zipfile.ZipFile], Result]) -> Result:
    """Run a reader on an archive; whatever is wrong with the archive becomes one error that names it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return read(archive)
    except FileNotFoundError as error:
        raise DataError.about(path, "no such file", _FIX) from error
    except _ARCHIVE_ERRORS as error:
        raise DataError.about(path, f"damaged or another archive ({error})", "copy it again") from error
    except OSError as error:
        raise DataError.about(path, f"cannot be read ({error.strerror or error})", "check its rights") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_MEMBER_BYTES:
        raise zipfile.BadZipFile(f"{name} is larger than {MAX_MEMBER_BYTES} bytes")
    return archive.read(name)


def _read_crops(archive: zipfile.ZipFile) -> list[_Crop]:
    rows = csv.DictReader(io.StringIO(_member(archive, "manifest.csv").decode()))
    crops = []
    # Each row names a file of the archive, and stays below its folder.
    for number, row in enumerate(rows, start=2):
        try:
            name = PurePosixPath(row["file"])
            if len(name.parts) != 2 or relative_path(row["file"]) != row["file"]:
                raise ValueError(f"file name {row['file']!r}")
            is_test = {"train": False, "test": True}[row["zero_shot_split"]]
            class_number = int(row["cub_class_id"])
            if not 1 <= class_number <= 200:
                raise ValueError(f"class number {class_number}")
            cub_name = row["cub_image_name_if_known"] or None
            crops.append(_Crop(f"images/{name}", class_number, name.parts[0], is_test, cub_name))
        except (KeyError, ValueError, TypeError) as error:
            raise zipfile.BadZipFile(f"manifest.csv line {number}: {error}") from error
    if not crops:
        raise zipfile.BadZipFile("manifest.csv lists no pictures")
    return crops


def _read_facts(archive: zipfile.ZipFile) -> list[ClassFacts]:
    folder = "CUB_200_2011/attributes"
    names = _member(archive, f"{folder}/attributes.txt").decode()
    percentages = _member(archive, f"{folder}/class_attribute_labels_continuous.txt").decode()
    facts = read_class_facts(names, percentages, source=archive.filename or META)
    if len(facts) != 200:
        raise zipfile.BadZipFile(f"attributes of {len(facts)} classes instead of 200")
    return facts


def _read_labels(path: Path) -> dict[str, list[str]]:
    labels = read_json(path)
    if not isinstance(labels, dict) or not all(isinstance(one, dict) for one in labels.values()):
        raise DataError.about(path, "not an object of concept labels", _FIX)
    return {name: label_phrases({part: str(text) for part, text in one.items()}) for name, one in labels.items()}


def _unpack(archive: zipfile.ZipFile, crops: Sequence[_Crop], root: Path, progress: bool) -> None:
    for crop in track(crops, what="unpacking photographs", unit="photo", progress=progress):
        path = root / image_path(crop.id)
        if not is_whole_jpeg(path):
            data = _member(archive, crop.member)
            _check_image(crop.member, data)
            write_quickly(path, data)


def _check_image(name: str, data: bytes) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            size = image.size
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise zipfile.BadZipFile(f"{name} is no JPEG picture") from error
    if size != (CROP_SIZE, CROP_SIZE):
        raise zipfile.BadZipFile(f"{name} is {size[0]} x {size[1]} pixels instead of {CROP_SIZE} x {CROP_SIZE}")
