"""Makes the songbirds corpus: species, individuals, splits, captions, voices; then the pictures, on all cores.

The whole plan follows from size and seed without looking at anything on disk; pictures are drawn from the plan one by
one, each from its own seed. So an interrupted preparation resumes where it stopped, and the bytes are the same whatever
the number of workers.
"""

import hashlib
import io
import random
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from PIL import Image

from speech2img.corpora.records.cub_layout import (
    audio_path,
    claim_folder,
    image_path,
    is_whole_jpeg,
    write_layout,
    write_quickly,
)
from speech2img.corpora.records.facts import META_KEY
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.corpora.records.voices import draw_voice, voice_folder
from speech2img.corpora.songbirds.attributes import FACTS
from speech2img.corpora.songbirds.captions import BRIEF, MODERATE, TALKATIVE, Talk, write_captions
from speech2img.corpora.songbirds.languages.registry import DEFAULT_LANGUAGE, Language, find_languages
from speech2img.corpora.songbirds.manner import draw_manner
from speech2img.corpora.songbirds.rendering.render import bird_box, render_bird
from speech2img.corpora.songbirds.species import Species, draw_individual, make_species
from speech2img.errors import ConfigError
from speech2img.storage.fork_map import fork_map
from speech2img.storage.lock import run_lock
from speech2img.storage.progress import track

