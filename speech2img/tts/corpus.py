"""Speak the captions of a whole corpus: both cores, resumable, every wav checked before it counts."""

import hashlib
import json
import logging
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from tqdm import tqdm

from speech2img.audio.io import encode_wav, resample
from speech2img.corpora.manifest import Caption, Manifest
from speech2img.errors import DataError, RunInterrupted, SynthesisError
from speech2img.storage.atomic import disk_errors, write_text
from speech2img.storage.journal import Journal
from speech2img.storage.lock import run_lock
from speech2img.tts.base import Synthesizer

CORPUS_SAMPLE_RATE = 16_000
JOURNAL_NAME = "derived/speech/journal.jsonl"
FAILURES_NAME = "derived/speech/failures.jsonl"

_BATCH_ITEMS, _BATCH_SECONDS = 200, 2.0
_FAILURES_IN_A_ROW = 20
_WAV_HEADER_BYTES = 44
_MIN_PEAK = 0.01
_MAX_CLIPPED = 0.01

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SynthesisCounts:
    """What a call of :func:`synthesize_corpus` did."""

    made: int
    """Recordings spoken now."""
    kept: int
    """Recordings that an earlier call had finished."""
    failed: int
    """Captions that could not be spoken; ``derived/speech/failures.jsonl`` lists them."""
    seconds: float
    """Length of all finished recordings together."""

    def __str__(self) -> str:
        failed = f", {self.failed} FAILED (see {FAILURES_NAME})" if self.failed else ""
        return f"{self.made} recordings made, {self.kept} kept, {self.seconds / 3600:.2f} h of speech{failed}"


@dataclass(frozen=True)
class _Job:
    audio: str
    caption: Caption
    request: str


@dataclass(frozen=True)
class _Outcome:
    job: _Job
    fields: dict[str, Any] | None
    failure: str


def synthesize_corpus(
    manifest: Manifest, *, engine: Synthesizer, workers: int = 2, progress: bool = True
) -> SynthesisCounts:
    """Speak every caption that has a place for its recording, as 16 kHz 16-bit mono wav files.

    Parameters
    ----------
    manifest : Manifest
        The corpus; each caption's ``audio`` says where its recording belongs; what a person recorded is left alone.
    engine : Synthesizer
        What speaks. The samples depend only on the caption, so the number of workers and interruptions do not show.
    workers : int
        Recordings made at the same time.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    SynthesisCounts
        How many were made, kept and failed.

    Raises
    ------
    SynthesisError
        If 20 captions in a row fail: the engine is broken, not the captions.
    ConfigError
        If another process speaks this corpus right now.
    DiskFullError
        If the disk is full. Finished recordings are kept.
    RunInterrupted
        On Ctrl-C. Finished recordings are kept; the same call goes on.

    Notes
    -----
    ``derived/speech/journal.jsonl`` lists each finished recording (seconds, peak, SHA-256, engine, voice, and a digest
    of what was asked). A line is written only after its wav is on the disk; a wav without a line, with another size
    than its line says, or of a caption that has changed since is made again.
    """
    if workers < 1:
        raise SynthesisError.about(f"workers {workers}", "nobody would speak", "give at least 1")
    with run_lock((manifest.root / JOURNAL_NAME).parent):
        return _synthesize(manifest, engine, workers, progress)


def _synthesize(manifest: Manifest, engine: Synthesizer, workers: int, progress: bool) -> SynthesisCounts:
    journal = Journal(manifest.root / JOURNAL_NAME)
    jobs, kept = _open_jobs(manifest, engine, journal.done)
    batch = _Batch(journal)
    failures: list[_Outcome] = []
    in_a_row = 0
    bar = tqdm(total=len(jobs) + kept, initial=kept, desc="speech", unit="utt", disable=not progress, smoothing=0.05)
    try:
        with bar, disk_errors(manifest.root / JOURNAL_NAME):
            for outcome in _speak_all(jobs, manifest.root, engine, workers):
                bar.update()
                if outcome.fields is not None:
                    in_a_row = 0
                    batch.add(outcome.job.audio, outcome.fields)
                    continue
                failures.append(outcome)
                in_a_row += 1
                if in_a_row == _FAILURES_IN_A_ROW:
                    reason = f"{in_a_row} captions in a row failed, the last because: {outcome.failure}"
                    raise SynthesisError.about(engine.name, reason, "repair the engine and run the same command again")
    except KeyboardInterrupt:
        reason = f"interrupted after {batch.added + kept} of {len(jobs) + kept} recordings"
        raise RunInterrupted.about(manifest.root, reason, "run the same command again to go on") from None
    finally:
        batch.commit()
        _write_failures(manifest.root / FAILURES_NAME, failures)
    wanted = {caption.audio for item in manifest.items for caption in item.captions}
    seconds = sum(float(fields["seconds"]) for audio, fields in journal.done.items() if audio in wanted)
    return SynthesisCounts(made=batch.added, kept=kept, failed=len(failures), seconds=seconds)


