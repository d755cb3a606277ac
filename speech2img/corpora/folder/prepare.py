"""Prepares ``folder``: the user's own pictures with recordings and captions, verified where they lie."""

import os
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from speech2img.audio.facts import AudioFacts
from speech2img.corpora.checks.decoding import describe_recordings, probe_images, probe_recordings, refuse_unusable
from speech2img.corpora.checks.recorded import LEAVE_OUT, mark_unheard, speech_leaks, speech_summary
from speech2img.corpora.folder.attributes import folder_facts
from speech2img.corpora.folder.entries import Entry, Line, without_suffix
from speech2img.corpora.folder.kinds import sort_by_kind
from speech2img.corpora.folder.split import SplitBy, draw_parts, hold_out_speakers, seen_or_unseen
from speech2img.corpora.folder.table import chosen_table, find_table, read_table
from speech2img.corpora.folder.tree import Reading, read_tree
from speech2img.corpora.folder.unused import Unused, list_unused
from speech2img.corpora.folder.walk import SPOKEN, list_files
from speech2img.corpora.records.claims import refuse_other_corpus
from speech2img.corpora.records.facts import META_KEY
from speech2img.corpora.records.items import Caption, recorded_caption
from speech2img.corpora.records.manifest import MANIFEST_NAME, Item, Manifest
from speech2img.corpora.records.splits import write_split_files
from speech2img.corpora.records.text import counted
from speech2img.corpora.records.voice_assignment import speak_plainly
from speech2img.corpora.records.voices import voice_folder
from speech2img.errors import ConfigError, DataError
from speech2img.storage.names import some_of


def prepare_folder(
    root: str | Path,
    *,
    table: str | Path | None = None,
    classes: Literal["auto", "none"] = "auto",
    split_by: SplitBy | None = None,
    test: float = 0.1,
    val: float = 0.1,
    test_speakers: Sequence[str] = (),
    recorded_only: bool = False,
    leave_out_unusable: bool = False,
    seed: int = 0,
    workers: int = 2,
    progress: bool = True,
) -> Manifest:
    """Verify a folder of pictures, recordings and captions, draw its parts, and write its manifest.

    Nothing of the user's is moved or changed.

    Parameters
    ----------
    root : str or Path
        The folder: a tree (`read_tree`), or one with a table (`read_table`).
    table : str or Path, optional
        A table of another name than ``items.csv`` that lies in the folder, as seen from there or from where the user
        stands.
    classes : {"auto", "none"}
        ``auto``: the table's column, else the subfolders. ``none``: each picture is a class of its own.
    split_by : {"item", "class", "speaker"}, optional
        How parts are drawn (`draw_parts`); by default those that the folder gives itself are kept, else ``item``.
    test, val : float
        Shares of the parts.
    test_speakers : sequence of str
        These speakers are the test part, and nobody hears them in training (`hold_out_speakers`).
    recorded_only : bool
        Leave out captions that nobody recorded; else an engine is to speak them.
    leave_out_unusable : bool
        Leave out pictures and recordings that cannot be used, and recordings without a picture; else they are an error.
    seed : int
        Decides parts and the voices of captions that are to be spoken.
    workers : int
        Files checked at once.
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    Manifest
        Splits ``train``, ``val``, ``test`` (classes never trained on) and ``test_seen`` (trained classes).

    Raises
    ------
    DataError
        If files are missing, unusable or belong to nothing, or the parts cannot be drawn.
    ConfigError
        If the folder holds another corpus, or options contradict each other.
    """
    # Options that contradict each other, and folders that are none.
    root = Path(root)
    if not (0 <= test < 1 and 0 <= val < 1 and test + val < 1):
        raise ConfigError.about("--test, --val", f"shares {test} and {val}", "leave something to learn from")
    if test_speakers and split_by not in (None, "speaker"):
        raise ConfigError.about("--test-speakers", f"contradicts --split-by {split_by}", "leave one of them out")
    if not root.is_dir():
        raise DataError.about(root, "no such folder", "give the folder that holds pictures and recordings")
    refuse_other_corpus(root, "folder")
    # Read the table or the tree, and leave out what cannot be used.
    reading = _read(root, table, leave_out=leave_out_unusable)
    entries, notes = reading.entries, reading.notes
    if classes == "none":
        entries = [replace(entry, class_name=None) for entry in entries]
    entries, audio, bad = _usable(root, entries, leave_out_unusable, workers=workers, progress=progress)
    entries, silent, uncaptioned = _captioned(root, entries, recorded_only)
    count = sum(len(entry.lines) for entry in entries)
    # Divide it.
    entries, how = _parted(entries, split_by, test=test, val=val, test_speakers=test_speakers, seed=seed)
    unheard = count - sum(len(entry.lines) for entry in entries)
    # What the user should know of what was not used.
    named = [Unused(path, reason.replace(f"{root}/", "")) for path, reason in bad.items()]
    notes += [*_notes_on_bad(named), *uncaptioned, *_parting_notes(entries, unheard)]
    named += [Unused(path, "a picture without a caption") for path in silent]
    notes += list_unused(root, reading.unused, named=named)
    if count:
        entries = [entry for entry in entries if entry.lines]
    # Records of the corpus.
    items = mark_unheard(_items(seen_or_unseen(entries), seed))
    summary = speech_summary(items, audio)
    facts, attribute_notes = folder_facts(root, entries)
    notes += [*_notes_on_capitals(items), *attribute_notes]
    if summary["recordings"]:
        notes.insert(0, describe_recordings(summary))
    # Write it.
    manifest = Manifest(
        root,
        "folder",
        items,
        meta={
            "seed": seed,
            META_KEY: facts.to_dict(),
            "split": how,
            "speech": summary,
            "notes": notes,
            "leaks": speech_leaks(root, items, progress=progress),
        },
    )
    write_split_files(manifest)
    manifest.save()
    return manifest


