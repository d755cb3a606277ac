"""Leaks of a split: what stands on both of its sides, and would make a score on unseen data too good.

Four kinds are known: the same ``picture`` (equal bytes), ``photographer``, ``utterance`` (the same recording, or the
same words where nothing is recorded) and ``speaker`` (a person, never a synthetic voice: those are drawn per caption,
and the manifest marks the held-out ones). A corpus reports the kinds it can see, finds them with ``find_leaks``, keeps
``leak_report`` in its manifest's header under ``leaks``, and the command line prints ``leak_line`` of it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from speech2img.corpora.records.items import SPLITS, Item
from speech2img.storage.progress import track
from speech2img.storage.reading import file_sha256

KINDS: tuple[str, ...] = ("picture", "photographer", "utterance", "speaker")
MAX_EXAMPLES = 3
MAX_EXAMPLE_LENGTH = 80
_FLICKR_OWNER = re.compile(r"(?<!\d)\d{5,12}@N\d{2}(?!\d)")

Trace = tuple[str, str]
"""An item's id and what is looked for on both sides: a digest, a name, the words of a caption."""


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that two splits share."""

    kind: str
    """One of ``KINDS``."""
    splits: tuple[str, str]
    """The two sides, in the order of ``SPLITS``."""
    shared: int
    """How many different pictures, photographers, utterances or speakers stand on both sides."""
    affected: int
    """How many items of the second side have one of them."""
    examples: tuple[str, ...]
    """Up to three item ids of the second side."""


def find_leaks(items: Sequence[Item], traces: Mapping[str, Iterable[Trace]]) -> list[Leak]:
    """Find what any two splits share.

    Parameters
    ----------
    items : sequence of Item
        The corpus.
    traces : Mapping of str to iterable of (str, str)
        For each kind that this corpus can tell: pairs of an item's id and a value. An item may have many values or
        none; a value that is empty is not compared.

    Returns
    -------
    list of Leak
        By kind, then by splits; empty where nothing is shared.

    Raises
    ------
    KeyError
        If a kind is not one of ``KINDS`` or an id not one of the items (a mistake of the caller).
    """
    split_of = {item.id: item.split for item in items}
    leaks = []
    for kind in KINDS:
        holders: dict[str, dict[str, set[str]]] = {}
        for item_id, value in traces.get(kind, ()):
            split = split_of[item_id]
            if value:
                holders.setdefault(value, {}).setdefault(split, set()).add(item_id)
        leaks += _compare(kind, [sides for sides in holders.values() if len(sides) > 1])
    unknown = set(traces) - set(KINDS)
    if unknown:
        raise KeyError(f"no kind of leak: {', '.join(sorted(unknown))}")
    return leaks


def _compare(kind: str, shared: Sequence[Mapping[str, set[str]]]) -> list[Leak]:
    leaks = []
    for position, first in enumerate(SPLITS):
        for second in SPLITS[position + 1 :]:
            shared_by_both = [sides[second] for sides in shared if first in sides and second in sides]
            if shared_by_both:
                affected = sorted(set().union(*shared_by_both))
                leaks.append(
                    Leak(kind, (first, second), len(shared_by_both), len(affected), tuple(affected[:MAX_EXAMPLES]))
                )
    return leaks


def image_traces(root: Path, items: Sequence[Item], *, progress: bool = True) -> list[Trace]:
    """The SHA-256 of every picture whose size in bytes occurs more than once; no other can have a twin.

    Parameters
    ----------
    root : Path
        The corpus folder; every picture must be there.
    items : sequence of Item
        The corpus.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    DataError
        If a picture cannot be read.
    """
    return file_traces(root, [(item.id, item.image) for item in items], what="pictures", progress=progress)


def file_traces(root: Path, files: Iterable[Trace], *, what: str, progress: bool = True) -> list[Trace]:
    """As ``image_traces``, for any files.

    Parameters
    ----------
    root : Path
        The corpus folder.
    files : iterable of (str, str)
        Item ids and paths relative to the corpus folder; what is not there is left out.
    what : str
        What the files are, for the progress bar ("recordings").
    progress : bool
        Whether to show it.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    by_size: dict[int, list[Trace]] = {}
    for item_id, path in files:
        if (root / path).is_file():
            by_size.setdefault((root / path).stat().st_size, []).append((item_id, path))
    twins = [file for group in by_size.values() if len(group) > 1 for file in group]
    shown = track(twins, what=f"comparing {what}", unit="file", progress=progress)
    return [(item_id, file_sha256(root / path)) for item_id, path in shown]


def caption_traces(items: Sequence[Item]) -> list[Trace]:
    """The words of captions that nobody recorded, lower case, no punctuation: spoken alike, they are one utterance.

    For recordings of people take ``file_traces`` of their files: the same words from two mouths are two utterances.
    """
    return [
        (item.id, " ".join(re.findall(r"\w+", caption.text.lower())))
        for item in items
        for caption in item.captions
        if not caption.recorded
    ]


def speaker_traces(items: Sequence[Item]) -> list[Trace]:
    """The person who spoke each recording, where that is known."""
    return [(item.id, caption.speaker) for item in items for caption in item.captions if caption.speaker]


def photographer_traces(items: Sequence[Item]) -> list[Trace]:
    """The Flickr owner (``12345678@N00``) of every picture whose file name gives one; most corpora's names do not."""
    return [(item.id, match[0]) for item in items if (match := _FLICKR_OWNER.search(Path(item.image).name))]


def leak_report(leaks: Sequence[Leak], checked: Iterable[str], *, unknown: Mapping[str, str]) -> dict[str, Any]:
    """What the manifest's header keeps under ``leaks``.

    Parameters
    ----------
    leaks : sequence of Leak
        From ``find_leaks``.
    checked : iterable of str
        The kinds that were looked for.
    unknown : Mapping of str to str
        The kinds that cannot be told, with the reason ("the corpus does not name them").

    Returns
    -------
    dict
        ``checked``, ``unknown``, ``found`` (plain JSON).
    """
    records = [asdict(leak) | {"splits": list(leak.splits), "examples": list(leak.examples)} for leak in leaks]
    return {"checked": [kind for kind in KINDS if kind in set(checked)], "unknown": dict(unknown), "found": records}


def leak_line(report: Any) -> str | None:
    """One line for the user from what ``leak_report`` gave, or None where there is no report.

    Returns
    -------
    str or None
        ``leaks: 2 pictures of train are in test as well (3 items of test, first a); ...``; or which kinds were looked
        for without a find.
    """
    if not isinstance(report, Mapping) or "found" not in report:
        return None
    unknown = "".join(f"; {kind}: not compared ({reason})" for kind, reason in report["unknown"].items())
    parts = [_describe(leak) for leak in report["found"]]
    if not parts:
        return f"leaks: none between the splits (compared: {', '.join(report['checked'])}){unknown}"
    return f"leaks: {'; '.join(parts)}{unknown}"


def _describe(leak: Mapping[str, Any]) -> str:
    first, second = leak["splits"]
    kind = f"{leak['kind']} of {first} is" if leak["shared"] == 1 else f"{leak['kind']}s of {first} are"
    items = f"{leak['affected']} items of {second}, first" if leak["affected"] > 1 else f"item of {second}"
    return f"{leak['shared']} {kind} in {second} as well ({items} {leak['examples'][0][:MAX_EXAMPLE_LENGTH]})"
