"""Draws the parts of a folder: training, validation and test, by picture, by class or by speaker."""

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from speech2img.corpora.folder.entries import Entry
from speech2img.errors import DataError

SplitBy = Literal["item", "class", "speaker"]


def draw_parts(entries: Sequence[Entry], *, by: SplitBy, test: float, val: float, seed: int) -> list[Entry]:
    """Give every picture its part.

    Parameters
    ----------
    entries : sequence of Entry
        The pictures, none of which has a part yet.
    by : {"item", "class", "speaker"}
        ``item``: pictures of every class in every part. ``class``: the test classes occur in no other part.
        ``speaker``: no speaker speaks in two parts; recordings of the others are left out of a picture, and pictures
        without any left are left out too.
    test, val : float
        Shares, 0..1: of the pictures (``item``), of the classes and then of the other pictures (``class``), of the
        speakers (``speaker``). At least one where a share is above 0.
    seed : int
        Same seed, same parts, whatever the order of the entries.

    Returns
    -------
    list of Entry
        In the same order.

    Raises
    ------
    DataError
        If there are too few pictures, classes or speakers.
    """
    rng = random.Random(f"folder parts {by} {seed}")
    # By speakers: whoever speaks in one part is heard in no other.
    if by == "speaker":
        _refuse_nameless(entries)
        speakers = sorted({line.speaker for entry in entries for line in entry.lines if line.speaker})
        rng.shuffle(speakers)
        num_test, num_val = _count(test, len(speakers)), _count(val, len(speakers))
        if num_test + num_val >= len(speakers):
            reason = f"{len(speakers)} speakers cannot be divided into three parts"
            raise DataError.about("split by speaker", reason, "name test speakers yourself, or split by item or class")
        part = dict.fromkeys(speakers, "train")
        part |= dict.fromkeys(speakers[:num_test], "test") | dict.fromkeys(speakers[num_test:][:num_val], "val")
        return _by_speaker(entries, part, {"test": test, "val": val}, rng)
    # By classes or by images.
    rows = range(len(entries))
    if by == "class":
        tested = _draw_classes(entries, test, rng)
    else:
        tested = _draw_images(entries, rows, _count(test, len(entries)), rng)
    rest = [row for row in rows if row not in tested]
    held = _draw_images(entries, rest, _count(val, len(rest)), rng)
    split_of = {**dict.fromkeys(rest, "train"), **dict.fromkeys(held, "val"), **dict.fromkeys(tested, "test")}
    return [replace(entry, split=split_of[row]) for row, entry in enumerate(entries)]


def hold_out_speakers(entries: Sequence[Entry], names: Collection[str], *, val: float, seed: int) -> list[Entry]:
    """Give the test part to speakers by name; validation pictures are drawn from those of the other speakers.

    Parameters and errors are those of `draw_parts`; it is an error if a name speaks nowhere.
    """
    _refuse_nameless(entries)
    speakers = {line.speaker for entry in entries for line in entry.lines if line.speaker}
    unknown = sorted(set(names) - speakers)
    if unknown:
        known = ", ".join(sorted(speakers)[:20])
        raise DataError.about(f"speaker {unknown[0]}", "speaks nowhere in this folder", f"choose among: {known}")
    rng = random.Random(f"folder parts named {seed}")
    part = {speaker: "test" if speaker in names else "train" for speaker in speakers}
    parted = _by_speaker(entries, part, {"test": 0.0}, rng)
    rest = [row for row, entry in enumerate(parted) if entry.split == "train"]
    held = _draw_images(parted, rest, _count(val, len(rest)), rng)
    return [replace(entry, split="val") if row in held else entry for row, entry in enumerate(parted)]


def seen_or_unseen(entries: Sequence[Entry]) -> list[Entry]:
    """Tell test pictures of trained classes (``test_seen``) from those of classes never trained on (``test``)."""
    trained = {entry.class_name for entry in entries if entry.split == "train" and entry.class_name is not None}
    return [
        replace(entry, split="test_seen" if entry.class_name in trained else "test")
        if entry.split in ("test", "test_seen")
        else entry
        for entry in entries
    ]


def _count(share: float, total: int) -> int:
    return max(1, round(share * total)) if share > 0 else 0


def _draw_classes(entries: Sequence[Entry], share: float, rng: random.Random) -> set[int]:
    names = sorted({entry.class_name for entry in entries if entry.class_name is not None})
    count = _count(share, len(names))
    if len(names) - count < 2 or any(entry.class_name is None for entry in entries):
        reason = f"{len(names)} classes: at least two have to be left to learn from"
        raise DataError.about("split by class", reason, "split by item")
    chosen = set(rng.sample(names, count))
    return {row for row, entry in enumerate(entries) if entry.class_name in chosen}


def _draw_images(entries: Sequence[Entry], rows: Iterable[int], count: int, rng: random.Random) -> set[int]:
    """Draw pictures spread evenly over the classes; every class keeps at least one."""
    by_class: dict[str, list[int]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: entries[row].image):
        by_class[entries[row].class_name or ""].append(row)
    ranked: list[tuple[float, int]] = []
    for name in sorted(by_class):
        members = by_class[name]
        rng.shuffle(members)
        start = rng.random()
        ranked += [((position + start) / len(members), row) for position, row in enumerate(members[:-1])]
    if len(ranked) < count:
        reason = f"{sum(map(len, by_class.values()))} pictures are too few to set {count} aside"
        raise DataError.about("split by item", reason, "add pictures, or give a column 'split' in a table")
    return {row for _, row in sorted(ranked)[:count]}


def _refuse_nameless(entries: Sequence[Entry]) -> None:
    nameless = sum(1 for entry in entries for line in entry.lines if line.audio and not line.speaker)
    if nameless:
        fix = "name them in the column 'speaker' of a table, or split by item or class"
        raise DataError.about("split by speaker", f"{nameless} recordings have no known speaker", fix)


def _by_speaker(
    entries: Sequence[Entry], part: dict[str, str], shares: dict[str, float], rng: random.Random
) -> list[Entry]:
    """Pictures of one part's speakers go there; of the others, as many as the shares ask for, the rest to training."""
    # An image whose speakers agree follows them.
    parts_of = [{part[line.speaker] for line in entry.lines if line.speaker} for entry in entries]
    split_of = {row: min(parts) for row, parts in enumerate(parts_of) if len(parts) == 1}
    order = sorted(range(len(entries)), key=lambda row: entries[row].image)
    rng.shuffle(order)
    # The others fill up the parts to their shares, in drawn order.
    for name, share in shares.items():
        wanted = _count(share, len(entries)) - sum(split == name for split in split_of.values())
        free = [row for row in order if row not in split_of and name in parts_of[row]]
        split_of |= dict.fromkeys(free[: max(0, wanted)], name)
    for row in order:
        if row not in split_of:
            split_of[row] = "train" if "train" in parts_of[row] or not parts_of[row] else min(parts_of[row])
    if "train" not in split_of.values():
        raise DataError.about("split by speaker", "nothing is left to learn from", "hold out fewer speakers")
    # Recordings by speakers of another part are dropped.
    kept = []
    for row, entry in enumerate(entries):
        lines = tuple(line for line in entry.lines if not line.speaker or part[line.speaker] == split_of[row])
        kept.append(replace(entry, split=split_of[row], lines=lines))
    return kept
