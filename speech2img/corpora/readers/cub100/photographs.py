"""The photographs of ``cub100`` in the project's data folder: crops with their names, and whole photographs.

The archives and tables come from elsewhere and are not trusted: sizes, names and numbers are checked before use.
"""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from PIL import Image, UnidentifiedImageError

from speech2img.corpora.readers.cub import UNSEEN_CLASSES, box_fits
from speech2img.corpora.records.cub_layout import image_path, is_whole_jpeg, write_quickly
from speech2img.corpora.records.items import Item
from speech2img.corpora.records.text import counted
from speech2img.errors import DataError
from speech2img.storage.bounded import open_bounded
from speech2img.storage.foreign.archives import archive_errors
from speech2img.storage.foreign.zips import open_zip
from speech2img.storage.lines import read_text_file
from speech2img.storage.names import relative_path, some_of
from speech2img.storage.progress import track

CROPS = "cub100_crops227.zip"
CROP_NAMES = "cub100_crop_names.csv"
WHOLE = "cub20_photos_crop304.zip"
CROP_SIZE = 227
MAX_MEMBERS = 20_000
MAX_TABLE_BYTES = 16 << 20
MAX_PHOTOGRAPH_BYTES = 4 << 20
MAX_SIDE = 4096
FIX = "give the project's data folder (its README.md lists the files) as --realdata"
AGAIN = "copy it again"
_CUB_NAME = re.compile(r"([0-9]{3}\.[A-Za-z_-]+)/[A-Za-z_'-]+_[0-9]+_[0-9]+\.jpg", re.ASCII)
Result = TypeVar("Result")
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph of an archive."""

    id: str
    """``<class folder>/<name>``: CUB's own name without ending, or the crop's number where that is not asked for."""
    member: str
    """Its file in the archive."""
    class_folder: str
    """``001.Black_footed_Albatross``; the number is CUB's."""
    is_unseen: bool
    """Whether its species is on the test side of the published zero-shot split."""
    size: tuple[int, int]
    """Width and height in pixels."""
    box: tuple[float, float, float, float]
    """The bird's box x, y, width, height in pixels."""
    cub_name: str | None
    """CUB's file name, where the archive itself says it."""

    @property
    def class_number(self) -> int:
        """CUB's number of the species, from 1."""
        return int(self.class_folder[:3])


@dataclass(frozen=True, slots=True)
class CorpusPlan:
    """All that a corpus of these photographs will hold, before anything is written."""

    archive: Path
    """Where the photographs are."""
    photographs: Sequence[Photograph]
    """Which of them, under the ids of the items."""
    items: Sequence[Item]
    """The pictures with their captions, by id."""
    recipe: Mapping[str, object]
    """What decides the content; a folder made by another recipe is refused."""
    meta: Mapping[str, Any]
    """What the manifest's header says."""


def from_zip(path: Path, read: Callable[[zipfile.ZipFile], Result]) -> Result:
    """Run a reader on an archive; whatever is wrong with the archive becomes one DataError that names it."""
    _demand(path)
    with (
        open_bounded(path) as file,
        archive_errors(path, fix=AGAIN),
        open_zip(file, max_members=MAX_MEMBERS) as archive,
    ):
        return read(archive)


def read_member(archive: zipfile.ZipFile, name: str, *, max_bytes: int = MAX_TABLE_BYTES) -> bytes:
    """Read a file of an archive; BadZipFile if it is larger than ``max_bytes`` or packed in a rare way."""
    info = archive.getinfo(name)
    if info.file_size > max_bytes:
        raise zipfile.BadZipFile(f"{name} is larger than {max_bytes:,} bytes")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile(f"{name} is packed in a rare way")
    return archive.read(info)


def read_crops(realdata: Path) -> list[Photograph]:
    """List the 4,540 crops of ``cub100_crops227.zip`` under the numbers that they have there.

    Raises
    ------
    DataError
        If the archive is missing or damaged, or its table names what cannot be.
    """
    return from_zip(realdata / CROPS, lambda archive: _listed(archive, _crop))


