"""The corpora that ``prepare`` knows: a dict of name -> how it is prepared, what it is, where it is available.

A corpus is added by one entry here. Its function takes the corpus folder and keyword arguments: ``seed``, ``workers``,
``progress`` and its own options; it verifies or makes the folder, writes manifest and split files, and returns the
manifest. What the user has to know beyond the counts goes into the manifest's header: ``notes`` (a list of lines) and
``leaks`` (see ``corpora.checks.leaks``); the command line prints both. What other rooms have to know goes into the
header's ``facts`` (`CorpusFacts`). The functions import what they need when they run.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from speech2img.corpora.folder.guide import GUIDE
from speech2img.corpora.readers.downloads import CUB, FLICKR8K, OXFORD102, Fetch
from speech2img.corpora.readers.guides import CUB100_GUIDE, CUB_GUIDE, FLICKR8K_GUIDE, OXFORD102_GUIDE, PLACES_GUIDE
from speech2img.corpora.records.facts import META_KEY, CorpusFacts, facts_from_dict
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.utterances import ManifestLike
from speech2img.errors import ConfigError
from speech2img.options import Option, positive

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus that can be prepared."""

    prepare: Callable[..., Manifest]
    """``prepare(root, *, seed, workers, progress, **options)``."""
    summary: str
    """One line for the list of corpora."""
    description: str
    """What has to lie in the folder, where it is officially available, under which terms: the text of its own help."""
    example: str
    """A whole command line."""
    options: tuple[Option, ...] = ()
    """What it understands beside --root, --seed and --workers."""
    downloads: tuple[Fetch, ...] = ()
    """What ``--download`` fetches; empty where nothing may be had without asking."""
    pen: "Callable[[], Pen] | None" = None
    """For a corpus whose images are drawn here: how."""


class Drawing(Protocol):
    """How a corpus draws its images: the same bytes for the same arguments."""

    def __call__(self, attributes: Mapping[str, str], *, seed: int, size: int) -> "np.ndarray":
        """One image, uint8 of shape (size, size, 3), that shows these attributes."""
        ...


@dataclass(frozen=True, slots=True)
class Pen:
    """What a corpus that is drawn here can draw beside its own images: training data of a judge, renders to compare."""

    facts: CorpusFacts
    """Of the corpus; every image shows all its attributes but the hidden ones."""
    random_attributes: "Callable[[np.random.Generator], dict[str, str]]"
    """A full description with every value drawn evenly."""
    draw: Drawing
    """Draws an image of a description."""


def facts_of(manifest: ManifestLike) -> CorpusFacts:
    """What a corpus says of itself in its manifest; what one from before manifests said so was known to be.

    Raises
    ------
    DataError
        If the manifest says it in another form.
    """
    stated = getattr(manifest, "meta", {}).get(META_KEY)
    if stated is not None:
        return facts_from_dict(stated, name=f"{manifest.root}/manifest.jsonl")
    unstated = UNSTATED.get(manifest.corpus)
    return replace(songbird_pen().facts, crop=True, classes="classes") if unstated is None else unstated()


def contents_of(manifest: ManifestLike) -> dict[str, str]:
    """What results say of a corpus beside its name: which captions, and which of its photographs, as far as it says."""
    meta = getattr(manifest, "meta", {})
    return {key: meta[key] for key in ("captions", "photographs") if isinstance(meta.get(key), str)}


def pen_of(manifest: ManifestLike) -> Pen | None:
    """The pen of the corpus, or None for one that is not drawn here."""
    row = CORPORA.get(manifest.corpus)
    return None if row is None or row.pen is None else row.pen()


def first_pen() -> Pen:
    """The pen of the first corpus in the table that has one: what a judge is trained on where no corpus is given."""
    return next(row.pen() for row in CORPORA.values() if row.pen is not None)


