"""Reads CUB-200-2011 as its authors packed it, with Reed et al.'s captions: verifies the folder, writes the manifest.

Expected in the folder: ``CUB_200_2011/{images.txt,image_class_labels.txt,classes.txt,bounding_boxes.txt,images/}`` and
ten captions a picture in ``text_c10/`` or ``text/`` (``reed_captions``). The zero-shot split is the published one (150
classes for training, 50 never seen; Zhang et al. 2017, Li et al. 2020), so its files are not needed. Nothing of the
authors' files is changed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from speech2img.corpora.checks.file_records import FileState
from speech2img.corpora.readers.zero_shot import (
    ZeroShotCorpus,
    ZeroShotOptions,
    count_sides,
    finish_zero_shot,
    open_corpus_folder,
)
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.corpora.records.splits import AUDIO, BIRDS, IMAGES
from speech2img.corpora.records.text import counted
from speech2img.errors import DataError
from speech2img.storage.lines import text_lines
from speech2img.storage.lock import run_lock
from speech2img.storage.names import some_of
from speech2img.storage.reading import read_bytes

FOLDER = "CUB_200_2011"
UNSEEN_CLASSES = frozenset(
    (
        1,
        4,
        6,
        8,
        9,
        14,
        23,
        29,
        31,
        33,
        34,
        35,
        36,
        37,
        38,
        43,
        49,
        51,
        53,
        66,
        72,
        79,
        83,
        84,
        86,
        91,
        95,
        96,
        98,
        101,
        102,
        103,
        112,
        114,
        119,
        121,
        130,
        135,
        138,
        147,
        156,
        163,
        165,
        166,
        180,
        183,
        185,
        186,
        187,
        197,
    )
)
"""The 50 classes of the published zero-shot split that training never sees (CUB's numbers, from 1)."""
BOX_TOLERANCE = 0.05
"""How far, as a share of the picture's side, a box may reach over the edge (annotators' boxes do by a pixel or two)."""
MAX_INDEX_BYTES = 16 << 20
MAX_DIGITS = 9
CUB = ZeroShotCorpus(
    name="cub",
    classes="species",
    caption_prefixes=("", "birds", "cvpr2016_cub", FOLDER),
    index_files=tuple(f"{FOLDER}/{name}.txt" for name in ("images", "image_class_labels", "classes", "bounding_boxes")),
    image_source=(
        "unpack CUB_200_2011.tgz there, from the data set's authors: https://data.caltech.edu/records/65de6-vp158"
    ),
    caption_source=(
        "unpack Reed et al.'s cvpr2016_cub.tar.gz there (github.com/reedscot/cvpr2016), or the text.zip of AttnGAN's "
        "birds.zip (github.com/taoxugit/AttnGAN)"
    ),
    audio=AUDIO,
    dialect=BIRDS,
    counts={"train": (8_855, 150), "test": (2_933, 50)},
    cite="Wah, Branson, Welinder, Perona, Belongie: CUB-200-2011, CNS-TR-2011-001 (non-commercial research); captions: "
    "Reed, Akata, Lee, Schiele: Learning Deep Representations of Fine-Grained Visual Descriptions, CVPR 2016",
)


def prepare_cub(
    root: str | Path, options: ZeroShotOptions | None = None, *, counts: Mapping[str, tuple[int, int]] | None = None
) -> Manifest:
    """Verify a CUB-200-2011 folder and write its manifest.

    Parameters
    ----------
    root : str or Path
        The corpus folder.
    options : ZeroShotOptions, optional
        What the user chose.
    counts : Mapping, optional
        Other numbers of pictures and classes to expect than the published ones: ``train`` and ``test`` -> both.

    Returns
    -------
    Manifest
        Splits ``train``, ``val``, ``test``; captions are to be spoken plainly in the same voices as songbirds.

    Raises
    ------
    DataError
        If files are missing (the first are named), counts disagree, a box lies outside its picture, captions are in
        another encoding, or files changed since the manifest was written.
    ConfigError
        If the folder holds another corpus, or an option makes no sense.
    """
    root, options = Path(root), options or ZeroShotOptions()
    corpus = replace(CUB, counts=counts or CUB.counts)
    open_corpus_folder(root, corpus)
    with run_lock(root):
        items = _read_index(root)
        count_sides(root / FOLDER / "images.txt", corpus, items)
        return finish_zero_shot(
            root, corpus, items, options, check_images=lambda states: _check_boxes(root, items, states)
        )


def _read_index(root: Path) -> list[Item]:
    # Four tables, whose numbers and names must agree.
    names, labels, classes, boxes = (
        _read_table(root / path, columns) for path, columns in zip(CUB.index_files, (1, 1, 1, 4), strict=True)
    )
    for path, table in ((CUB.index_files[1], labels), (CUB.index_files[3], boxes)):
        if table.keys() != names.keys():
            reason = f"{len(table)} pictures, images.txt has {len(names)}, or their numbers differ"
            raise DataError.about(root / path, reason, CUB.image_source)
    for path, table in ((CUB.index_files[0], names), (CUB.index_files[2], classes)):
        repeated = [name for name, times in Counter(name for (name,) in table.values()).items() if times > 1]
        if repeated:
            raise DataError.about(root / path, f"listed twice: {some_of(repeated)}", CUB.image_source)
    # Items, class by class; paths must stay within the folder of the class.
    dense = {number: index for index, number in enumerate(sorted(classes, key=int))}
    items = []
    for key, (name,) in names.items():
        (number,) = labels[key]
        if number not in classes or name.partition("/")[0] != classes[number][0] or ".." in name.split("/"):
            reason = f"picture {key}: {name} is not in the folder of class {number}"
            raise DataError.about(root / CUB.index_files[0], reason, CUB.image_source)
        try:
            x, y, width, height = (float(value) for value in boxes[key])
        except ValueError as error:
            raise DataError.about(root / CUB.index_files[3], f"picture {key}: {error}", CUB.image_source) from error
        items.append(
            Item(
                id=name.removesuffix(".jpg"),
                image=f"{IMAGES}/{name}",
                class_id=dense[number],
                class_name=classes[number][0],
                split="test" if int(number) in UNSEEN_CLASSES else "train",
                box=(x, y, width, height),
                attributes=None,
                captions=(),
            )
        )
    return items


def _read_table(path: Path, columns: int) -> dict[str, list[str]]:
    """Read ``<number> <field> ...`` lines; every line must have that many fields after its number."""
    table: dict[str, list[str]] = {}
    try:
        lines = text_lines(read_bytes(path, max_bytes=MAX_INDEX_BYTES).decode())
    except UnicodeDecodeError as error:
        raise DataError.about(path, f"no text ({error})", CUB.image_source) from error
    for number, line in enumerate(lines, start=1):
        key, *fields = line.split()[: columns + 2] or [""]
        if not key.isdecimal() or len(key) > MAX_DIGITS or len(fields) != columns or key in table:
            reason = f"line {number} is not a new number and {columns} field(s)"
            raise DataError.about(path, reason, CUB.image_source)
        table[key] = fields
    return table


def _check_boxes(root: Path, items: Sequence[Item], states: Mapping[str, FileState]) -> None:
    wrong = [item for item in items if not _fits(item, states[item.image].sides)]
    if wrong:
        width, height = states[wrong[0].image].sides or (0, 0)
        first = f"{wrong[0].box} of {wrong[0].id}, {width} x {height} pixels"
        reason = f"outside its picture: {counted(len(wrong), 'box', 'boxes')} (first {first})"
        raise DataError.about(root / CUB.index_files[3], reason, CUB.image_source)


def _fits(item: Item, sides: tuple[int, int] | None) -> bool:
    return item.box is not None and sides is not None and box_fits(item.box, sides)


def box_fits(box: tuple[float, float, float, float], sides: tuple[int, int]) -> bool:
    """Whether a box x, y, width, height lies in a picture of this width and height, up to `BOX_TOLERANCE`."""
    for start, length, side in zip(box[:2], box[2:], sides, strict=True):
        margin = BOX_TOLERANCE * side
        if not (length > 0 and start >= -margin and start + length <= side + margin):
            return False
    return True