def request_digest(caption: Caption, engine_name: str) -> str:
    """Digest of everything that decides a recording's samples; a recording of another digest is out of date."""
    asked = [
        caption.text, caption.voice, caption.rate, caption.pitch, caption.pitch_range,
        engine_name, CORPUS_SAMPLE_RATE,
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def _open_jobs(manifest: Manifest, engine: Synthesizer, done: dict[str, dict[str, Any]]) -> tuple[list[_Job], int]:
    """List what is still to be spoken, and count what is there already."""
    jobs: list[_Job] = []
    seen: set[str] = set()
    for item in manifest.items:
        for caption in item.captions:
            if caption.audio is None or caption.recorded:
                continue
            if caption.audio in seen:
                raise DataError.about(caption.audio, "two captions have the same recording", "prepare the corpus again")
            seen.add(caption.audio)
            request = request_digest(caption, engine.name)
            if not _is_finished(manifest.root / caption.audio, done.get(caption.audio), request):
                jobs.append(_Job(caption.audio, caption, request))
    return jobs, len(seen) - len(jobs)


def _is_finished(path: Path, fields: dict[str, Any] | None, request: str) -> bool:
    if fields is None or fields.get("request") != request:
        return False
    try:
        return path.stat().st_size == fields.get("bytes")
    except OSError:
        return False


def _speak_all(jobs: list[_Job], root: Path, engine: Synthesizer, workers: int) -> Iterator[_Outcome]:
    """Run the jobs on threads and give their outcomes in order; only a few jobs wait at any time."""
    for folder in {(root / job.audio).parent for job in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
    waiting: deque[Future[_Outcome]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="speech") as pool:
        try:
            for job in jobs:
                waiting.append(pool.submit(_speak, job, root, engine))
                if len(waiting) >= 8 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _speak(job: _Job, root: Path, engine: Synthesizer) -> _Outcome:
    caption = job.caption
    try:
        y = engine.synthesize(
            caption.text, voice=caption.voice, rate=caption.rate, pitch=caption.pitch, pitch_range=caption.pitch_range
        )
        check_speech(y, engine.sample_rate, caption.text)
    except SynthesisError as error:
        return _Outcome(job, None, str(error))
    y = resample(y, engine.sample_rate, CORPUS_SAMPLE_RATE)
    wav = encode_wav(y, sample_rate=CORPUS_SAMPLE_RATE)
    path = root / job.audio
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(wav)
    part.replace(path)
    fields = {
        "seconds": round(y.size / CORPUS_SAMPLE_RATE, 4), "peak": round(float(np.abs(y).max()), 4), "bytes": len(wav),
        "sha256": hashlib.sha256(wav).hexdigest(), "engine": engine.name, "voice": caption.voice,
        "request": job.request,
    }
    return _Outcome(job, fields, "")


def check_speech(y: np.ndarray, sample_rate: int, text: str) -> None:
    """Refuse sound that cannot be this text spoken.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32]
        What the engine gave.
    sample_rate : int
        Its rate in Hz.
    text : str
        What it was asked to say.

    Raises
    ------
    SynthesisError
        If the sound is empty, not finite, silent, clipped, or impossibly short or long (0.015 to 0.35 s a character,
        with 1 s of pauses allowed).
    """
    subject = f"text {text[:60]!r}"
    if y.ndim != 1 or not y.size or not np.isfinite(y).all():
        raise SynthesisError.about(subject, f"no finite mono sound (shape {y.shape})", "change the text or the voice")
    magnitude = np.abs(y)
    peak, seconds = float(magnitude.max()), y.size / sample_rate
    if peak < _MIN_PEAK:
        raise SynthesisError.about(subject, f"silent (peak {peak:.4f})", "change the text or the voice")
    clipped = float(np.mean(magnitude >= 0.999))
    if clipped > _MAX_CLIPPED:
        raise SynthesisError.about(subject, f"{clipped:.1%} of the samples are clipped", "use another voice")
    if not 0.015 * len(text) <= seconds <= 1.0 + 0.35 * len(text):
        reason = f"{seconds:.2f} s for {len(text)} characters"
        raise SynthesisError.about(subject, f"not plausible as speech: {reason}", "change the rate or the text")


class _Batch:
    """Finished recordings that are not reported yet; one flush of the disk serves all of them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: dict[str, dict[str, Any]] = {}
        self._since = monotonic()
        self.added = 0

    def add(self, audio: str, fields: dict[str, Any]) -> None:
        self._waiting[audio] = fields
        self.added += 1
        if len(self._waiting) >= _BATCH_ITEMS or monotonic() - self._since > _BATCH_SECONDS:
            self.commit()

    def commit(self) -> None:
        self._since = monotonic()
        if self._waiting:
            os.sync()  # one call for the batch: fsync of each file costs 2-3 ms, half as much as speaking it
            self._journal.add_many(self._waiting.items())
            self._waiting = {}


def _write_failures(path: Path, failures: list[_Outcome]) -> None:
    if not failures:
        path.unlink(missing_ok=True)
        return
    lines = [
        json.dumps({"audio": item.job.audio, "voice": item.job.caption.voice, "text": item.job.caption.text,
                    "reason": item.failure}, ensure_ascii=False)
        for item in failures
    ]
    write_text(path, "\n".join(lines) + "\n")
    logger.warning("%d captions could not be spoken; see %s", len(failures), path)
