"""What CUB and Oxford-102 have in common: photographs, Reed et al.'s captions, and a split by classes never trained on.

``finish_zero_shot`` takes the pictures as the authors listed them and does the rest: finds captions, inspects every
file, takes the published split or the one that the user brings, draws validation pictures, plans the voices, looks for
leaks, writes the peers' split files and, last, the manifest.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from speech2img.corpora.checks.file_records import FileState, Needed, demand_files, inspect_files
from speech2img.corpora.checks.leaks import caption_traces, find_leaks, leak_report, photographer_traces
from speech2img.corpora.checks.recorded import mark_unheard, speech_summary
from speech2img.corpora.readers.peer_splits import (
    TEXT_EMBEDDINGS,
    PeerSplit,
    find_peer_splits,
    read_text_embeddings,
    sides_of_items,
    texts_of_items,
)
from speech2img.corpora.readers.published_speech import take_recordings
from speech2img.corpora.readers.reed_captions import (
    CaptionFiles,
    captions_of_lists,
    find_captions,
    notes_on_captions,
    read_captions,
)
from speech2img.corpora.records.claims import refuse_other_corpus
from speech2img.corpora.records.facts import META_KEY, CorpusFacts
from speech2img.corpora.records.items import Item
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import PUBLISHED_PARTS, Dialect, draw_validation, peer_parts, write_split_files
from speech2img.corpora.records.text import counted
from speech2img.corpora.records.voice_assignment import speak_plainly
from speech2img.errors import DataError
from speech2img.storage.names import some_of

VAL_SHARE = 0.08


@dataclass(frozen=True, slots=True)
class ZeroShotCorpus:
    """What is special to one of these corpora."""

    name: str
    """As in the registry."""
    caption_prefixes: tuple[str, ...]
    """Folders in which the captions' archives may have been unpacked."""
    index_files: tuple[str, ...]
    """The authors' lists, relative to the corpus folder."""
    image_source: str
    """Where the pictures are officially available, and where they belong."""
    caption_source: str
    """Where the captions are available, and where they belong."""
    audio: str
    """Folder of the recordings, relative to the corpus folder."""
    dialect: Dialect
    """The keys of Li et al.'s JSON files."""
    counts: Mapping[str, tuple[int, int]]
    """``train`` and ``test`` of the published split -> pictures and classes."""
    cite: str
    """Whom to cite, and the terms."""
    classes: str = "classes"
    """What its classes are called, in the plural."""


@dataclass(frozen=True, slots=True)
class ZeroShotOptions:
    """What the user chooses."""

    seed: int = 0
    """Decides voices and validation pictures."""
    workers: int = 2
    """Threads that read files."""
    progress: bool = True
    """Whether to show progress bars."""
    splits: Path | None = None
    """Folder of a split to use instead of the published one."""
    encoding: str = "utf-8"
    """What captions that are not in UTF-8 are in."""
    recordings: Path | None = None
    """Folder of published recordings of the captions; without it an engine is to speak them."""


def open_corpus_folder(root: Path, corpus: ZeroShotCorpus) -> None:
    """Check that a folder holds no other corpus, and the authors' lists of this one.

    Raises
    ------
    DataError
        If a list is missing; everything else that is wanting is then named as well.
    ConfigError
        If its manifest is of another corpus.
    """
    refuse_other_corpus(root, corpus.name)
    needed = [Needed("lists of the data set", corpus.index_files, corpus.image_source)]
    if find_captions(root, corpus.caption_prefixes) is None:
        needed.append(Needed("the captions", ("text_c10",), corpus.caption_source))
    if not all((root / path).is_file() for path in corpus.index_files):
        demand_files(root, needed)


