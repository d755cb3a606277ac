"""Speak the captions of a whole corpus: any engine, any number of processes, resumable, nothing lost in silence."""

import contextlib
import json
import logging
import os
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import RunInterrupted, SynthesisError
from speech2img.storage.atomic import disk_errors, remove_leftovers, write_text
from speech2img.storage.journal import Journal
from speech2img.storage.lock import run_lock
from speech2img.storage.progress import Progress
from speech2img.storage.rank import SINGLE, Rank
from speech2img.tts.base import EngineStoppedError, Synthesizer, TryLaterError, is_phonemic
from speech2img.tts.corpus.jobs import DONE, FAILED, LATER, Job, Plan, known_entries, plan_jobs, spoken_captions
from speech2img.tts.corpus.places import Places, check_places
from speech2img.tts.corpus.voices import cast_voices
from speech2img.tts.corpus.workers import Outcome, can_speak, failure, speak_all

ESPEAK = "espeak-ng"
"""First word of that engine's name."""
JOURNAL_NAME = "derived/speech/journal.jsonl"
FAILURES_NAME = "derived/speech/failures.jsonl"

MAX_WORKERS = 256
"""Most recordings that are made at the same time."""

_BATCH_ITEMS, _BATCH_SECONDS = 200, 2.0
_FAILURES_IN_A_ROW = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SynthesisCounts:
    """What a call of :func:`synthesize_corpus` did; of one rank, its share."""

    made: int
    """Recordings spoken now."""
    kept: int
    """Recordings that an earlier call had finished."""
    failed: int
    """Captions that could not be spoken now; ``derived/speech/failures.jsonl`` lists them."""
    given_up: int
    """Captions that failed for good in an earlier call and were left alone now."""
    seconds: float
    """Length of the recordings made and kept together."""

    def __str__(self) -> str:
        line = f"{self.made} recordings made, {self.kept} kept, {self.seconds / 3600:.2f} h of speech"
        if self.failed:
            line += f", {self.failed} FAILED (see {FAILURES_NAME})"
        if self.given_up:
            line += f", {self.given_up} had FAILED before (see {FAILURES_NAME}; --retry-failed tries them again)"
        return line


