"""Prepares ``cub100``: real CUB photographs of the project's data folder with Reed et al.'s captions, in CUB's layout.

Two sets that are never mixed: 4,540 ``crops`` (89 species), cropped to the bird and squashed to 227 x 227, and 1,185
``whole`` photographs (20 species) with StackGAN's crop, which are good for 256 px. 561 pictures stand in both, so a
picture's part follows from its name alone, whatever set and seed: what one set tests on, the other never trains on.
"""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from speech2img.corpora.checks.leaks import caption_traces, find_leaks, image_traces, leak_report
from speech2img.corpora.readers.cub import CUB
from speech2img.corpora.readers.cub100.photographs import (
    AGAIN,
    CROPS,
    WHOLE,
    CorpusPlan,
    Photograph,
    from_zip,
    read_named_crops,
    read_whole,
    unpack,
)
from speech2img.corpora.readers.cub100.written import RECIPE_VERSION as WRITTEN_RECIPE
from speech2img.corpora.readers.cub100.written import plan_written
from speech2img.corpora.readers.reed_captions import captions_in_tar, notes_on_captions, read_captions
from speech2img.corpora.records.cub_layout import RECIPE_NAME, claim_folder, image_path, write_layout
from speech2img.corpora.records.facts import META_KEY, CorpusFacts
from speech2img.corpora.records.items import Item
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.text import counted
from speech2img.corpora.records.voice_assignment import speak_plainly
from speech2img.errors import ConfigError, DataError
from speech2img.storage.lock import run_lock
from speech2img.storage.names import some_of
from speech2img.storage.reading import read_json

CAPTIONS = "text/cub_text_c10.tar.xz"
CAPTIONS_PER_PICTURE = 10
VAL_SHARE = 0.08
TEST_SEEN_SHARE = 0.08
RECIPE_VERSION = 2
HUMAN, WRITTEN = "human", "written"
SETS: Mapping[str, tuple[str, Callable[[Path], list[Photograph]], str]] = {
    "crops": (CROPS, read_named_crops, "4,540 crops of 227 px: cropped to the bird's box and squashed to a square"),
    "whole": (
        WHOLE,
        read_whole,
        "1,185 whole photographs: StackGAN's crop around the box, shorter side 304 px at most",
    ),
}
"""Set -> its archive, what lists it, and what it is."""


def prepare_cub100(
    root: str | Path,
    realdata: str | Path,
    *,
    captions: str | None = None,
    photographs: str = "crops",
    captions_per_picture: int = CAPTIONS_PER_PICTURE,
    seed: int = 0,
    progress: bool = True,
) -> Manifest:
    """Unpack the photographs, join the captions, write the manifest, or finish what an interrupted call began.

    Parameters
    ----------
    root : str or Path
        The corpus folder; made if it is not there.
    realdata : str or Path
        The data folder: photographs and ``cub100_crop_names.csv``, ``text/cub_text_c10.tar.xz``.
    captions : str, optional
        ``human``: Reed et al.'s ten captions a picture. ``written``: from what people said of each species (crops
        only). None: what a folder has that was prepared before, else ``human``.
    photographs : str
        ``crops`` or ``whole``.
    captions_per_picture : int
        1 to 10: the first so many of people's captions, spoken as in the whole set.
    seed : int
        Decides the voices; of written captions the words and the validation photographs as well.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Manifest
        ``train``, ``val`` and ``test_seen`` (8 % each, photographs of training species held out) and ``test`` (species
        never trained on: 12 among the crops, 8 among the whole photographs). Class numbers are dense; the folder names
        and ``class_info.pickle`` carry CUB's.

    Raises
    ------
    ConfigError
        If ``root`` holds another corpus, or an argument makes no sense.
    DataError
        If a file of the data folder is missing, damaged, or does not fit the others.
    """
    # Read what was given, before anything is written.
    root, realdata = Path(root), Path(realdata)
    if seed < 0:
        raise ConfigError.about("seed", f"{seed} is negative", "use 0 or a greater whole number")
    if photographs not in SETS or captions not in (None, HUMAN, WRITTEN):
        reason = f"no captions {captions!r} of photographs {photographs!r}"
        raise ConfigError.about("cub100", reason, f"use captions {HUMAN} or {WRITTEN}, photographs {' or '.join(SETS)}")
    if not 1 <= captions_per_picture <= CAPTIONS_PER_PICTURE:
        reason = f"{captions_per_picture} is out of range"
        raise ConfigError.about("captions_per_picture", reason, f"use 1 to {CAPTIONS_PER_PICTURE}")
    if (captions or _captions_of(root, photographs)) == HUMAN:
        plan = _plan_human(realdata, photographs, captions_per_picture, seed)
    elif captions_per_picture != CAPTIONS_PER_PICTURE:
        raise ConfigError.about("captions_per_picture", "goes with people's captions", "leave it out")
    elif photographs == "crops":
        plan = plan_written(realdata, seed=seed)
    else:
        raise ConfigError.about(
            "captions written, photographs whole",
            "written ones are of the crops only",
            "leave out one of the two options",
        )
    # Unpack and write; the folder is claimed, so that another seed does not mix in.
    claim_folder(root, plan.recipe)
    with run_lock(root):
        from_zip(plan.archive, lambda archive: unpack(archive, plan.photographs, root, progress=progress))
        manifest = Manifest(root, "cub100", plan.items, meta=plan.meta)
        if plan.recipe["recipe"] != WRITTEN_RECIPE:
            manifest.meta["leaks"] = _report_leaks(manifest, progress)
        write_layout(manifest)
    return manifest


