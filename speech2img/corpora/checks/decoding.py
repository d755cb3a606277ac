"""Checks every picture and recording of a corpus before its manifest is written, and says which cannot be used."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from speech2img.audio.facts import AudioFacts, probe_audio
from speech2img.errors import DataError, DiskFullError, Speech2ImgError
from speech2img.images.io import probe_image
from speech2img.storage.atomic import write_text
from speech2img.storage.hdf5.sources import map_in_order
from speech2img.storage.journal import Journal
from speech2img.storage.names import MAX_NAMED, shown, some_of
from speech2img.storage.progress import Progress

Facts = TypeVar("Facts")
UNUSABLE_NAME = "derived/prepare/unusable.txt"
_BATCH = 256


def probe_files(
    root: Path,
    paths: Sequence[str],
    probe: Callable[[Path], Facts],
    *,
    what: str,
    workers: int = 2,
    progress: bool = True,
) -> tuple[dict[str, Facts], dict[str, str]]:
    """Probe files on threads.

    Parameters
    ----------
    root : Path
        The corpus folder.
    paths : sequence of str
        Files relative to it; each is probed once.
    probe : callable
        Gives a file's facts, or raises a `Speech2ImgError`: `probe_image`, `probe_audio`.
    what : str
        What the files are, for the progress bar ("recordings").
    workers : int
        Files at once.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    facts : dict of str to Facts
        Of the files that can be used.
    unusable : dict of str to str
        The other files, and why.
    """

    def look(path: str) -> tuple[str, Facts | None, str]:
        try:
            return path, probe(root / path), ""
        except DiskFullError:
            raise
        except Speech2ImgError as error:
            return path, None, str(error)

    # Each file once, on threads: decoders leave Python alone.
    facts: dict[str, Facts] = {}
    unusable: dict[str, str] = {}
    unique = list(dict.fromkeys(paths))
    shown = Progress(total=len(unique), what=f"checking {what}", unit="file", progress=progress)
    with shown:
        for path, fact, reason in map_in_order(look, unique, workers):
            if fact is None:
                unusable[path] = reason
            else:
                facts[path] = fact
            shown.update()
    return facts, unusable


def probe_recordings(
    root: Path, paths: Sequence[str], *, workers: int = 2, progress: bool = True
) -> tuple[dict[str, AudioFacts], dict[str, str]]:
    """`probe_files` of recordings by `probe_audio`, remembering what was found.

    ``derived/prepare/recordings.jsonl`` keeps size, time and facts of those that can be used: one that has not changed
    since is not read again, so that an interrupted call over 400,000 of them resumes where it was.

    Returns
    -------
    facts, unusable
        As from `probe_files`.
    """
    memory = _Memory(root, "recordings", lambda fact: [fact.seconds, fact.sample_rate, fact.channels], _audio_facts)
    return memory.probe(paths, probe_audio, workers=workers, progress=progress)


def probe_images(
    root: Path, paths: Sequence[str], *, workers: int = 2, progress: bool = True
) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """`probe_files` of pictures by `probe_image`, remembering what was found as `probe_recordings` does."""
    memory = _Memory(root, "pictures", list, _sides)
    return memory.probe(paths, probe_image, workers=workers, progress=progress)


class _Memory(Generic[Facts]):
    """What was found of files that have not changed since."""

    def __init__(
        self, root: Path, what: str, pack: Callable[[Facts], list[Any]], unpack: Callable[[Any], Facts | None]
    ) -> None:
        self._root, self._what, self._pack, self._unpack = root, what, pack, unpack
        self._journal = Journal(root / f"derived/prepare/{what}.jsonl")

    def probe(
        self, paths: Sequence[str], probe: Callable[[Path], Facts], *, workers: int, progress: bool
    ) -> tuple[dict[str, Facts], dict[str, str]]:
        # Facts of files that have not changed are taken from the journal.
        stamps = {path: _stamp(self._root / path) for path in dict.fromkeys(paths)}
        facts = {path: old for path, stamp in stamps.items() if (old := self._old(path, stamp)) is not None}
        todo = [path for path in stamps if path not in facts]
        unusable: dict[str, str] = {}
        name = f"checking {self._what}"
        with Progress(total=len(stamps), initial=len(facts), what=name, unit="file", progress=progress) as bar:
            # The others in batches, each kept at once, so that an interrupted check resumes.
            for start in range(0, len(todo), _BATCH):
                part = todo[start : start + _BATCH]
                probed, bad = probe_files(self._root, part, probe, what=self._what, workers=workers, progress=False)
                fresh = [(path, {"stamp": stamps[path], "facts": self._pack(fact)}) for path, fact in probed.items()]
                self._journal.add_many(fresh)
                facts |= probed
                unusable |= bad
                bar.update(len(part))
        return facts, unusable

    def _old(self, path: str, stamp: list[int]) -> Facts | None:
        fields = self._journal.done.get(path, {})
        return self._unpack(fields.get("facts")) if stamp and fields.get("stamp") == stamp else None


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _audio_facts(value: Any) -> AudioFacts | None:
    match value:
        case [float(seconds), int(rate), int(channels)]:
            return AudioFacts(seconds, rate, channels)
    return None


def _sides(value: Any) -> tuple[int, int] | None:
    match value:
        case [int(width), int(height)]:
            return width, height
    return None


def refuse_unusable(root: Path, unusable: Mapping[str, str], *, total: int, fix: str) -> None:
    """Refuse a corpus with files that cannot be used.

    Parameters
    ----------
    root : Path
        The corpus folder; ``derived/prepare/unusable.txt`` in it lists them all.
    unusable : Mapping of str to str
        The files, and why.
    total : int
        How many files were looked at.
    fix : str
        What the user can do beside repairing them.

    Raises
    ------
    DataError
        If there are any; the first three are named.
    """
    if not unusable:
        return
    lines = (f"{shown(path, max_length=5000)}\t{reason}\n" for path, reason in unusable.items())
    listed = ""
    with contextlib.suppress(Speech2ImgError):  # where nothing can be written, what is wrong counts
        write_text(root / UNUSABLE_NAME, "".join(lines))
        listed = f" (all of them: {UNUSABLE_NAME})"
    reasons = [reason.replace(f"{root}/", "") for reason in unusable.values()]
    first = some_of(reasons, separator=" | ", max_length=200)
    more = listed if len(unusable) > MAX_NAMED else ""
    raise DataError.about(root, f"{len(unusable)} of {total} files cannot be used: {first}{more}", fix)


def recording_summary(facts: Mapping[str, AudioFacts], speakers: int) -> dict[str, Any]:
    """What the manifest's header says about recordings: number, hours, rates and speakers."""
    rates = sorted({fact.sample_rate for fact in facts.values()})
    hours = sum(fact.seconds for fact in facts.values()) / 3600
    return {"recordings": len(facts), "hours": round(hours, 3), "sample_rates": rates, "speakers": speakers}


def describe_recordings(summary: Mapping[str, Any]) -> str:
    """One line for the user from `recording_summary`."""
    rates = "/".join(f"{rate / 1000:g}" for rate in summary["sample_rates"])
    speakers = f"{summary['speakers']} speakers" if summary["speakers"] else "speakers unknown"
    return f"{summary['recordings']} recordings of people, {summary['hours']:.2f} h, {rates} kHz, {speakers}"