def read_named_crops(realdata: Path) -> list[Photograph]:
    """List the crops under CUB's names, which ``cub100_crop_names.csv`` gives.

    Raises
    ------
    DataError
        As `read_crops`; if the table of names is missing, damaged or of other crops; or if the split is not CUB's.
    """
    path = realdata / CROP_NAMES
    crops = read_crops(realdata)
    names = _read_names(path)
    # Every crop has one name, of its own class, and the same as far as the archive knows it.
    fix = f"take it and {CROPS} from the same copy of the data folder"
    files = {crop.member.removeprefix("images/"): crop for crop in crops}
    for missing, what in ((files.keys() - names.keys(), "has no names of"), (names.keys() - files.keys(), "names")):
        if missing:
            aside = "" if what.startswith("has") else f" that {CROPS} does not hold"
            reason = f"{what} {counted(len(missing), 'crop')}{aside} ({some_of(sorted(missing))})"
            raise DataError.about(path, reason, fix)
    for file, crop in files.items():
        if names[file].partition("/")[0] != crop.class_folder or crop.cub_name not in (None, names[file]):
            raise DataError.about(path, f"{file} of {crop.class_folder} cannot be {names[file]}", fix)
    named = [replace(crop, id=names[file].removesuffix(".jpg")) for file, crop in files.items()]
    _demand_published_split(realdata / CROPS, named)
    return named


def read_whole(realdata: Path) -> list[Photograph]:
    """List the 1,185 whole photographs of ``cub20_photos_crop304.zip``: StackGAN's crop, 304 px at most.

    Raises
    ------
    DataError
        If the archive is missing or damaged, its table names what cannot be, or its split is not CUB's.
    """
    photographs = from_zip(realdata / WHOLE, lambda archive: _listed(archive, _whole))
    _demand_published_split(realdata / WHOLE, photographs)
    return photographs


def unpack(archive: zipfile.ZipFile, photographs: Sequence[Photograph], root: Path, *, progress: bool) -> None:
    """Write the photographs that are not there yet into a corpus folder, byte for byte.

    Raises
    ------
    zipfile.BadZipFile
        If one is no JPEG picture or of another size than the table says.
    DiskFullError, DataError
        As `write_quickly`.
    """
    for photograph in track(photographs, what="unpacking photographs", unit="photo", progress=progress):
        path = root / image_path(photograph.id)
        if not is_whole_jpeg(path):
            data = read_member(archive, photograph.member, max_bytes=MAX_PHOTOGRAPH_BYTES)
            _check_image(photograph, data)
            write_quickly(path, data)


def _demand(path: Path) -> None:
    if not path.exists():
        raise DataError.about(path, "no such file", FIX)