@cache
def songbird_pen() -> Pen:
    """The pen of ``songbirds``."""
    from speech2img.corpora.songbirds.attributes import FACTS
    from speech2img.corpora.songbirds.rendering.render import random_attributes, render_bird

    return Pen(FACTS, random_attributes, render_bird)


def _prepare_songbirds(root: Path, **options: Any) -> Manifest:
    from speech2img.corpora.songbirds.prepare import prepare_songbirds

    return prepare_songbirds(root, **options)


def _prepare_cub(root: Path, **options: Any) -> Manifest:
    from speech2img.corpora.readers.cub import prepare_cub
    from speech2img.corpora.readers.zero_shot import ZeroShotOptions

    return prepare_cub(root, ZeroShotOptions(**options))


def _prepare_oxford102(root: Path, **options: Any) -> Manifest:
    from speech2img.corpora.readers.oxford102 import prepare_oxford102
    from speech2img.corpora.readers.zero_shot import ZeroShotOptions

    return prepare_oxford102(root, ZeroShotOptions(**options))


def _prepare_cub100(root: Path, *, workers: int, realdata: Path | None, **options: Any) -> Manifest:
    from speech2img.corpora.readers.cub100.prepare import prepare_cub100

    folder = realdata or os.environ.get("SPEECH2IMG_REALDATA")
    if not folder:
        raise ConfigError.about("prepare cub100", "no data folder", "give --realdata DIR or set SPEECH2IMG_REALDATA")
    return prepare_cub100(root, folder, **options)


def _prepare_folder(root: Path, *, test_speakers: str | None, **options: Any) -> Manifest:
    from speech2img.corpora.folder.prepare import prepare_folder

    names = tuple(name.strip() for name in (test_speakers or "").split(",") if name.strip())
    return prepare_folder(root, test_speakers=names, **options)


def _prepare_flickr8k(root: Path, **options: Any) -> Manifest:
    from speech2img.corpora.checks.recorded import SpokenOptions
    from speech2img.corpora.readers.flickr8k import prepare_flickr8k

    return prepare_flickr8k(root, SpokenOptions(**options))


def _prepare_places(root: Path, *, subset: str, splits: Path | None, **options: Any) -> Manifest:
    from speech2img.corpora.checks.recorded import SpokenOptions
    from speech2img.corpora.readers.places import prepare_places

    return prepare_places(root, SpokenOptions(**options), rooms_only=subset == "rooms", splits=splits)


LEAVE_OUT = Option(
    "leave_out_unusable",
    "leave out files that cannot be used, and recordings without a picture (default: an error)",
    is_flag=True,
)
ZERO_SHOT_OPTIONS = (
    Option(
        "splits",
        "use the split of these files of the peers, not the published one (see above)",
        metavar="DIR",
        kind=Path,
    ),
    Option(
        "encoding",
        "what captions that are not in UTF-8 are in, e.g. cp1252 (default: they are an error)",
        metavar="NAME",
        default="utf-8",
    ),
    Option(
        "recordings",
        "published recordings of the captions, <class>/<picture>_<k>.wav: a folder (or link) in the corpus folder",
        metavar="DIR",
        kind=Path,
    ),
)