def _read(root: Path, table: str | Path | None, *, leave_out: bool) -> Reading:
    """What the folder's table says, or the names in it."""
    # Recordings that engines made here earlier are no recordings of the user's.
    made = _made_by_engines(root)
    path = find_table(root) if table is None else chosen_table(root, table)
    if path is None:
        return read_tree(root, made=made, leave_out=leave_out)
    # With a table: only what it names, and the rest is listed as unused.
    listing = list_files(root, made=made)
    entries, notes = read_table(path, files=[file.path for file in listing.files])
    used = {entry.image for entry in entries} | {line.audio for entry in entries for line in entry.lines}
    used.add((Path(os.path.realpath(path.parent)) / path.name).relative_to(os.path.realpath(root)).as_posix())
    unread = {one.path: one for one in sort_by_kind(root, listing.files).unread()}
    idle = [file.path for file in listing.files if file.path not in used]
    unused = [unread.get(name, Unused(name, f"not named in {path.name}")) for name in idle]
    if listing.links:
        notes.append(f"linked folders were followed: {some_of(listing.links)}")
    for one in listing.unused:
        named = one.path in used or (one.path.endswith("/") and any((name or "").startswith(one.path) for name in used))
        unused += [] if named else [one]
    return Reading(entries, unused, notes)


def _made_by_engines(root: Path) -> frozenset[str] | None:
    """Recordings that an engine made, or is to make, of an earlier call's captions; None if there was none."""
    if not (root / MANIFEST_NAME).is_file():
        return None
    try:
        items = Manifest.load(root).items
    except DataError:  # damaged: it is made again
        return frozenset()
    captions = (caption for item in items for caption in item.captions)
    return frozenset(caption.audio for caption in captions if caption.audio and not caption.recorded)


def _usable(
    root: Path, entries: Sequence[Entry], leave_out: bool, *, workers: int, progress: bool
) -> tuple[list[Entry], dict[str, AudioFacts], dict[str, str]]:
    """Entries whose files can be used, the facts of their recordings, and what was left out for which reason."""
    # What is named and not there, and what cannot be decoded.
    images = [entry.image for entry in entries]
    recordings = [line.audio for entry in entries for line in entry.lines if line.audio]
    bad = {path: f"{path}: No such file" for path in (*images, *recordings) if not os.path.lexists(root / path)}
    images, recordings = ([path for path in paths if path not in bad] for paths in (images, recordings))
    sizes, bad_images = probe_images(root, images, workers=workers, progress=progress)
    audio, bad_audio = probe_recordings(root, recordings, workers=workers, progress=progress)
    bad |= bad_images | bad_audio
    if not leave_out:
        refuse_unusable(root, bad, total=len(sizes) + len(audio) + len(bad), fix=LEAVE_OUT)
    # Keep the rest.
    kept = [
        replace(entry, lines=tuple(line for line in entry.lines if line.audio not in bad))
        for entry in entries
        if entry.image not in bad
    ]
    if not kept:
        raise DataError.about(root, "no picture can be used", LEAVE_OUT)
    return kept, audio, bad


def _notes_on_bad(bad: Sequence[Unused]) -> list[str]:
    some = some_of([one.reason for one in bad], separator=" | ", max_length=200)
    return [f"{counted(len(bad), 'file was', 'files were')} left out: {some}"] if bad else []