def finish_zero_shot(
    root: Path,
    corpus: ZeroShotCorpus,
    items: Sequence[Item],
    options: ZeroShotOptions,
    *,
    check_images: Callable[[Mapping[str, FileState]], None] | None = None,
) -> Manifest:
    """Verify everything but the authors' lists, then write split files and manifest.

    Parameters
    ----------
    root : Path
        The corpus folder.
    corpus : ZeroShotCorpus
        Which one.
    items : sequence of Item
        Every picture that the authors list, without captions; ``split`` is ``train`` or ``test`` as published.
    options : ZeroShotOptions
        What the user chose.
    check_images : callable, optional
        Checks that need the pictures' sizes; gets the state of every picture by its path.

    Returns
    -------
    Manifest
        Splits ``train``, ``val`` (8 % of each training class) and ``test``.

    Raises
    ------
    DataError
        If files are missing, damaged, changed or contradict each other.
    ConfigError
        If an option makes no sense.
    """
    # All files must be there, and be as they were.
    peers = find_peer_splits(root)
    texts = _find_texts(root, corpus, items, peers)
    text_files = [path for item in items if texts and (path := texts.file_of(item.id))]
    demand_files(
        root,
        [
            Needed("pictures", tuple(item.image for item in items), corpus.image_source),
            _needed_texts(corpus, items, texts),
        ],
    )
    states = inspect_files(
        root,
        images=[item.image for item in items],
        others=[*corpus.index_files, *text_files],
        source=corpus.image_source,
        workers=options.workers,
        progress=options.progress,
    )
    if check_images is not None:
        check_images(states)
    # Captions, split and validation.
    assert texts is not None
    captions = read_captions(texts, [item.id for item in items], encoding=options.encoding)
    split = _choose_split(root, items, peers, options.splits)
    items = [replace(item, split=split.sides[item.id]) for item in items]
    validation = draw_validation(items, share=VAL_SHARE, salt=f"{corpus.name} validation {options.seed}")
    items = [
        _with_captions(item, captions[item.id], corpus, options.seed, is_validation=item.id in validation)
        for item in items
    ]
    # Published recordings, where they are given.
    speech = None
    if options.recordings is not None:
        speech = take_recordings(root, items, options.recordings, workers=options.workers, progress=options.progress)
        items = mark_unheard(speech.items)
    # Write the corpus.
    manifest = Manifest(
        root,
        corpus.name,
        items,
        meta={
            "seed": options.seed,
            "split": split.name,
            "peer_parts": {key: list(of) for key, of in PUBLISHED_PARTS.items()},
            "captions": str(texts.path.relative_to(root)) if texts.path.is_relative_to(root) else texts.path.name,
            "cite": corpus.cite,
            META_KEY: CorpusFacts(classes=corpus.classes).to_dict(),
        },
    )
    manifest.meta["leaks"] = _report_leaks(manifest, states)
    notes = [*split.notes, *notes_on_captions(captions), *_notes_on_embeddings(manifest)]
    if speech is not None:
        manifest.meta["speech"] = speech_summary(items, speech.facts)
    manifest.meta["notes"] = [*notes, *(speech.notes if speech else [])]
    write_split_files(manifest, dialect=corpus.dialect)
    manifest.save()
    return manifest


def count_sides(path: Path, corpus: ZeroShotCorpus, items: Sequence[Item]) -> None:
    """Check the published numbers of pictures and classes on both sides.

    Raises
    ------
    DataError
        Naming the first side whose numbers differ.
    """
    for side, (num_images, num_classes) in corpus.counts.items():
        members = [item for item in items if item.split == side]
        classes = len({item.class_id for item in members})
        if (len(members), classes) != (num_images, num_classes):
            reason = f"{len(members)} pictures in {classes} classes for {side} instead of {num_images} in {num_classes}"
            raise DataError.about(path, reason, corpus.image_source)


def _find_texts(
    root: Path, corpus: ZeroShotCorpus, items: Sequence[Item], peers: Sequence[PeerSplit]
) -> CaptionFiles | None:
    captions = find_captions(root, corpus.caption_prefixes)
    if captions is None:
        for split in peers:
            texts = texts_of_items(split, items)
            if texts:
                return captions_of_lists(split.source / "train.json", texts)
    return captions


def _needed_texts(corpus: ZeroShotCorpus, items: Sequence[Item], texts: CaptionFiles | None) -> Needed:
    paths, elsewhere = [], set()
    for item in items:
        in_folder = texts.file_of(item.id) if texts else None
        paths.append(in_folder or f"text_c10/{item.id}.txt")
        if texts and not in_folder and texts.has(item.id):
            elsewhere.add(paths[-1])
    return Needed("captions", tuple(paths), corpus.caption_source, frozenset(elsewhere))


@dataclass(frozen=True, slots=True)
class _Split:
    name: str
    sides: Mapping[str, str]
    notes: tuple[str, ...] = ()


