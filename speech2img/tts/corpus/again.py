"""A choice of training captions, to be spoken again in other voices: a folder of speech beside the corpus."""

import random
from dataclasses import replace
from pathlib import Path

from speech2img.corpora.records.items import Caption, Item
from speech2img.corpora.records.manifest import MANIFEST_NAME, Manifest
from speech2img.errors import DataError

SPOKEN_AGAIN = "spoken_again"
"""Entry of the manifest's meta: how the captions were chosen."""


def captions_to_speak_again(manifest: Manifest, folder: Path, *, count: int, seed: int) -> Manifest:
    """Choose training captions of a corpus, and write them as the manifest of another folder.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    folder : Path
        Of the other recordings; made where it is missing. One that holds the same choice already is gone on with.
    count : int >= 1
        Captions. As many pictures as possible are spoken of before a second caption of one is chosen.
    seed : int
        Same seed, same choice.

    Returns
    -------
    Manifest
        Of ``folder``; its pictures stay in the corpus. They are in random order, so that speech that is cut short
        speaks of all classes.

    Raises
    ------
    DataError
        If the corpus has fewer captions that are spoken in training, or the folder has another manifest.
    """
    choice = {"corpus": manifest.corpus, "captions": count, "seed": seed}
    path = folder / MANIFEST_NAME
    if path.exists():
        there = Manifest.load(folder)
        if there.meta.get(SPOKEN_AGAIN) != choice:
            reason = "another corpus, or another choice of captions, is spoken there"
            raise DataError.about(path, reason, "give another folder")
        return there

    # One caption of each picture in random order, then a second of each, and so on.
    generator = random.Random(seed)
    spoken = [(item, _in_training(item)) for item in manifest.items if item.split == "train"]
    for _, captions in spoken:
        generator.shuffle(captions)
    generator.shuffle(spoken)
    turns = max((len(captions) for _, captions in spoken), default=0)
    order = [(item, captions[turn]) for turn in range(turns) for item, captions in spoken if turn < len(captions)]
    if len(order) < count:
        reason = f"{len(order)} captions are spoken by an engine in training, not {count}"
        raise DataError.about(manifest.root, reason, f"give --captions {len(order)} or fewer")

    # A manifest of these alone.
    chosen: dict[str, list[Caption]] = {}
    for item, caption in order[:count]:
        chosen.setdefault(item.id, []).append(caption)
    by_id = {item.id: item for item, _ in spoken}
    items = [
        replace(by_id[name], captions=tuple(sorted(captions, key=lambda caption: caption.index)))
        for name, captions in chosen.items()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    again = Manifest(folder, manifest.corpus, items, meta={**manifest.meta, SPOKEN_AGAIN: choice})
    again.save()
    return again


def _in_training(item: Item) -> list[Caption]:
    """Captions of a picture that an engine speaks, in voices that training hears."""
    return [
        caption
        for caption in item.captions
        if caption.audio is not None and not caption.recorded and not caption.held_out_voice
    ]