def synthesize_corpus(
    manifest: Manifest,
    *,
    engine: Synthesizer,
    voice: str | None = None,
    retry_failed: bool = False,
    overwrite: bool = False,
    workers: int = 2,
    rank: Rank = SINGLE,
    progress: bool = True,
) -> SynthesisCounts:
    """Speak every caption that has a place for its recording, as 16 kHz 16-bit mono wav files.

    Parameters
    ----------
    manifest : Manifest
        The corpus; each caption's ``audio`` says where its recording belongs; what a person recorded is left alone.
        Where the engine has other voices, the manifest is written again with them
        (:func:`speech2img.tts.corpus.voices.cast_voices`).
    engine : Synthesizer
        What speaks. The samples depend only on the caption, so the number of workers, ranks and interruptions do not
        show.
    voice : str, optional
        One voice for all captions instead of the manifest's.
    retry_failed : bool
        Whether to try again what failed for good in an earlier call.
    overwrite : bool
        Whether to speak again what is finished, and to replace the recordings of another engine.
    workers : int
        Recordings made at the same time, 1 to `MAX_WORKERS`.
    rank : Rank
        Which share of the captions this process speaks; the others must run on the same folder.
    progress : bool
        Whether to show a progress bar; it counts what the journal has.

    Returns
    -------
    SynthesisCounts
        How many were made, kept and failed.

    Raises
    ------
    SynthesisError
        If the engine has no such `voice`, or captions are phonemes of espeak-ng and another engine is to speak them, or
        it does not read their language (the manifest's ``language``, else English).
    EngineStoppedError
        If the engine says that it can speak nothing more, or 20 captions in a row and an easy text after them fail.
        Finished recordings are kept.
    DataError
        If a caption names a file that is not its recording alone (`check_places`), a file
        that no call has made is in a recording's place, or all recordings are another engine's and `overwrite` is not
        given.
    ConfigError
        If another job speaks this corpus right now.
    DiskFullError
        If the disk is full. Finished recordings are kept.
    RunInterrupted
        On Ctrl-C. Finished recordings are kept; the same call resumes.

    Notes
    -----
    ``derived/speech/journal.jsonl`` lists each recording (status, seconds, peak, SHA-256, engine, voice, and a digest
    of what was asked). A line is written only after its wav is on the disk; a wav of an earlier call without a line,
    with another size than its line says, or of a caption that has changed since is made again.
    ``derived/speech/places.json`` tells which wavs are of earlier calls.
    """
    # What can be refused.
    if not 1 <= workers <= MAX_WORKERS:
        reason = "nobody would speak" if workers < 1 else "each is a thread, and a process of espeak-ng"
        raise SynthesisError.about(f"workers {workers}", reason, f"give 1 to {MAX_WORKERS}")
    # One job at a time; a rank repairs nothing that another may be writing.
    with run_lock((manifest.root / JOURNAL_NAME).parent, rank=rank):
        if rank.count == 1:  # its one writer
            remove_leftovers((manifest.root / JOURNAL_NAME).parent)
        _check_readable(manifest, engine)
        journal = Journal(manifest.root / JOURNAL_NAME, shared=rank.count > 1)
        # Voices, places and what is left to do.
        cast = cast_voices(manifest, engine, voice=voice)
        check_places(cast)
        done = known_entries(journal.done)
        plan = plan_jobs(cast, engine, done, rank=rank, retry_failed=retry_failed, overwrite=overwrite)
        places = Places(cast.root, done, rank=rank)
        places.claim([job.audio for job in plan.jobs])
        if cast is not manifest and rank.index == 0:
            cast.save()
            logger.warning("%s: the manifest now names voices of %s", cast.root, engine.name)
        # Speak; what was made is kept whatever ends the work.
        bar = Progress(
            what="speech" if rank.count == 1 else f"speech, {rank}",
            unit="utt",
            total=len(plan.jobs) + plan.kept,
            initial=plan.kept,
            progress=progress and rank.index == 0,
        )
        run = _Run(places, engine, journal, bar, workers)
        try:
            with bar, disk_errors(journal.path):
                try:
                    run.speak(plan)
                finally:
                    run.settle()
                    run.commit()
        except KeyboardInterrupt:
            reason = f"interrupted after {run.made + plan.kept} of {len(plan.jobs) + plan.kept} recordings"
            raise RunInterrupted.about(manifest.root, reason, "run the same command again to go on") from None
        finally:
            _write_failures(cast, journal)
        # What this rank's share of the corpus sounds like now.
        done = known_entries(journal.done)
        share = rank.share([str(caption.audio) for caption in spoken_captions(cast)])
        entries = [done[place] for place in share if place in done]
        return SynthesisCounts(
            made=run.made,
            kept=plan.kept,
            failed=run.failed,
            given_up=plan.given_up,
            seconds=sum(float(entry["seconds"]) for entry in entries if entry.get("status", DONE) == DONE),
        )


def _check_readable(manifest: Manifest, engine: Synthesizer) -> None:
    if engine.name.startswith(ESPEAK):
        return
    language = manifest.meta.get("language", "en")
    if any(is_phonemic(caption.text) for caption in spoken_captions(manifest)):
        reason = f"captions are phonemes of {ESPEAK}, which {engine.name.split(' ')[0]} cannot read"
        raise SynthesisError.about(manifest.root, reason, "give --engine espeak")
    if engine.languages and not set(language.split("+")) <= set(engine.languages):
        read = " and ".join(engine.languages)
        reason = f"captions are of the language {language!r}, {engine.name.split(' ')[0]} reads {read} only"
        raise SynthesisError.about(manifest.root, reason, "give --engine espeak")