CORPORA: Mapping[str, Corpus] = {
    "songbirds": Corpus(
        _prepare_songbirds,
        "rendered birds with captions; made here, nothing to download",
        "Draws birds of known species, writes their captions and the manifest: the corpus that comes with the library.",
        "speech2img prepare songbirds --size small --root data/songbirds",
        (
            Option(
                "size",
                "tiny for tests, quick for the quickstart, small for a look, full for training (default small)",
                choices=("tiny", "quick", "small", "full"),
                default="small",
            ),
            Option(
                "language",
                "what the captions are written in: en (default), de, fr, es, ar, or lumari, which is invented; with "
                "en+ar, or others so joined, each picture has captions of both",
                metavar="NAME",
                default="en",
            ),
        ),
        pen=songbird_pen,
    ),
    "cub": Corpus(
        _prepare_cub,
        "CUB-200-2011 as its authors packed it, with Reed et al.'s captions: verified",
        CUB_GUIDE,
        "speech2img prepare cub --root data/cub --download",
        ZERO_SHOT_OPTIONS,
        downloads=CUB,
    ),
    "oxford102": Corpus(
        _prepare_oxford102,
        "Oxford-102 flowers as its authors packed them, with Reed et al.'s captions: verified",
        OXFORD102_GUIDE,
        "speech2img prepare oxford102 --root data/oxford102 --download",
        ZERO_SHOT_OPTIONS,
        downloads=OXFORD102,
    ),
    "cub100": Corpus(
        _prepare_cub100,
        "CUB photographs of the project's data folder with Reed et al.'s captions: 4,540 crops or 1,185 whole ones",
        CUB100_GUIDE,
        "speech2img prepare cub100 --root data/cub100 --realdata DIR",
        (
            Option("realdata", "the data folder (default: environment SPEECH2IMG_REALDATA)", metavar="DIR", kind=Path),
            Option(
                "captions",
                "human: Reed et al.'s ten a picture (default); written: from the class attributes, as folders prepared "
                "before have them (and keep them)",
                choices=("human", "written"),
            ),
            Option(
                "photographs",
                "crops: 4,540 of 89 species, good for 128 px (default); whole: 1,185 of 20 species, good for 256 px",
                choices=("crops", "whole"),
                default="crops",
            ),
            Option(
                "captions_per_picture",
                "the first N of the ten (default 10): less to speak and to hear where time is short",
                metavar="N",
                kind=positive,
                default=10,
            ),
        ),
    ),
    "flickr8k": Corpus(
        _prepare_flickr8k,
        "Flickr8k with the Flickr Audio Caption Corpus, as their authors packed them: verified",
        FLICKR8K_GUIDE,
        "speech2img prepare flickr8k --root data/flickr8k",
        (LEAVE_OUT, Option("text_only", "no recordings: captions for an engine to speak", is_flag=True)),
        downloads=FLICKR8K,
    ),
    "places": Corpus(
        _prepare_places,
        "Places Audio Captions, whole or the seven rooms of S2IGAN's Places-subset: verified",
        PLACES_GUIDE,
        "speech2img prepare places --root data/places --subset rooms",
        (
            Option("subset", "rooms: bedroom to living_room (default all)", choices=("all", "rooms"), default="all"),
            Option("splits", "use the split of these files of the peers (see above)", metavar="DIR", kind=Path),
            LEAVE_OUT,
        ),
    ),
    "folder": Corpus(
        _prepare_folder,
        "your own pictures with recordings or captions, verified where they lie",
        GUIDE,
        "speech2img prepare folder --root mybirds --split-by speaker",
        (
            Option("table", "a table of another name than items.csv, items.tsv, items.jsonl", metavar="FILE"),
            Option(
                "classes",
                "none: each picture is a class of its own (default auto: table or subfolders)",
                choices=("auto", "none"),
                default="auto",
            ),
            Option("split_by", "how parts are drawn (default as given, or item)", choices=("item", "class", "speaker")),
            Option("test", "share for the test part (default 0.1)", metavar="SHARE", kind=float, default=0.1),
            Option("val", "share for the validation part (default 0.1)", metavar="SHARE", kind=float, default=0.1),
            Option("test_speakers", "speakers that only the test part has, by name", metavar="NAME,..."),
            Option("recorded_only", "leave out captions that nobody recorded", is_flag=True),
            LEAVE_OUT,
        ),
    ),
}
"""Name -> corpus, in the order of the help."""

UNSTATED: Mapping[str, Callable[[], CorpusFacts]] = {
    "songbirds": lambda: songbird_pen().facts,
    "cub": lambda: CorpusFacts(classes="species"),
    "cub100": lambda: CorpusFacts(classes="species"),
}
"""Name -> what was known of a corpus before its manifest said it. All others could have the attributes of songbirds."""
