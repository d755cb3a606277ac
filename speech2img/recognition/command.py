"""Any program that recognises speech: it is given a wav file and writes the text."""

import shlex
import shutil
from collections.abc import Sequence

import numpy as np

from speech2img.audio.wav import write_wav
from speech2img.errors import CheckpointError, ConfigError
from speech2img.recognition.base import Segment, Transcript
from speech2img.recognition.programs import run_program
from speech2img.storage.scratch import scratch_folder

SAMPLE_RATE = 16_000
PLACEHOLDER = "{wav}"
TIME_LIMIT = 120.0
_MOST_CHARACTERS, _MOST_BYTES = 20_000, 1 << 20
_BY_HAND = "run it by hand to see"
_SHOWN = 160


class CommandRecogniser:
    """Recordings to texts by a program that is started for each, without a shell.

    Parameters
    ----------
    command : str
        The command line; ``{wav}`` is a 16-bit wav file of 16 kHz. What it writes to its standard output is the text.
    time_limit : float
        Seconds that one recording may take.

    Raises
    ------
    ConfigError
        If the command cannot be read, names no program that is there, or has no ``{wav}``.
    """

    def __init__(self, command: str, *, time_limit: float = TIME_LIMIT) -> None:
        # Words as a shell would part them; no shell is started.
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise ConfigError.about("--command", f"cannot be read ({error})", "close its quotes") from error
        if not any(PLACEHOLDER in word for word in self._words[1:]):
            reason = "has no {wav} behind its program"
            raise ConfigError.about("--command", reason, "put {wav} where it takes the recording")
        program = shutil.which(self._words[0]) if self._words[0] else None
        if program is None:
            reason = f"there is no program {self._words[0]!r} that can be run"
            raise ConfigError.about("--command", reason, "install it, or give its whole path")
        self._program, self.name, self.sample_rate, self._seconds = program, self._words[0], SAMPLE_RATE, time_limit

    def transcribe(self, waves: Sequence[np.ndarray]) -> list[Transcript]:
        """Recognise recordings; see `speech2img.recognition.base.Recogniser.transcribe`."""
        return [self._one(wave) for wave in waves]

    def _one(self, wave: np.ndarray) -> Transcript:
        # The program, with a file of its own and no shell.
        with scratch_folder() as folder:
            wav = folder / "speech.wav"
            write_wav(wav, wave, sample_rate=SAMPLE_RATE)
            words = [word.replace(PLACEHOLDER, str(wav)) for word in self._words]
            try:
                finished = run_program(
                    self._program, words, stdin=None, made=None, seconds=self._seconds, max_bytes=_MOST_BYTES
                )
            except OSError as error:
                raise ConfigError.about(self.name, f"cannot be started ({error.strerror})", _BY_HAND) from error
        # How it ended, and what it says.
        if finished.fault == "time":
            raise CheckpointError.about(self.name, f"was not done after {self._seconds:g} s", _BY_HAND)
        if finished.fault == "size":
            raise CheckpointError.about(self.name, f"wrote more than {_MOST_BYTES >> 20} MB of text", _BY_HAND)
        if finished.status:
            said = " ".join(finished.log.decode(errors="replace").split())[-_SHOWN:]
            ended = f"ended with status {finished.status}" if finished.status > 0 else "was ended by a signal"
            raise CheckpointError.about(self.name, f"{ended}{f': {said}' if said else ''}", _BY_HAND)
        text = " ".join(finished.output.decode(errors="replace").split())[:_MOST_CHARACTERS]
        seconds = len(wave) / SAMPLE_RATE
        return Transcript((Segment(text, 0.0, seconds),) if text else ())
