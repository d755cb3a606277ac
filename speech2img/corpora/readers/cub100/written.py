"""The captions that ``cub100`` had before it had people's: written from CUB's class attributes and concept labels.

Folders that were made so stay as they are: ids, captions, voices and parts of a seed do not change.
"""

import random
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from speech2img.corpora.readers.cub100.attribute_captions import (
    ClassFacts,
    label_phrases,
    read_class_facts,
    write_cub_captions,
)
from speech2img.corpora.readers.cub100.photographs import (
    CROP_SIZE,
    CROPS,
    FIX,
    CorpusPlan,
    Photograph,
    from_zip,
    read_crops,
    read_member,
)
from speech2img.corpora.records.cub_layout import image_path
from speech2img.corpora.records.facts import META_KEY, CorpusFacts
from speech2img.corpora.records.items import Item
from speech2img.corpora.records.voice_assignment import speak_plainly
from speech2img.errors import DataError
from speech2img.storage.reading import read_json

META = "cub_meta.zip"
LABELS = "text/cub_concept_labels_210.json"
CAPTIONS_PER_IMAGE = 10
VAL_SHARE = 0.08
RECIPE_VERSION = 1


def plan_written(realdata: Path, *, seed: int) -> CorpusPlan:
    """Plan the 4,540 crops with ten captions each, written from what people said of their species.

    Parameters
    ----------
    realdata : Path
        The data folder with ``cub100_crops227.zip``, ``cub_meta.zip`` and the concept labels.
    seed : int
        Decides captions, voices and which photographs are for validation.

    Returns
    -------
    CorpusPlan
        ``train`` and ``val`` (8 % of each training class) of the classes on the training side of the zero-shot split,
        ``test`` of the others.

    Raises
    ------
    DataError
        If a file of the data folder is missing or damaged.
    """
    crops = read_crops(realdata)
    facts = from_zip(realdata / META, _read_facts)
    labels = _read_labels(realdata / LABELS)
    return CorpusPlan(
        archive=realdata / CROPS,
        photographs=crops,
        items=_plan_items(crops, facts, labels, seed),
        recipe={"corpus": "cub100", "seed": seed, "recipe": RECIPE_VERSION},
        meta={
            "seed": seed,
            "recipe": RECIPE_VERSION,
            "image_size": CROP_SIZE,
            META_KEY: CorpusFacts(classes="species").to_dict(),
            "boxes": "the whole picture: the photographs come cropped to the bird and squashed to a square",
            "captions": "written from CUB's class attributes and the concept labels, joined by class",
            "cite": "Wah, Branson, Welinder, Perona, Belongie: CUB-200-2011, CNS-TR-2011-001; non-commercial research",
            "notes": [
                "the captions are written from what is known of each species, not by people who saw the photographs; "
                "--captions human has those, in another --root"
            ],
        },
    )


def _plan_items(
    crops: Sequence[Photograph], facts: Sequence[ClassFacts], labels: Mapping[str, list[str]], seed: int
) -> list[Item]:
    folders = sorted({crop.class_folder for crop in crops})
    # Validation images are drawn among those of training.
    validation = _draw_validation(crops, seed)
    items = []
    for crop in sorted(crops, key=lambda crop: crop.id):
        # Captions by a seed of the image's own: another image changes nothing in them.
        rng = random.Random(f"cub100 captions {seed} {crop.id}")
        split = "test" if crop.is_unseen else "val" if crop.id in validation else "train"
        own = labels.get(crop.cub_name or "")
        of_class = [phrases for name, phrases in labels.items() if name.startswith(f"{crop.class_folder}/")]
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
                class_id=folders.index(crop.class_folder),
                class_name=crop.class_folder,
                split=split,
                box=crop.box,
                attributes=None,
                captions=speak_plainly(crop.id, written, rng, may_hold_out=crop.is_unseen),
            )
        )
    return items


def _draw_validation(crops: Sequence[Photograph], seed: int) -> set[str]:
    by_class: dict[str, list[str]] = {}
    for crop in crops:
        if not crop.is_unseen:
            by_class.setdefault(crop.class_folder, []).append(crop.id)
    chosen: set[str] = set()
    for folder, ids in by_class.items():
        rng = random.Random(f"cub100 validation {seed} {folder}")
        chosen.update(rng.sample(sorted(ids), max(1, round(VAL_SHARE * len(ids)))))
    return chosen


def _read_facts(archive: zipfile.ZipFile) -> list[ClassFacts]:
    folder = "CUB_200_2011/attributes"
    names = read_member(archive, f"{folder}/attributes.txt").decode()
    percentages = read_member(archive, f"{folder}/class_attribute_labels_continuous.txt").decode()
    facts = read_class_facts(names, percentages, source=archive.filename or META)
    if len(facts) != 200:
        raise zipfile.BadZipFile(f"attributes of {len(facts)} classes instead of 200")
    return facts


def _read_labels(path: Path) -> dict[str, list[str]]:
    labels = read_json(path)
    if not isinstance(labels, dict) or not all(isinstance(one, dict) for one in labels.values()):
        raise DataError.about(path, "not an object of concept labels", FIX)
    return {name: label_phrases({part: str(text) for part, text in one.items()}) for name, one in labels.items()}