def _captioned(root: Path, entries: Sequence[Entry], recorded_only: bool) -> tuple[list[Entry], list[str], list[str]]:
    """Entries with captions, pictures without any, and notes; where no picture has one, all are taken."""
    if recorded_only:
        entries = [replace(entry, lines=tuple(line for line in entry.lines if line.audio)) for entry in entries]
    silent = [entry.image for entry in entries if not entry.lines]
    if len(silent) == len(entries):
        if recorded_only:
            raise DataError.about(root, "no picture has a recording", "leave --recorded-only out")
        return list(entries), [], ["no recordings and no captions: pictures only, for a teacher or a judge"]
    number = counted(len(silent), "picture without a caption was", "pictures without a caption were")
    notes = [f"{number} left out: {some_of(silent)}"] if silent else []
    return [entry for entry in entries if entry.lines], silent, notes


def _parted(
    entries: Sequence[Entry],
    split_by: SplitBy | None,
    *,
    test: float,
    val: float,
    test_speakers: Sequence[str],
    seed: int,
) -> tuple[list[Entry], str]:
    """Entries with their parts, and how they came to them."""
    if test_speakers:
        return hold_out_speakers(entries, test_speakers, val=val, seed=seed), f"speakers {', '.join(test_speakers)}"
    if split_by is None and all(entry.split for entry in entries):
        if not any(entry.split == "train" for entry in entries):
            raise DataError.about("split", "no picture is for training", "name the parts train, val and test")
        return list(entries), "as the folder gives it"
    by = split_by or "item"
    return draw_parts(entries, by=by, test=test, val=val, seed=seed), f"by {by}, test {test:g}, val {val:g}"


def _parting_notes(entries: Sequence[Entry], unheard: int) -> list[str]:
    notes = []
    if unheard:
        notes.append(f"{unheard} recordings were left out, so that no speaker speaks in two parts")
    if not any(entry.split == "val" for entry in entries):
        notes.append("no validation part: the encoder's training needs one to choose its best weights")
    return notes


def _notes_on_capitals(items: Sequence[Item]) -> list[str]:
    """Names that are one on Windows and macOS, and two here."""
    forms: dict[str, set[str]] = {}
    for item in items:
        for name in (item.id, item.class_name):
            forms.setdefault(name.casefold(), set()).add(name)
    alike = [" and ".join(sorted(names)) for names in forms.values() if len(names) > 1]
    return [f"names that differ in capital letters only, and are two here: {some_of(alike)}"] if alike else []


def _items(entries: Sequence[Entry], seed: int) -> list[Item]:
    # Without classes every image is a class of its own.
    names = sorted({entry.class_name or _id(entry) for entry in entries})
    number = {name: index for index, name in enumerate(names)}
    items = []
    for entry in entries:
        name = entry.class_name or _id(entry)
        items.append(
            Item(
                id=_id(entry),
                image=entry.image,
                class_id=number[name],
                class_name=name,
                split=entry.split or "train",
                box=None,
                attributes=dict(entry.attributes) if entry.attributes else None,
                captions=_captions(entry, seed),
            )
        )
    return items


def _id(entry: Entry) -> str:
    return without_suffix(entry.image)


def _captions(entry: Entry, seed: int) -> tuple[Caption, ...]:
    # Captions without a recording are to be spoken, in voices drawn from the seed and the image.
    unspoken = [line for line in entry.lines if line.audio is None]
    rng = random.Random(f"folder captions {seed} {entry.image}")
    voiced = speak_plainly(
        _id(entry),
        [(line.text, dict(line.mentions)) for line in unspoken],
        rng,
        may_hold_out=entry.split in ("test", "test_seen"),
    )
    spoken = {line.index: _placed(line, caption, _id(entry)) for line, caption in zip(unspoken, voiced, strict=True)}
    # In the order of the lines.
    return tuple(
        spoken[line.index]
        if line.audio is None
        else recorded_caption(
            line.index,
            line.audio,
            text=line.text,
            speaker=line.speaker,
            language=line.language,
            mentions=dict(line.mentions),
        )
        for line in entry.lines
    )


def _placed(line: Line, caption: Caption, item_id: str) -> Caption:
    """A caption for an engine at its place; other languages than English get espeak-ng's voice of that name."""
    if line.language != "en":
        caption = replace(caption, voice=line.language, held_out_voice=False)
    audio = f"{SPOKEN}/{voice_folder(caption.voice)}/{item_id}_{line.index}.wav"
    return replace(caption, index=line.index, audio=audio, language=line.language)