@dataclass
class _Run:
    """One call under way: what is finished but not reported yet, and the counts."""

    places: Places
    engine: Synthesizer
    journal: Journal
    bar: Progress
    workers: int
    made: int = 0
    failed: int = 0
    in_a_row: list[Outcome] = field(default_factory=list)
    doubtful: list[Outcome] = field(default_factory=list)
    """Failures that may be the engine's and not the texts': their recordings stay until that is known."""
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    since: float = field(default_factory=monotonic)

    def speak(self, plan: Plan) -> None:
        """Speak what is planned, and at the end once more what was to be tried later."""
        if plan.refused and not plan.jobs and not plan.kept:
            raise plan.refused[0][1]
        for job, error in plan.refused:
            self._report(failure(job, TryLaterError(str(error)), self.engine))  # another version may have the voice
        later: list[Job] = []
        self._speak(plan.jobs, later)
        self._speak(later, None)

    def _speak(self, jobs: list[Job], later: list[Job] | None) -> None:
        with contextlib.closing(speak_all(jobs, self.places, self.engine, self.workers)) as outcomes:
            for outcome in outcomes:
                if later is not None and outcome.fields["status"] == LATER:
                    later.append(outcome.job)
                else:
                    self._report(outcome)
                self._check_row(outcome)

    def _report(self, outcome: Outcome) -> None:
        self.made += outcome.made
        self.failed += not outcome.made
        if outcome.fields["status"] == FAILED:
            self.doubtful.append(outcome)
            return
        self.waiting[outcome.job.audio] = outcome.fields
        if len(self.waiting) >= _BATCH_ITEMS or monotonic() - self.since > _BATCH_SECONDS:
            self.commit()

    def _check_row(self, outcome: Outcome) -> None:
        """Stop where nothing succeeds any more, not even an easy text; then no caption counts as given up."""
        # A success: what failed before it failed by itself.
        if outcome.made:
            self.in_a_row.clear()
            self.settle()
            return
        # Several failures in a row: the engine may be at fault, so it is asked to speak what it should.
        self.in_a_row.append(outcome)
        if len(self.in_a_row) < _FAILURES_IN_A_ROW:
            return
        if not can_speak(self.engine, outcome.job.request):
            self.doubtful.clear()
            self.waiting |= {failed.job.audio: {**failed.fields, "status": LATER} for failed in self.in_a_row}
            reason = f"{len(self.in_a_row)} captions in a row failed, the last because: {outcome.fields['reason']}"
            fix = "repair the engine and run the same command again"
            raise EngineStoppedError.about(self.engine.name, reason, fix)
        self.in_a_row.clear()
        self.settle()

    def settle(self) -> None:
        """Count what failed as the texts' own failure; a recording that is there says something else, so it goes."""
        for outcome in self.doubtful:
            self.places.remove(outcome.job.audio)
            self.waiting[outcome.job.audio] = outcome.fields
        self.doubtful.clear()

    def commit(self) -> None:
        """Report what is finished: in the journal first, then by the bar."""
        self.since = monotonic()
        if self.waiting:
            os.sync()  # one call for the batch: fsync of each file costs 2-3 ms, half as much as speaking it
            self.journal.add_many(self.waiting.items())
            self.bar.update(len(self.waiting))
            self.waiting = {}


def _write_failures(manifest: Manifest, journal: Journal) -> None:
    """List what could not be spoken, by any rank: whoever comes last has read the lines of all."""
    path = manifest.root / FAILURES_NAME
    written: list[str] | None = None
    while (lines := _failure_lines(manifest, journal)) != written:
        if lines:
            write_text(path, "\n".join(lines) + "\n")
        else:
            path.unlink(missing_ok=True)
        written = lines
        if journal.shared:
            journal.reload()


def _failure_lines(manifest: Manifest, journal: Journal) -> list[str]:
    done = known_entries(journal.done)
    if not any(entry.get("status", DONE) != DONE for entry in done.values()):
        return []
    failed = []
    # In the order of the manifest.
    for caption in spoken_captions(manifest):
        entry = done.get(str(caption.audio), {})
        if entry.get("status", DONE) != DONE:
            failed.append(
                {
                    "audio": caption.audio,
                    "voice": caption.voice,
                    "text": caption.text,
                    "status": entry["status"],
                    "reason": entry.get("reason", ""),
                }
            )
    return [json.dumps(fields, ensure_ascii=False) for fields in failed]
