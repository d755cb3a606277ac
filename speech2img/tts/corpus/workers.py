"""Jobs in, recordings out: on threads or in batches, every sound checked before it becomes a file."""

import hashlib
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from speech2img.audio.io import resample
from speech2img.audio.wav import encode_wav
from speech2img.errors import SynthesisError
from speech2img.tts.base import BatchSynthesizer, EngineStoppedError, SpeechRequest, Synthesizer, TryLaterError
from speech2img.tts.corpus.jobs import CORPUS_SAMPLE_RATE, DONE, FAILED, LATER, Job
from speech2img.tts.corpus.places import Places
from speech2img.tts.corpus.quality import check_speech

_WINDOW_BATCHES = 16
_EASY_TEXT = "a small bird with a long tail"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job."""

    job: Job
    """The job."""
    fields: dict[str, Any]
    """Its line in the journal; ``status`` is one of :mod:`speech2img.tts.corpus.jobs`."""

    @property
    def made(self) -> bool:
        """Whether the recording is on the disk."""
        return bool(self.fields["status"] == DONE)


def speak_all(jobs: list[Job], places: Places, engine: Synthesizer, workers: int) -> Generator[Outcome, None, None]:
    """Speak jobs and yield their outcomes.

    Parameters
    ----------
    jobs : list of Job
        In any order; outcomes of a batch engine come in another one.
    places : Places
        Where recordings may be put; those of the jobs are claimed.
    engine : Synthesizer
        A :class:`BatchSynthesizer` gets batches of texts of like length, any other one text at a time.
    workers : int
        Threads, for an engine that is no batch engine.

    Yields
    ------
    Outcome
        One a job, made or failed; few jobs are under way at any time.

    Raises
    ------
    EngineStoppedError
        If the engine says so.
    DataError, DiskFullError
        If a recording cannot be written, or a file that was not made here is in its place.
    """
    if isinstance(engine, BatchSynthesizer):
        return _in_batches(jobs, places, engine)
    return _on_threads(jobs, places, engine, workers)


def failure(job: Job, error: SynthesisError, engine: Synthesizer) -> Outcome:
    """The outcome of a job that failed."""
    status = LATER if isinstance(error, TryLaterError) else FAILED
    fields = {
        "status": status,
        "reason": str(error),
        "engine": engine.name,
        "voice": job.request.voice,
        "request": job.digest,
    }
    return Outcome(job, fields)


def can_speak(engine: Synthesizer, request: SpeechRequest) -> bool:
    """Whether an engine can speak an easy text in the manner of a request: if not, it is not the texts that fail."""
    easy = replace(request, text=_EASY_TEXT)
    try:
        check_speech(_sound(engine, easy), engine.sample_rate, easy.text)
    except SynthesisError:
        return False
    return True


def _sound(engine: Synthesizer, request: SpeechRequest) -> np.ndarray:
    return engine.synthesize(
        request.text, voice=request.voice, rate=request.rate, pitch=request.pitch, pitch_range=request.pitch_range
    )


def _on_threads(jobs: list[Job], places: Places, engine: Synthesizer, workers: int) -> Generator[Outcome, None, None]:
    # A few jobs ahead of the results, so that memory is bounded.
    waiting: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="speech") as pool:
        try:
            for job in jobs:
                waiting.append(pool.submit(_speak, job, places, engine))
                if len(waiting) >= 8 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            for future in waiting:
                future.cancel()
            engine.close()  # the pool waits for what is under way
            raise


def _speak(job: Job, places: Places, engine: Synthesizer) -> Outcome:
    try:
        y = _sound(engine, job.request)
    except EngineStoppedError:
        raise
    except SynthesisError as error:
        return failure(job, error, engine)
    return _judge(job, y, places, engine)


def _in_batches(jobs: list[Job], places: Places, engine: BatchSynthesizer) -> Generator[Outcome, None, None]:
    """Batches of like length waste little on padding; a text that fails comes again with the next seed."""
    pending = deque((job, 0) for job in jobs)
    while pending:
        window = [pending.popleft() for _ in range(min(len(pending), _WINDOW_BATCHES * engine.batch_size))]
        window.sort(key=lambda entry: len(entry[0].request.text))
        entries = iter(window)
        while batch := list(islice(entries, engine.batch_size)):
            results = engine.synthesize_batch([replace(job.request, seed=seed) for job, seed in batch])
            for (job, seed), result in zip(batch, results, strict=True):
                outcome = _judge(job, result, places, engine)
                if outcome.fields["status"] == FAILED and seed + 1 < engine.attempts:
                    pending.append((job, seed + 1))
                else:
                    yield outcome


def _judge(job: Job, result: np.ndarray | SynthesisError, places: Places, engine: Synthesizer) -> Outcome:
    if isinstance(result, SynthesisError):
        return failure(job, result, engine)
    try:
        return _keep(job, result, places, engine)
    except SynthesisError as error:
        return failure(job, error, engine)


def _keep(job: Job, y: np.ndarray, places: Places, engine: Synthesizer) -> Outcome:
    """Check the sound and write it; SynthesisError if it does not pass."""
    # Checked, then written.
    check_speech(y, engine.sample_rate, job.request.text)
    y = resample(y, engine.sample_rate, CORPUS_SAMPLE_RATE)
    wav = encode_wav(y, sample_rate=CORPUS_SAMPLE_RATE)
    places.put(job.audio, wav)
    # What the journal keeps of it.
    fields = {
        "status": DONE,
        "seconds": round(y.size / CORPUS_SAMPLE_RATE, 4),
        "peak": round(float(np.abs(y).max()), 4),
        "bytes": len(wav),
        "sha256": hashlib.sha256(wav).hexdigest(),
        "engine": engine.name,
        "voice": job.request.voice,
        "request": job.digest,
    }
    return Outcome(job, fields)