def part_of(photograph: Photograph) -> str:
    """The part of the corpus that a photograph is in, by its name alone: the same in every set and for every seed.

    Parameters
    ----------
    photograph : Photograph
        Under CUB's name.

    Returns
    -------
    str
        ``test`` for species never trained on, else ``val``, ``test_seen`` or ``train``.
    """
    if photograph.is_unseen:
        return "test"
    digest = hashlib.sha256(f"cub100 parts {photograph.id}".encode()).digest()
    place = int.from_bytes(digest[:8]) / 2**64
    return "val" if place < VAL_SHARE else "test_seen" if place < VAL_SHARE + TEST_SEEN_SHARE else "train"


def _captions_of(root: Path, photographs: str) -> str:
    """The captions of a crops' folder that was made before there was a choice; else people's."""
    path = root / RECIPE_NAME
    claimed = read_json(path) if photographs == "crops" and path.is_file() else None
    is_old = isinstance(claimed, dict) and claimed.get("corpus") == "cub100" and claimed.get("recipe") == WRITTEN_RECIPE
    return WRITTEN if is_old else HUMAN


def _plan_human(realdata: Path, photographs: str, captions_per_picture: int, seed: int) -> CorpusPlan:
    # Photographs under CUB's names, and what people wrote of each of them.
    archive, read, what = SETS[photographs]
    chosen = sorted(read(realdata), key=lambda one: one.id)
    texts = _read_texts(realdata / CAPTIONS, [one.id for one in chosen])
    recipe = {"corpus": "cub100", "seed": seed, "recipe": RECIPE_VERSION, "captions": HUMAN, "photographs": photographs}
    said = "human: ten a picture (Reed et al. 2016)"
    if captions_per_picture != CAPTIONS_PER_PICTURE:
        recipe["captions_per_picture"] = captions_per_picture
        said = f"human: the first {captions_per_picture} a picture of ten (Reed et al. 2016)"
    # The corpus; boxes are in pixels of the pictures as they are, so that cutting them out again changes nothing.
    return CorpusPlan(
        archive=realdata / archive,
        photographs=chosen,
        items=_plan_items(chosen, texts, captions_per_picture, seed),
        recipe=recipe,
        meta={
            "seed": seed,
            "recipe": RECIPE_VERSION,
            META_KEY: CorpusFacts(classes="species").to_dict(),
            "captions": said,
            "photographs": what,
            "cite": CUB.cite,
            "notes": [
                "parts go by a picture's name: no set of cub100 trains on what the other one tests on",
                *notes_on_captions(texts),
            ],
        },
    )


def _read_texts(path: Path, ids: Sequence[str]) -> dict[str, list[str]]:
    if not path.exists():
        fix = "give the project's data folder as --realdata, or --captions written for captions made here"
        raise DataError.about(path, "no such file", fix)
    files = captions_in_tar(path, fix=AGAIN)
    missing = [item_id for item_id in ids if not files.has(item_id)]
    if missing:
        reason = f"no captions of {counted(len(missing), 'picture')} ({some_of(missing)})"
        raise DataError.about(path, reason, AGAIN)
    return read_captions(files, ids, fix=AGAIN)


def _plan_items(
    chosen: Sequence[Photograph], texts: Mapping[str, Sequence[str]], captions_per_picture: int, seed: int
) -> list[Item]:
    class_ids = {folder: number for number, folder in enumerate(sorted({one.class_folder for one in chosen}))}
    items = []
    for one in chosen:
        # Voices by a seed of the picture's own, for all its captions: it is spoken alike in both sets, and with fewer.
        rng = random.Random(f"cub100 captions {seed} {one.id}")
        part = part_of(one)
        written: list[tuple[str, dict[str, str]]] = [(text, {}) for text in texts[one.id]]
        spoken = speak_plainly(one.id, written, rng, may_hold_out=part in ("test_seen", "test"))
        items.append(
            Item(
                id=one.id,
                image=image_path(one.id),
                class_id=class_ids[one.class_folder],
                class_name=one.class_folder,
                split=part,
                box=one.box,
                attributes=None,
                captions=spoken[:captions_per_picture],
            )
        )
    return items


def _report_leaks(manifest: Manifest, progress: bool) -> dict[str, object]:
    traces = {
        "picture": image_traces(manifest.root, manifest.items, progress=progress),
        "utterance": caption_traces(manifest.items),
    }
    unknown = {"speaker": "synthetic voices", "photographer": "the corpus does not name them"}
    return leak_report(find_leaks(manifest.items, traces), traces, unknown=unknown)
