"""Corpora that people spoke: their recordings probed, unheard speakers marked, leaks told, manifest written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from speech2img.audio.facts import AudioFacts
from speech2img.corpora.checks.decoding import (
    describe_recordings,
    probe_images,
    probe_recordings,
    recording_summary,
    refuse_unusable,
)
from speech2img.corpora.checks.file_records import Needed, demand_files
from speech2img.corpora.checks.leaks import (
    caption_traces,
    file_traces,
    find_leaks,
    image_traces,
    leak_report,
    speaker_traces,
)
from speech2img.corpora.records.items import Item
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import write_split_files
from speech2img.corpora.records.text import counted
from speech2img.storage.names import some_of

LEAVE_OUT = "repair or remove them, or leave them out with --leave-out-unusable"


@dataclass(frozen=True, kw_only=True)
class SpokenOptions:
    """What the user chooses for a corpus of recordings."""

    seed: int = 0
    """Decides what is drawn."""
    workers: int = 2
    """Files probed at once."""
    progress: bool = True
    """Whether to show progress bars."""
    leave_out_unusable: bool = False
    """Leave out pictures and recordings that cannot be used; else they are an error."""
    text_only: bool = False
    """Captions are to be spoken by an engine: no recordings are needed."""


@dataclass(frozen=True, kw_only=True)
class SpokenSource:
    """A corpus of the authors' own, and where it is available."""

    name: str
    """Of the corpus, in the manifest."""
    images: str
    """Where the pictures are officially available, and where they belong."""
    recordings: str
    """The same of the recordings."""
    cite: str
    """Whom to cite, and the terms."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Kinds of leaks that nobody can tell, and why."""


def finish_spoken(
    root: Path,
    source: SpokenSource,
    items: Sequence[Item],
    options: SpokenOptions,
    *,
    meta: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> Manifest:
    """Verify pictures and recordings, then write split files and manifest.

    Parameters
    ----------
    root : Path
        The corpus folder.
    source : SpokenSource
        Which corpus.
    items : sequence of Item
        Its pictures with their captions, as its lists say.
    options : SpokenOptions
        What the user chose.
    meta : Mapping
        What else the manifest's header says.
    notes : sequence of str
        What the user should know.

    Raises
    ------
    DataError
        If files are missing or cannot be used.
    """
    # All files must be there, and be readable.
    recordings = [caption.audio for item in items for caption in item.captions if caption.recorded and caption.audio]
    demand_files(
        root,
        [
            Needed("pictures", tuple(item.image for item in items), source.images),
            Needed("recordings", tuple(recordings), source.recordings),
        ],
    )
    images, unusable = probe_images(
        root, [item.image for item in items], workers=options.workers, progress=options.progress
    )
    facts, silent = probe_recordings(root, recordings, workers=options.workers, progress=options.progress)
    unusable |= silent
    if unusable and not options.leave_out_unusable:
        refuse_unusable(root, unusable, total=len(images) + len(facts) + len(unusable), fix=LEAVE_OUT)
    # Keep what can be used, and say what was left out.
    kept = mark_unheard(_usable(items, unusable))
    summary = speech_summary(kept, facts)
    notes = [
        *([describe_recordings(summary)] if summary["recordings"] else []),
        *notes,
        *([f"{counted(len(unusable), 'file')} left out: {some_of(list(unusable.values()))}"] if unusable else []),
    ]
    # Write the corpus.
    manifest = Manifest(
        root,
        source.name,
        kept,
        meta={
            **meta,
            "seed": options.seed,
            "speech": summary,
            "cite": source.cite,
            "notes": notes,
            "leaks": speech_leaks(root, kept, unknown=source.unknown, progress=options.progress),
        },
    )
    write_split_files(manifest)
    manifest.save()
    return manifest


def _usable(items: Iterable[Item], unusable: Mapping[str, str]) -> list[Item]:
    kept = []
    for item in items:
        captions = tuple(caption for caption in item.captions if caption.audio not in unusable)
        if item.image not in unusable and captions:
            kept.append(replace(item, captions=captions))
    return kept


def mark_unheard(items: Sequence[Item]) -> list[Item]:
    """Mark recordings outside the training part whose speaker no training utterance has.

    Parameters
    ----------
    items : sequence of Item
        The corpus; captions of engines are left as they are.
    """
    heard = {caption.speaker for item in items if item.split == "train" for caption in item.captions}
    return [
        replace(
            item,
            captions=tuple(
                replace(caption, held_out_voice=item.split != "train" and caption.speaker not in heard)
                if caption.recorded and caption.speaker
                else caption
                for caption in item.captions
            ),
        )
        for item in items
    ]


def speech_summary(items: Sequence[Item], facts: Mapping[str, AudioFacts]) -> dict[str, Any]:
    """`recording_summary` of the recordings that a corpus uses."""
    captions = [caption for item in items for caption in item.captions if caption.recorded]
    used = {caption.audio: facts[caption.audio] for caption in captions if caption.audio}
    return recording_summary(used, len({caption.speaker for caption in captions if caption.speaker}))


def speech_leaks(
    root: Path, items: Sequence[Item], *, unknown: Mapping[str, str] | None = None, progress: bool = True
) -> dict[str, Any]:
    """Compare pictures and recordings (as files) and speakers (by name) of the splits; words where nobody recorded.

    Parameters
    ----------
    root : Path
        The corpus folder.
    items : sequence of Item
        The corpus.
    unknown : Mapping of str to str, optional
        Kinds that cannot be told, and why.
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    dict
        As from `leak_report`.
    """
    unknown = dict(unknown or {})
    traces = {"picture": image_traces(root, items, progress=progress)}
    files = [(item.id, caption.audio or "") for item in items for caption in item.captions if caption.recorded]
    traces["utterance"] = file_traces(root, files, what="recordings", progress=progress) + caption_traces(items)
    traces["speaker"] = speaker_traces(items)
    if not traces["speaker"]:
        del traces["speaker"]
        if files:
            unknown["speaker"] = "the corpus does not name them"
    return leak_report(find_leaks(items, traces), traces, unknown=unknown)
