"""More pictures to learn painting from: two drawings of the songbirds, with other seeds, as one corpus for training.

    speech2img prepare songbirds --size full --seed 1 --root data/songbirds-1
    python experiments/songbirds/more_pictures.py --root data/songbirds --more data/songbirds-1 --out data/more

Of the first corpus the parts ``train`` and ``val`` come along, with some captions a picture; of the second all is
for training, with one caption a picture. A species of the second that differs from an unseen species of the first in
fewer than three attributes is left out, so that those stay unseen. The pictures are links; ``synthesize`` speaks.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from speech2img.corpora.records.items import Item
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import ConfigError, Speech2ImgError
from speech2img.storage.progress import track

LEAST_DIFFERENCE = 3
"""Attributes in which a species must differ from every unseen one."""
MORE = "more"
"""Where the second corpus' files are, and how the names of its pictures begin."""


def too_near(attributes: Mapping[str, str], unseen: Sequence[Mapping[str, str]]) -> bool:
    """Whether a species is nearly an unseen one."""
    return any(sum(attributes[key] != other[key] for key in other) < LEAST_DIFFERENCE for other in unseen)


def shortened(item: Item, number: int, count: int) -> Item:
    """The picture with so many of its captions in training voices, another choice for each picture."""
    heard = [caption for caption in item.captions if not caption.held_out_voice]
    chosen = {(number + step) % len(heard) for step in range(min(count, len(heard)))}
    return replace(item, captions=tuple(caption for place, caption in enumerate(heard) if place in chosen))


def moved(item: Item, number: int, first_class: int) -> Item:
    """A picture of the second corpus: for training, with one caption, under names of its own."""
    item = shortened(item, number, 1)
    captions = tuple(replace(caption, audio=f"{MORE}/{caption.audio}") for caption in item.captions)
    place, _, species = item.class_name.partition(".")
    return replace(
        item,
        id=f"{MORE}/{item.id}",
        image=f"{MORE}/{item.image}",
        class_id=item.class_id + first_class,
        class_name=f"{int(place) + first_class:03d}.{species}",
        split="train",
        captions=captions,
    )


def write(root: Path, more: Path, out: Path, *, captions: int) -> Manifest:
    """Write the corpus; ConfigError if a corpus is not of the songbirds, or the folder is in use."""
    # Both corpora, and which species of the second may come along.
    first, second = Manifest.load(root), Manifest.load(more)
    for manifest in (first, second):
        if manifest.corpus != "songbirds":
            raise ConfigError.about(manifest.root, f"it is {manifest.corpus}", "give drawings of the songbirds")
    if out.exists() and any(out.iterdir()):
        raise ConfigError.about(out, "is not empty", "choose a new folder")
    unseen = [species["attributes"] for species in first.meta["species"].values() if species["unseen"]]
    near = {name for name, species in second.meta["species"].items() if too_near(species["attributes"], unseen)}

    # Their pictures.
    size = 1 + max(item.class_id for item in first.items)
    items = [
        item if item.split == "val" else shortened(item, number, captions)
        for number, item in enumerate(first.items)
        if item.split in ("train", "val")
    ]
    items += [moved(item, number, size) for number, item in enumerate(second.items) if item.class_name not in near]
    for item in track(items, what="pictures", unit="picture"):
        source = more / item.image.removeprefix(f"{MORE}/") if item.id.startswith(f"{MORE}/") else root / item.image
        target = out / item.image
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
    manifest = Manifest(out, "songbirds", items, meta=first.meta)
    manifest.save()
    return manifest


def main(argv: list[str] | None = None) -> int:
    """Read the command line, write, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="corpus that is learned and measured on")
    parser.add_argument("--more", type=Path, required=True, help="another drawing, whose pictures are learned from too")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--captions", type=int, default=4, help="captions a picture of the first (default 4)")
    arguments = parser.parse_args(argv)
    try:
        manifest = write(arguments.root, arguments.more, arguments.out, captions=arguments.captions)
    except (Speech2ImgError, OSError) as error:
        print(f"more pictures: {error}", file=sys.stderr)
        return 1
    learned = sum(item.split == "train" for item in manifest.items)
    print(f"{manifest.root}: {len(manifest.items)} pictures, {learned} to learn from")
    return 0


if __name__ == "__main__":
    sys.exit(main())