CorpusSize = Literal["tiny", "quick", "small", "full"]
RECIPE_VERSION = 3
"""Raised whenever the same size and seed would give another corpus."""
IMAGE_SIZE = 256
JPEG_QUALITY = 95
CAPTIONS_PER_IMAGE = 10
HELD_OUT_VOICE_SHARE = 0.5
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of the corpus a size has."""

    num_seen: int
    """Species of training."""
    num_unseen: int
    """Species that training never sees."""
    images_per_species: int
    """Individuals of each species."""
    voice_stride: int = 1
    """Every how many-th training voice speaks: few voices are learned from few recordings."""
    talk: Talk = TALKATIVE
    """How much a caption says: little is learned from little."""
    captions: int = CAPTIONS_PER_IMAGE
    """Captions of each individual."""


EXTENTS: Mapping[str, Extent] = {
    "tiny": Extent(6, 2, 6),
    "quick": Extent(52, 4, 44, talk=MODERATE, captions=2),
    "small": Extent(52, 12, 44, voice_stride=5, talk=BRIEF),
    "full": Extent(160, 40, 34),
}
VAL_SHARE = 0.09
TEST_SEEN_SHARE = 0.16


def prepare_songbirds(
    root: str | Path,
    *,
    size: CorpusSize = "small",
    seed: int = 0,
    language: str = DEFAULT_LANGUAGE,
    workers: int = 2,
    progress: bool = True,
) -> Manifest:
    """Make the songbirds corpus in a folder, or finish what an interrupted call began.

    Parameters
    ----------
    root : str or Path
        The corpus folder; made if it is not there.
    size : {"tiny", "quick", "small", "full"}
        8, 56, 64 or 200 species with 6, 44, 44 or 34 pictures each, ten captions a picture, two in ``quick``; in
        ``small`` five training voices speak, briefly; else all 24.
    seed : int
        Same size, same seed, same language: same bytes. The pictures are the same in all languages.
    language : str
        What the captions are written in, an entry of ``LANGUAGES``; several with a plus between them (``en+de``)
        caption every picture, each as often as it would alone.
    workers : int
        Processes that draw.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Manifest
        The corpus; the recordings it names are made by ``synthesize_corpus``.

    Raises
    ------
    ConfigError
        If the folder holds another corpus, size, seed or language, or a setting makes no sense.
    DiskFullError
        If there is no room; pictures already drawn stay.
    """
    root = Path(root)
    _check_settings(size, seed, workers)
    find_languages(language)
    claim_folder(
        root, {"corpus": "songbirds", "size": size, "seed": seed, "recipe": RECIPE_VERSION, **_unless_default(language)}
    )
    with run_lock(root):
        plan = plan_songbirds(root, size=size, seed=seed, language=language)
        boxes = _draw_images(plan, seed=seed, workers=workers, progress=progress)
        items = [replace(item, box=box) for item, box in zip(plan.items, boxes, strict=True)]
        manifest = Manifest(root, "songbirds", items, meta=plan.meta)
        write_layout(manifest)
    return manifest


def plan_songbirds(
    root: str | Path, *, size: CorpusSize = "small", seed: int = 0, language: str = DEFAULT_LANGUAGE
) -> Manifest:
    """The corpus without its pictures: every item, caption and voice, boxes still None. Touches no disk."""
    # Species, then their individuals.
    extent, languages = EXTENTS[size], find_languages(language)
    species = make_species(extent.num_seen, extent.num_unseen, seed=seed)
    items = [item for one in species for item in _plan_species(one, extent, seed, languages)]
    meta = {
        "size": size,
        "seed": seed,
        "recipe": RECIPE_VERSION,
        "image_size": IMAGE_SIZE,
        META_KEY: FACTS.to_dict(),
        **_unless_default(language),
        "species": {
            one.folder: {"unseen": one.unseen, "free": list(one.free), "attributes": dict(one.attributes)}
            for one in species
        },
    }
    return Manifest(root, "songbirds", items, meta=meta)


def image_seed(seed: int, item_id: str) -> int:
    """Seed of one picture, 0 .. 2**63 - 1: a hash of the corpus seed and the picture's name."""
    digest = hashlib.sha256(f"songbirds picture {seed} {item_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def split_sizes(num_images: int) -> tuple[int, int, int]:
    """How many of a seen species' pictures go to train, val and test_seen: 75, 9 and 16 %, one each at least."""
    num_val = max(1, round(VAL_SHARE * num_images))
    num_test_seen = max(1, round(TEST_SEEN_SHARE * num_images))
    return num_images - num_val - num_test_seen, num_val, num_test_seen


def _plan_species(species: Species, extent: Extent, seed: int, languages: Mapping[str, Language]) -> Iterator[Item]:
    # Unseen species are for testing only; of the others some images are.
    num_images = extent.images_per_species
    if species.unseen:
        splits = ["test"] * num_images
    else:
        counts = zip(("train", "val", "test_seen"), split_sizes(num_images), strict=True)
        splits = [name for name, count in counts for _ in range(count)]
    # Each individual by a seed of its own: another image changes nothing in it.
    for number, split in enumerate(splits, start=1):
        item_id = f"{species.folder}/{species.name}_{number:04d}"
        rng = random.Random(f"songbirds individual {seed} {item_id}")
        attributes = draw_individual(species, rng)
        # The first language's captions are what they are without the others; only beside others do they name theirs.
        captions: tuple[Caption, ...] = ()
        for code, language in languages.items():
            captions += _plan_captions(
                item_id,
                attributes,
                rng,
                may_hold_out=split in ("test_seen", "test"),
                extent=extent,
                language=language,
                code=code if len(languages) > 1 else DEFAULT_LANGUAGE,
                first=len(captions),
            )
        yield Item(
            id=item_id,
            image=image_path(item_id),
            class_id=species.number - 1,
            class_name=species.folder,
            split=split,
            box=None,
            attributes=attributes,
            captions=captions,
        )


def _plan_captions(
    item_id: str,
    attributes: Mapping[str, str],
    rng: random.Random,
    *,
    may_hold_out: bool,
    extent: Extent,
    language: Language,
    code: str,
    first: int,
) -> tuple[Caption, ...]:
    """Captions from number ``first`` on, with voice and manner; where allowed, a random half in held-out voices."""
    # Voices that training never hears speak some captions of test images.
    num_held_out = round(extent.captions * HELD_OUT_VOICE_SHARE) if may_hold_out else 0
    held_out = set(rng.sample(range(extent.captions), num_held_out))
    light = attributes["light"]
    captions = []
    written = write_captions(attributes, rng, count=extent.captions, talk=extent.talk, language=language)
    # The manner of speaking says the light, which no words do.
    for index, (text, mentions) in enumerate(written):
        manner = draw_manner(light, rng)
        voice = draw_voice(
            rng,
            voices=language.voices,
            held_out=index in held_out,
            whispered=manner.whispered,
            stride=extent.voice_stride,
        )
        captions.append(
            Caption(
                index=first + index,
                text=text,
                voice=voice,
                audio=audio_path(voice_folder(voice), item_id, first + index),
                rate=manner.rate,
                pitch=manner.pitch,
                pitch_range=manner.pitch_range,
                mentions={**mentions, "light": light},
                manner=light,
                language=code,
                held_out_voice=index in held_out,
            )
        )
    return tuple(captions)


def _unless_default(language: str) -> dict[str, str]:
    """What folder and manifest say of the language: nothing of English, which is what they held before others."""
    return {} if language == DEFAULT_LANGUAGE else {"language": language}


def _draw_images(plan: Manifest, *, seed: int, workers: int, progress: bool) -> list[Box]:
    draw = partial(_draw_image, root=plan.root, seed=seed)
    tasks = [(item.id, item.attributes) for item in plan.items]
    with closing(fork_map(draw, tasks, workers)) as boxes:
        return list(track(boxes, total=len(tasks), what="drawing songbirds", unit="bird", progress=progress))


def _draw_image(task: tuple[str, Mapping[str, str]], *, root: Path, seed: int) -> Box:
    item_id, attributes = task
    number = image_seed(seed, item_id)
    path = root / image_path(item_id)
    if not is_whole_jpeg(path):
        jpeg = io.BytesIO()
        pixels = render_bird(attributes, seed=number, size=IMAGE_SIZE)
        Image.fromarray(pixels).save(jpeg, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        write_quickly(path, jpeg.getvalue())
    x, y, width, height = bird_box(attributes, seed=number, size=IMAGE_SIZE)
    return float(x), float(y), float(width), float(height)


def _check_settings(size: str, seed: int, workers: int) -> None:
    if size not in get_args(CorpusSize):
        raise ConfigError.about("size", f"{size!r} is no size of songbirds", f"use {', '.join(get_args(CorpusSize))}")
    if seed < 0:
        raise ConfigError.about("seed", f"{seed} is negative", "use 0 or a greater whole number")
    if workers < 1:
        raise ConfigError.about("workers", f"{workers} processes cannot draw", "use 1 or more")
