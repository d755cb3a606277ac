"""What is still to be spoken of a corpus: one job a recording, and what the journal says of the finished ones."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from speech2img.corpora.records.items import Caption
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import DataError, SynthesisError
from speech2img.storage.rank import SINGLE, Rank
from speech2img.tts.base import SpeechRequest, Synthesizer

CORPUS_SAMPLE_RATE = 16_000
DONE, FAILED, LATER = "done", "failed", "later"
"""Status of a recording in the journal: on the disk; given up for good; worth another try in the next call."""

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to be made."""

    audio: str
    """Where it belongs, relative to the corpus folder."""
    request: SpeechRequest
    """What is to be said, and how."""
    digest: str
    """:func:`request_digest` of the request."""


@dataclass(slots=True)
class Plan:
    """What one process has to do, and what earlier calls left."""

    jobs: list[Job] = field(default_factory=list)
    """To be spoken now, in the order of the manifest."""
    refused: list[tuple[Job, SynthesisError]] = field(default_factory=list)
    """Captions in a voice that the engine has not, and why."""
    kept: int = 0
    """Recordings that are finished."""
    given_up: int = 0
    """Captions that failed for good before and are not tried again."""


def known_entries(lines: Mapping[str, Entry]) -> dict[str, Entry]:
    """The lines of a journal that say what its driver says; any other one counts as not there.

    Lines of earlier versions may spell a path in another way than the manifest reader does now.
    """
    return {_spelled(key): entry for key, entry in lines.items() if _is_known(entry)}


def _spelled(key: str) -> str:
    return str(PurePosixPath(key)) if "./" in key or "//" in key else key


def _is_known(entry: Entry) -> bool:
    status, seconds = entry.get("status", DONE), entry.get("seconds")
    if status == DONE:
        return type(seconds) in (int, float) and 0 <= seconds < 1e6  # type: ignore[operator]
    return status in (FAILED, LATER)


def request_digest(request: SpeechRequest, engine_name: str) -> str:
    """Digest of everything that decides a recording's samples; a recording of another digest is out of date."""
    asked = [
        request.text,
        request.voice,
        request.rate,
        request.pitch,
        request.pitch_range,
        engine_name,
        CORPUS_SAMPLE_RATE,
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def spoken_captions(manifest: Manifest) -> Iterator[Caption]:
    """Yield the captions that an engine speaks: those with a place for a recording that no person fills."""
    for item in manifest.items:
        for caption in item.captions:
            if caption.audio is not None and not caption.recorded:
                yield caption


def plan_jobs(
    manifest: Manifest,
    engine: Synthesizer,
    done: Mapping[str, Entry],
    *,
    rank: Rank = SINGLE,
    retry_failed: bool = False,
    overwrite: bool = False,
) -> Plan:
    """List what is to be spoken by this process.

    Parameters
    ----------
    manifest : Manifest
        The corpus, in voices of the engine (:func:`speech2img.tts.corpus.voices.cast_voices`).
    engine : Synthesizer
        What will speak.
    done : mapping of str to mapping
        The journal, by recording.
    rank : Rank
        Which share of the captions is this process's.
    retry_failed : bool
        Whether to try again what failed for good.
    overwrite : bool
        Whether to speak again what is finished, and to replace the recordings of another engine.

    Raises
    ------
    DataError
        If all finished recordings are another engine's and `overwrite` is not given.
    """
    # Recordings of another engine are not mixed with new ones.
    captions = list(spoken_captions(manifest))
    if not overwrite:
        _check_engine(captions, manifest.root, engine, done)
    refusal = _refusals(engine)
    plan = Plan()
    # Each caption is kept, refused, given up or to be spoken.
    for caption in rank.share(captions):
        request = SpeechRequest(caption.text, caption.voice, caption.rate, caption.pitch, caption.pitch_range)
        job = Job(str(caption.audio), request, request_digest(request, engine.name))
        entry = None if overwrite else done.get(job.audio)
        if entry is not None and is_finished(manifest.root / job.audio, entry, job.digest):
            plan.kept += 1
        elif error := refusal(caption.voice):
            plan.refused.append((job, error))
        elif entry is not None and _is_given_up(entry, job.digest) and not retry_failed:
            plan.given_up += 1
        else:
            plan.jobs.append(job)
    return plan


def is_finished(path: Path, entry: Entry, digest: str) -> bool:
    """Whether a recording is what was asked for and its file has the size that the journal says."""
    if entry.get("status", DONE) != DONE or entry.get("request") != digest:
        return False
    return _has_size(path, entry)


def _has_size(path: Path, entry: Entry) -> bool:
    try:
        return path.stat().st_size == entry.get("bytes")
    except OSError:
        return False


def _is_given_up(entry: Entry, digest: str) -> bool:
    return entry.get("status") == FAILED and entry.get("request") == digest


def _check_engine(captions: list[Caption], root: Path, engine: Synthesizer, done: Mapping[str, Entry]) -> None:
    """An engine named by mistake must not replace hours of another one's work."""
    # One recording of this engine says that the work is its own.
    strangers: dict[str, int] = {}
    for caption in captions:
        entry = done.get(str(caption.audio))
        if entry is None or entry.get("status", DONE) != DONE:
            continue
        name = str(entry.get("engine", ""))
        if name.split(" ")[0] == engine.name.split(" ")[0]:
            return
        if _has_size(root / str(caption.audio), entry):
            strangers[name] = strangers.get(name, 0) + 1
    # None of its own, some of others.
    if strangers:
        made = ", ".join(f"{count} by {name}" for name, count in strangers.items())
        fix = "give --overwrite to replace them, or use a copy of the corpus folder"
        raise DataError.about(root, f"recordings were made by another engine than {engine.name}: {made}", fix)


def _refusals(engine: Synthesizer) -> Callable[[str], SynthesisError | None]:
    """What is wrong with a voice of the manifest, looked up once for each voice."""
    refusals: dict[str, SynthesisError | None] = {}

    def look_up(voice: str) -> SynthesisError | None:
        if voice not in refusals:
            try:
                engine.voice_for(voice)
                refusals[voice] = None
            except SynthesisError as error:
                refusals[voice] = error
        return refusals[voice]

    return look_up