def _listed(archive: zipfile.ZipFile, read: Callable[[Row], Photograph]) -> list[Photograph]:
    """The photographs of an archive's table; BadZipFile names the first line that cannot be."""
    photographs = []
    for number, row in _rows(read_member(archive, "manifest.csv").decode("utf-8-sig")):
        try:
            photographs.append(read(row))
        except (KeyError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
            raise zipfile.BadZipFile(f"manifest.csv line {number}: {error}") from error
    # None at all, or one twice.
    if not photographs:
        raise zipfile.BadZipFile("manifest.csv lists no pictures")
    twice = [name for name, times in Counter(photograph.id for photograph in photographs).items() if times > 1]
    if twice:
        raise zipfile.BadZipFile(f"manifest.csv lists pictures twice: {some_of(twice)}")
    return photographs


def _rows(text: str) -> Iterator[tuple[int, Row]]:
    """Rows of a table with their line numbers; ValueError where it is none."""
    reader = csv.DictReader(io.StringIO(text))
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error


def _crop(row: Row) -> Photograph:
    name = PurePosixPath(row["file"])
    if len(name.parts) != 2 or relative_path(row["file"]) != row["file"]:
        raise ValueError(f"file name {row['file']!r}")
    is_unseen = {"train": False, "test": True}[row["zero_shot_split"]]
    class_number = int(row["cub_class_id"])
    if not 1 <= class_number <= 200:
        raise ValueError(f"class number {class_number}")
    folder = f"{class_number:03d}.{name.parts[0]}"
    return Photograph(
        id=f"{folder}/{name.parts[0]}_{name.stem}",
        member=f"images/{name}",
        class_folder=folder,
        is_unseen=is_unseen,
        size=(CROP_SIZE, CROP_SIZE),
        box=(0.0, 0.0, float(CROP_SIZE), float(CROP_SIZE)),
        cub_name=row["cub_image_name_if_known"] or None,
    )


def _whole(row: Row) -> Photograph:
    # Name and class.
    name = row["cub_image_name"]
    match = _CUB_NAME.fullmatch(name)
    if match is None or match[1] != row["class"]:
        raise ValueError(f"{name[:80]!r} is no name of a photograph of class {row['class'][:80]!r}")
    is_unseen = {"train": False, "test": True}[row["zero_shot_split"]]
    # The bird's box in the pixels of the photograph as it was cut out and reduced.
    left, top, right, bottom, width, height = (
        int(row[key]) for key in ("crop_x1", "crop_y1", "crop_x2", "crop_y2", "out_w", "out_h")
    )
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and 0 <= left < right and 0 <= top < bottom):
        raise ValueError(f"a cut from {left}, {top} to {right}, {bottom} of {width} x {height} pixels")
    across, down = width / (right - left), height / (bottom - top)
    x, y, box_width, box_height = (float(row[key]) for key in ("box_x", "box_y", "box_w", "box_h"))
    box = ((x - left) * across, (y - top) * down, box_width * across, box_height * down)
    if not box_fits(box, (width, height)):
        raise ValueError(f"a box outside of the photograph, {x}, {y}, {box_width}, {box_height}")
    return Photograph(
        name.removesuffix(".jpg"), f"images/{name}", match[1], is_unseen, (width, height), box, cub_name=name
    )


def _read_names(path: Path) -> dict[str, str]:
    """CUB's name of every crop, by the crop's file; no name twice."""
    _demand(path)
    names: dict[str, str] = {}
    try:
        for number, row in _rows(read_text_file(path, max_bytes=MAX_TABLE_BYTES)):
            file, name = row.get("file"), row.get("cub_image_name")
            if not file or _CUB_NAME.fullmatch(name or "") is None or file in names:
                raise ValueError(f"line {number}: not a new crop and its file name in CUB")
            names[file] = name or ""
    except ValueError as error:
        raise DataError.about(path, error, AGAIN) from error
    twice = [name for name, times in Counter(names.values()).items() if times > 1]
    if twice:
        raise DataError.about(path, f"gives names twice: {some_of(twice)}", AGAIN)
    return names


def _demand_published_split(path: Path, photographs: Sequence[Photograph]) -> None:
    """Species never trained on must be the published ones: both sets of photographs then keep to the same sides."""
    wrong = sorted({one.class_folder for one in photographs if one.is_unseen != (one.class_number in UNSEEN_CLASSES)})
    if wrong:
        reason = f"its split is not the published one: {counted(len(wrong), 'class', 'classes')} ({some_of(wrong)})"
        raise DataError.about(path, reason, AGAIN)


def _check_image(photograph: Photograph, data: bytes) -> None:
    name = photograph.member
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            size = image.size
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise zipfile.BadZipFile(f"{name} is no JPEG picture") from error
    if size != photograph.size:
        wanted = f"{photograph.size[0]} x {photograph.size[1]}"
        raise zipfile.BadZipFile(f"{name} is {size[0]} x {size[1]} pixels instead of {wanted}")
