"""Reads Oxford-102 flowers as its authors packed it, with Reed et al.'s captions: verifies it, writes the manifest.

Expected in the folder: ``jpg/image_00001.jpg`` ... ``image_08189.jpg``, ``imagelabels.mat`` and ``setid.mat``, and ten
captions a picture in ``text_c10/class_00001/image_06734.txt`` ... (``reed_captions``). The split by classes is Reed et
al.'s (2016): classes 1 to 20 are never seen in training, 21 to 102 are. It is not the authors' own split by pictures
(``setid.mat``), which is only checked.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from speech2img.corpora.readers.matlab import read_mat_vectors
from speech2img.corpora.readers.zero_shot import (
    ZeroShotCorpus,
    ZeroShotOptions,
    count_sides,
    finish_zero_shot,
    open_corpus_folder,
)
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.corpora.records.splits import FLOWERS
from speech2img.errors import DataError
from speech2img.storage.lock import run_lock

UNSEEN_CLASSES = frozenset(range(1, 21))
"""The 20 classes of the zero-shot split that training never sees (Oxford's numbers, from 1)."""
LABELS, SETS = "imagelabels.mat", "setid.mat"
OWN_SETS: Mapping[str, int] = {"trnid": 1_020, "valid": 1_020, "tstid": 6_149}
"""The authors' own split by pictures, and how many each part has."""
_SITE = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
OXFORD102 = ZeroShotCorpus(
    name="oxford102",
    caption_prefixes=("", "flowers", "cvpr2016_flowers"),
    index_files=(LABELS, SETS),
    image_source=f"put {LABELS} and {SETS} there and unpack 102flowers.tgz there (it makes jpg/): {_SITE}",
    caption_source="unpack Reed et al.'s cvpr2016_flowers.tar.gz there (github.com/reedscot/cvpr2016)",
    audio="Oxford102_audio/audio",
    dialect=FLOWERS,
    counts={"train": (7_034, 82), "test": (1_155, 20)},
    cite="Nilsback, Zisserman: Automated Flower Classification over a Large Number of Classes, ICVGIP 2008; captions: "
    "Reed, Akata, Lee, Schiele: Learning Deep Representations of Fine-Grained Visual Descriptions, CVPR 2016",
)


def prepare_oxford102(
    root: str | Path, options: ZeroShotOptions | None = None, *, counts: Mapping[str, tuple[int, int]] | None = None
) -> Manifest:
    """Verify an Oxford-102 folder and write its manifest.

    Parameters
    ----------
    root : str or Path
        The corpus folder.
    options : ZeroShotOptions, optional
        What the user chose.
    counts : Mapping, optional
        Other numbers of pictures and classes to expect than the published ones: ``train`` and ``test`` -> both. The
        authors' own sets are then not checked.

    Returns
    -------
    Manifest
        Splits ``train``, ``val``, ``test``; ids as the peers write them (``class_00001/image_06734``), by class and
        number; no boxes.

    Raises
    ------
    DataError
        If files are missing (the first are named), hostile or damaged, counts disagree, captions are in another
        encoding, or files changed since the manifest was written.
    ConfigError
        If the folder holds another corpus, or an option makes no sense.
    """
    root, options = Path(root), options or ZeroShotOptions()
    corpus = replace(OXFORD102, counts=counts or OXFORD102.counts)
    open_corpus_folder(root, corpus)
    with run_lock(root):
        items = _read_labels(root / LABELS)
        count_sides(root / LABELS, corpus, items)
        if counts is None:
            _check_own_sets(root / SETS, len(items))
        return finish_zero_shot(root, corpus, items, options)


def _read_labels(path: Path) -> list[Item]:
    # Numbers of the classes, image by image.
    labels = read_mat_vectors(path, ("labels",))["labels"]
    if labels.min() < 1 or labels.max() > 102:
        reason = f"class numbers from {labels.min()} to {labels.max()} instead of 1 to 102"
        raise DataError.about(path, reason, OXFORD102.image_source)
    # Items in the order of classes, then of images.
    items = []
    for number, label in sorted(enumerate(labels.tolist(), start=1), key=lambda pair: (pair[1], pair[0])):
        items.append(
            Item(
                id=f"class_{label:05d}/image_{number:05d}",
                image=f"jpg/image_{number:05d}.jpg",
                class_id=label - 1,
                class_name=f"class_{label:05d}",
                split="test" if label in UNSEEN_CLASSES else "train",
                box=None,
                attributes=None,
                captions=(),
            )
        )
    return items


def _check_own_sets(path: Path, num_images: int) -> None:
    sets = read_mat_vectors(path, tuple(OWN_SETS))
    sizes = {name: len(ids) for name, ids in sets.items()}
    listed = np.sort(np.concatenate(list(sets.values())))
    if sizes != dict(OWN_SETS) or not np.array_equal(listed, np.arange(1, num_images + 1)):
        counts = ", ".join(f"{name} {size}" for name, size in sizes.items())
        wanted = ", ".join(f"{name} {size}" for name, size in OWN_SETS.items())
        reason = f"its sets ({counts}) are not {wanted}, each picture once"
        raise DataError.about(path, reason, OXFORD102.image_source)
