"""Any program that speaks, as an engine: a process a text, its recording read and judged like any other."""

import math
import re
import shlex
import signal
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech2img.audio.io import read_audio
from speech2img.audio.limits import AudioLimits
from speech2img.errors import AudioError, ConfigError, DataError, SynthesisError
from speech2img.recognition.programs import Finished, run_program
from speech2img.storage.atomic import disk_errors
from speech2img.storage.reading import read_bytes
from speech2img.storage.scratch import scratch_folder
from speech2img.tts.base import EngineStoppedError, TryLaterError
from speech2img.tts.casting import espeak_speaker, stand_in
from speech2img.tts.command.template import parse_command

MAX_CHARACTERS = 2000
TIME_LIMIT = 60.0
MAX_BYTES = 32 << 20
SAMPLE_RATE = 16_000
"""That of a corpus: what a program wrote is resampled once."""

_RECORDING = AudioLimits(max_bytes=MAX_BYTES, max_seconds=60.0, min_swing=0.0, max_clipped=1.0)
_VOICE = re.compile(r"\w[\w.+-]*")
_LONGEST_LIMIT = 3600.0


class CommandSynthesizer:
    """Speech by a program that is started for each text, without a shell.

    Without ``{text}`` and ``{text_file}`` (UTF-8, one line) the text is the program's standard input; without ``{wav}``
    its standard output is the recording, in any format that :func:`speech2img.audio.io.read_audio` reads. Whether the
    same request gives the same samples, and what becomes of rate and pitch, is the program's affair.

    Without ``{voice}`` it has one voice, named like the program. With it, every name is handed on as the manifest has
    it, or one of `voices`.

    Parameters
    ----------
    command : str
        The command line (:func:`speech2img.tts.command.template.parse_command`).
    voices : sequence of str, optional
        For a command with ``{voice}``: the voices that speak; those of espeak-ng in the manifest are replaced by them.
    time_limit : float
        Seconds that one text may take, up to an hour; then the program and what it started are ended.

    Raises
    ------
    ConfigError
        If one of these cannot be used.
    """

    def __init__(self, command: str, *, voices: Sequence[str] | None = None, time_limit: float = TIME_LIMIT) -> None:
        self._template = parse_command(command)
        # What cannot be used.
        if not (math.isfinite(time_limit) and 0 < time_limit <= _LONGEST_LIMIT):
            fix = f"give seconds above 0, up to {_LONGEST_LIMIT:g}"
            raise ConfigError.about(f"--time-limit {time_limit:g}", "out of range", fix)
        if voices is not None and not self._template.uses("voice"):
            raise ConfigError.about("--voices", "the command has no {voice}", "put {voice} where it takes a voice")
        if voices is not None and (bad := [voice for voice in voices if not _VOICE.fullmatch(voice)] or not voices):
            reason = f'no name of a voice: "{bad[0]}"' if isinstance(bad, list) else "no name"
            raise ConfigError.about(
                "--voices", reason, "give names of letters, digits and . _ + -, with commas between"
            )
        # Under a name that says what speaks.
        self._voices = None if voices is None else tuple(voices)
        self._seconds = time_limit
        self._closed = 0
        self.name = f"command:{shlex.join(self._template.arguments)}"
        self.sample_rate = SAMPLE_RATE
        self.languages: tuple[str, ...] = ()

    def __enter__(self) -> "CommandSynthesizer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the programs under way."""
        self._closed += 1

    def voices(self) -> list[str]:
        """Return the voices given, or the one named like the program; none where the program alone knows them."""
        if not self._template.uses("voice"):
            return [self._template.name]
        return sorted(self._voices or ())

    def voice_for(self, voice: str) -> str:
        """Return the voice that stands for one of a manifest; see :meth:`speech2img.tts.base.Synthesizer.voice_for`."""
        subject = f'voice "{voice[:80]}"'
        if not self._template.uses("voice"):
            return self._template.name
        if self._voices is None:
            if not _VOICE.fullmatch(voice):
                fix = "give --voice, or --voices with a list of them"
                raise SynthesisError.about(subject, "a program is given letters, digits and . _ + - only", fix)
            return voice
        if voice in self._voices:
            return voice
        if espeak_speaker(voice) is None:
            raise SynthesisError.about(subject, "is not among --voices", f"use {', '.join(self._voices)}")
        return stand_in(voice, self._voices)

    def synthesize(
        self, text: str, *, voice: str, rate: int = 175, pitch: int = 50, pitch_range: int = 50
    ) -> np.ndarray:
        """Speak one text; see :meth:`speech2img.tts.base.Synthesizer.synthesize`.

        Parameters
        ----------
        text : str
            1 to 2,000 characters; white space and control characters become blanks.
        voice, rate, pitch, pitch_range
            As in :class:`speech2img.tts.base.SpeechRequest`, for the placeholders of the same names.

        Returns
        -------
        np.ndarray [shape=(n,), float32, range -1..1]
            Mono sound at 16,000 Hz.
        """
        closed = self._closed
        spoken = _cleaned(text)
        voice = self.voice_for(voice)
        # Each text has its own folder, so that programs do not see each other's files. What a program has left running
        # may still write there: then a rest stays, and the work goes on.
        with scratch_folder() as folder, disk_errors(folder):
            text_file, wav = folder / "text.txt", folder / "speech.wav"
            text_file.write_text(spoken + "\n", encoding="utf-8")
            values = {"text": spoken, "text_file": str(text_file), "wav": str(wav), "voice": voice}
            values |= {"rate": str(rate), "pitch": str(pitch), "pitch_range": str(pitch_range)}
            # Text by placeholder or by standard input; sound by file or by standard output.
            names_text = self._template.uses("text") or self._template.uses("text_file")
            made = wav if self._template.uses("wav") else None
            try:
                finished = run_program(
                    self._template.program,
                    self._template.filled(values),
                    stdin=None if names_text else text_file,
                    made=made,
                    seconds=self._seconds,
                    max_bytes=MAX_BYTES,
                    is_closed=lambda: self._closed != closed,
                )
            except OSError as error:
                fix = "make it a program that this machine can run, give fewer --workers, or raise what 'ulimit' says"
                raise EngineStoppedError.about(
                    self._template.program, f"does not start ({error.strerror})", fix
                ) from error
            return self._recording(finished, made, subject=f"text {text[:60]!r}")

    def _recording(self, finished: Finished, made: Path | None, *, subject: str) -> np.ndarray:
        """What a finished program wrote, decoded; the error that says why there is nothing."""
        program = self._template.name
        self._check_end(finished, subject)
        # What it wrote.
        try:
            data = bytes(finished.output) if made is None else read_bytes(made, max_bytes=MAX_BYTES)
        except DataError as error:
            reason = f"{program} wrote no file" if made and not made.exists() else f"{program} left no file ({error})"
            fix = "{wav} must be where it writes; run it by hand to see"
            raise SynthesisError.about(subject, reason + _complaint(finished), fix) from error
        where = "on standard output" if made is None else "into {wav}"
        if not data:
            raise SynthesisError.about(
                subject, f"{program} wrote nothing {where}{_complaint(finished)}", "run it by hand"
            )
        # Decoded like any recording.
        try:
            return read_audio(data, sample_rate=SAMPLE_RATE, limits=_RECORDING)
        except AudioError as error:
            reason, _, _ = str(error).removeprefix("recording: ").rpartition("; ")
            fix = "have it write wav, flac, ogg or mp3"
            raise SynthesisError.about(subject, f"what {program} wrote {where} is not used: {reason}", fix) from error

    def _check_end(self, finished: Finished, subject: str) -> None:
        """Raise what a bad end of the program means: a crash or a time that is over may be the machine's fault."""
        program, complaint = self._template.name, _complaint(finished)
        # Ended by us: with the work, by the clock, by the size.
        if finished.fault == "closed":
            raise EngineStoppedError.about(subject, f"{program} was ended, for the work ends", "run it again")
        if finished.fault == "time":
            fix = "change the text, give a longer --time-limit or fewer --workers"
            raise TryLaterError.about(subject, f"{program} was not done after {self._seconds:g} s{complaint}", fix)
        if finished.fault == "size":
            reason = f"{program} wrote more than {MAX_BYTES >> 20} MB"
            raise SynthesisError.about(subject, reason, "change the text, or have it write less")
        # Ended by itself, in failure.
        if finished.status < 0:
            raise TryLaterError.about(
                subject, f"{program} was ended by {_signal(-finished.status)}{complaint}", "try again"
            )
        if finished.status > 0:
            reason = f"{program} ended with status {finished.status}{complaint}"
            raise SynthesisError.about(subject, reason, "change the text, or run it by hand to see")


def _cleaned(text: str) -> str:
    """A text in one line that an argument and a file can hold."""
    plain = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    spoken = " ".join(plain.split())
    if not spoken or len(text) > MAX_CHARACTERS:
        fix = f"give 1 to {MAX_CHARACTERS} characters of text"
        raise SynthesisError.about(f"text {text[:40]!r}", f"{len(text)} characters", fix)
    try:
        spoken.encode()
    except UnicodeEncodeError:
        raise SynthesisError.about(f"text {text[:40]!r}", "is not text in UTF-8", "write it in UTF-8") from None
    return spoken


def _complaint(finished: Finished) -> str:
    """The last line that a program wrote on standard error, to be put behind a reason."""
    lines = finished.log.decode("utf-8", "replace").strip().splitlines()
    return f", it said: {lines[-1].strip()[:200]}" if lines else ""


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