def _choose_split(root: Path, items: Sequence[Item], peers: Sequence[PeerSplit], folder: Path | None) -> _Split:
    published = {item.id: item.split for item in items}
    chosen = _Split("published zero-shot split", published) if folder is None else _brought(folder, items, published)
    for peer in peers:
        apart = _differences(sides_of_items(peer, items), peer, chosen.sides)
        if apart:
            reason = f"its split files ({peer.kind}) are not the {chosen.name}: {_sample(apart)}"
            fix = f"move them away, or use them on purpose with --splits {root}; prepare writes its own"
            raise DataError.about(root, reason, fix)
    return chosen


def _differences(listed: Mapping[str, str], split: PeerSplit, wanted: Mapping[str, str]) -> list[str]:
    """Pictures on another side than wanted, or left out by a side that is there."""
    left_out = [item_id for item_id, side in wanted.items() if side in split.sides and item_id not in listed]
    return [item_id for item_id, side in listed.items() if wanted[item_id] != side] + left_out


def _brought(folder: Path, items: Sequence[Item], published: Mapping[str, str]) -> _Split:
    splits = find_peer_splits(folder)
    if not splits:
        fix = "give a folder with train/filenames.pickle and test/filenames.pickle, train.json and test.json, "
        fix += "trainvalclasses.txt and testclasses.txt, or train_filenames.txt and test_filenames.txt"
        raise DataError.about(folder, "no split files are there", fix)
    sides = _agreed_sides(folder, [(split.kind, sides_of_items(split, items)) for split in splits])
    left = [item.id for item in items if item.id not in sides]
    if left or len(set(sides.values())) < 2:
        reason = f"{_sample(left)} on neither side" if left else "all pictures are on one side"
        raise DataError.about(folder, reason, "complete the split, or leave --splits out to use the published one")
    moved = [item_id for item_id, side in sides.items() if published[item_id] != side]
    kinds = " and ".join(split.kind for split in splits)
    if not moved:
        return _Split(
            "published zero-shot split", published, (f"the split in {folder} ({kinds}) is the published one",)
        )
    note = f"the split is that of {folder} ({kinds}), not the published one: {_sample(moved)} on the other side"
    return _Split(f"split brought by the user ({kinds})", sides, (note,))


def _agreed_sides(folder: Path, choices: Sequence[tuple[str, Mapping[str, str]]]) -> dict[str, str]:
    (first, sides), *others = choices
    merged = dict(sides)
    for kind, more in others:
        apart = [item_id for item_id, side in more.items() if merged.get(item_id, side) != side]
        if apart:
            reason = f"its {kind} and its {first} contradict each other: {_sample(apart)}"
            raise DataError.about(folder, reason, "keep the files of one split only")
        merged.update(more)
    return merged


def _with_captions(item: Item, texts: Sequence[str], corpus: ZeroShotCorpus, seed: int, *, is_validation: bool) -> Item:
    rng = random.Random(f"{corpus.name} captions {seed} {item.id}")
    written: list[tuple[str, dict[str, str]]] = [(text, {}) for text in texts]
    captions = speak_plainly(item.id, written, rng, may_hold_out=item.split == "test", audio=corpus.audio)
    return replace(item, split="val" if is_validation else item.split, captions=captions)


def _report_leaks(manifest: Manifest, states: Mapping[str, FileState]) -> dict[str, Any]:
    traces = {
        "picture": [(item.id, states[item.image].sha256) for item in manifest.items],
        "utterance": caption_traces(manifest.items),
    }
    photographers = photographer_traces(manifest.items)
    unknown = {"speaker": "synthetic voices"}
    if photographers:
        traces["photographer"] = photographers
    else:
        unknown["photographer"] = "the corpus does not name them"
    return leak_report(find_leaks(manifest.items, traces), traces, unknown=unknown)


def _notes_on_embeddings(manifest: Manifest) -> list[str]:
    """Check the peers' text embeddings where they lie beside the split files."""
    notes = []
    for part in peer_parts(manifest):
        folder = manifest.root / part
        if (folder / TEXT_EMBEDDINGS).is_file():
            rows = read_text_embeddings(folder)
            notes.append(f"{part}/{TEXT_EMBEDDINGS}: {len(rows)} pictures, {rows[0].shape[1]} values a caption")
    return notes


def _sample(ids: Sequence[str]) -> str:
    return f"{counted(len(ids), 'picture')} ({some_of(ids)})"
