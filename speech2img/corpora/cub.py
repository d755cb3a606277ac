"""Reads CUB-200-2011 as its authors packed it, with Reed et al.'s captions: verifies the folder, writes the manifest.

Expected in the folder: ``CUB_200_2011/{images.txt,image_class_labels.txt,classes.txt,bounding_boxes.txt,images/}`` and
``text/<class>/<name>.txt``, ten captions a picture, one a line. The zero-shot split is the published one (150 classes
for training, 50 never seen; Zhang et al. 2017, Li et al. 2020), so its pickles are not needed; if they are there they
stay as they are. Nothing of the authors' files is changed.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from speech2img.corpora.manifest import MANIFEST_NAME, Item, Manifest, require_files
from speech2img.corpora.plain_speech import speak_plainly
from speech2img.corpora.splits import IMAGES, class_number, read_split_pickles, write_zero_shot_pickles
from speech2img.errors import ConfigError, DataError

NUM_IMAGES = 11_788
UNSEEN_CLASSES = frozenset((
    1, 4, 6, 8, 9, 14, 23, 29, 31, 33, 34, 35, 36, 37, 38, 43, 49, 51, 53, 66, 72, 79, 83, 84, 86, 91, 95, 96, 98, 101,
    102, 103, 112, 114, 119, 121, 130, 135, 138, 147, 156, 163, 165, 166, 180, 183, 185, 186, 187, 197,
))
"""The 50 classes of the published zero-shot split that training never sees (CUB's numbers, from 1)."""
CAPTIONS_PER_IMAGE = 10
VAL_SHARE = 0.08
BOX_TOLERANCE = 0.05
"""How far, as a share of the picture's side, a box may reach over the edge (annotators' boxes do by a pixel or two)."""
MAX_TEXT_BYTES = 1 << 20
_SOURCE = "unpack CUB_200_2011.tgz of the data set's authors (data.caltech.edu, record 65de6-vp158) there"
_TEXT_SOURCE = "unpack the bird captions of Reed et al. 2016 (text_c10) as text/<class>/<name>.txt there"


def prepare_cub(
    root: str | Path, *, num_images: int = NUM_IMAGES, seed: int = 0, progress: bool = True
) -> Manifest:
    """Verify a CUB-200-2011 folder and write its manifest.

    Parameters
    ----------
    root : str or Path
        The corpus folder.
    num_images : int
        How many pictures there have to be.
    seed : int
        Decides voices and which pictures of the training classes are for validation (8 % of each).
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Manifest
        Splits ``train``, ``val``, ``test``; captions are to be spoken plainly in the same voices as songbirds.

    Raises
    ------
    DataError
        If files are missing (the first are named), counts disagree, or a box lies outside its picture.
    ConfigError
        If the folder holds another corpus.
    """
    root = Path(root)
    _refuse_other_corpus(root)
    items = _read_index(root)
    if len(items) != num_images:
        reason = f"{len(items)} pictures listed instead of {num_images}"
        raise DataError.about(root / "CUB_200_2011/images.txt", reason, _SOURCE)
    require_files(root, items, lambda item: item.image, what="pictures", fix=_SOURCE)
    require_files(root, items, _text_path, what="caption files", fix=_TEXT_SOURCE)
    _check_boxes(root, items, progress)
    validation = _draw_validation(items, seed)
    manifest = Manifest(
        root, "cub", [_with_captions(root, item, seed, item.id in validation) for item in items],
        meta={"seed": seed, "split": "zero-shot, 150 / 50 classes", "complete": num_images == NUM_IMAGES},
    )
    _check_split_pickles(manifest)
    write_zero_shot_pickles(manifest)
    manifest.save()
    return manifest


def _refuse_other_corpus(root: Path) -> None:
    if (root / MANIFEST_NAME).is_file():
        corpus = Manifest.load(root).corpus
        if corpus != "cub":
            raise ConfigError.about(root, f"holds the corpus {corpus}, not cub", "give another --root")


def _read_index(root: Path) -> list[Item]:
    folder = root / "CUB_200_2011"
    names = _read_table(folder / "images.txt", 1)
    labels = _read_table(folder / "image_class_labels.txt", 1)
    classes = _read_table(folder / "classes.txt", 1)
    boxes = _read_table(folder / "bounding_boxes.txt", 4)
    for path, table in (("image_class_labels.txt", labels), ("bounding_boxes.txt", boxes)):
        if table.keys() != names.keys():
            reason = f"{len(table)} pictures, images.txt has {len(names)}, or their numbers differ"
            raise DataError.about(folder / path, reason, _SOURCE)
    dense = {number: index for index, number in enumerate(sorted(classes, key=int))}
    items = []
    for key, (name,) in names.items():
        (number,) = labels[key]
        if number not in classes or name.partition("/")[0] != classes[number][0] or ".." in name.split("/"):
            reason = f"picture {key}: {name} is not in the folder of class {number}"
            raise DataError.about(folder / "images.txt", reason, _SOURCE)
        try:
            x, y, width, height = (float(value) for value in boxes[key])
        except ValueError as error:
            raise DataError.about(folder / "bounding_boxes.txt", f"picture {key}: {error}", _SOURCE) from error
        split = "test" if int(number) in UNSEEN_CLASSES else "train"
        items.append(Item(
            id=name.removesuffix(".jpg"), image=f"{IMAGES}/{name}", class_id=dense[number],
            class_name=classes[number][0], split=split, box=(x, y, width, height), attributes=None,
            captions=(),
        ))
    return items


def _read_table(path: Path, columns: int) -> dict[str, list[str]]:
    """Read ``<number> <field> ...`` lines; every line must have that many fields after its number."""
    table: dict[str, list[str]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DataError.about(path, "no such file", _SOURCE) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError.about(path, f"cannot be read ({error})", _SOURCE) from error
    for number, line in enumerate(lines, start=1):
        key, *fields = line.split()[: columns + 2] or [""]
        if not key.isdecimal() or len(fields) != columns or key in table:
            raise DataError.about(path, f"line {number} is not a new number and {columns} field(s)", _SOURCE)
        table[key] = fields
    return table


def _text_path(item: Item) -> str:
    return f"text/{item.id}.txt"


def _check_boxes(root: Path, items: Sequence[Item], progress: bool) -> None:
    for item in tqdm(items, desc="checking pictures", unit="picture", disable=not progress):
        path = root / item.image
        try:
            with Image.open(path, formats=("JPEG",)) as picture:
                sides = picture.size
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
            raise DataError.about(path, "no JPEG picture", _SOURCE) from error
        if item.box is None or not _is_inside(item.box, sides):
            reason = f"the box {item.box} of {item.id} lies outside its {sides[0]} x {sides[1]} picture"
            raise DataError.about(root / "CUB_200_2011/bounding_boxes.txt", reason, _SOURCE)


def _is_inside(box: tuple[float, float, float, float], sides: tuple[int, int]) -> bool:
    for start, length, side in zip(box[:2], box[2:], sides, strict=True):
        margin = BOX_TOLERANCE * side
        if not (length > 0 and start >= -margin and start + length <= side + margin):
            return False
    return True


def _draw_validation(items: Sequence[Item], seed: int) -> set[str]:
    by_class: dict[str, list[str]] = {}
    for item in items:
        if item.split == "train":
            by_class.setdefault(item.class_name, []).append(item.id)
    chosen: set[str] = set()
    for name, ids in by_class.items():
        rng = random.Random(f"cub validation {seed} {name}")
        chosen.update(rng.sample(sorted(ids), round(VAL_SHARE * len(ids))))
    return chosen


def _with_captions(root: Path, item: Item, seed: int, is_validation: bool) -> Item:
    path = root / _text_path(item)
    lines = path.read_bytes()[:MAX_TEXT_BYTES].decode("utf-8", errors="replace").replace("\ufffd", " ").splitlines()
    texts = [" ".join(line.split()) for line in lines if line.strip()][:CAPTIONS_PER_IMAGE]
    if not texts:
        raise DataError.about(path, "no caption", _TEXT_SOURCE)
    rng = random.Random(f"cub captions {seed} {item.id}")
    captions = speak_plainly(item.id, [(text, {}) for text in texts], rng, may_hold_out=item.split == "test")
    return replace(item, split="val" if is_validation else item.split, captions=captions)


def _check_split_pickles(manifest: Manifest) -> None:
    """Refuse split pickles of another split: other tools would train on what this library tests on."""
    for name in ("train", "test"):
        folder = manifest.root / name
        if not (folder / "filenames.pickle").is_file():
            continue
        items = (item for item in manifest.items if (item.split == "test") == (name == "test"))
        expected = {(item.id, class_number(item)) for item in items}
        if set(read_split_pickles(folder)) != expected:
            reason = "not the published zero-shot split of these pictures"
            raise DataError.about(folder, reason, "remove these pickles, prepare writes them anew")
