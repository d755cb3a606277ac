"""Any program that recognises speech: it is given a wav file and writes the text."""

import shlex
import subprocess
from collections.abc import Sequence

import numpy as np

from speech2img.audio.wav import write_wav
from speech2img.errors import CheckpointError, ConfigError
from speech2img.recognition.base import Segment, Transcript
from speech2img.storage.scratch import scratch_folder

SAMPLE_RATE = 16_000
PLACEHOLDER = "{wav}"
TIME_LIMIT = 120.0
_MOST_CHARACTERS = 20_000
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
        If the command cannot be read, or has no ``{wav}``.
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
        self.name, self.sample_rate, self._seconds = self._words[0], SAMPLE_RATE, time_limit

    def transcribe(self, waves: Sequence[np.ndarray]) -> list[Transcript]:
        """Recognise recordings; see `speech2img.recognition.base.Recogniser.transcribe`."""
        return [self._one(wave) for wave in waves]

    def _one(self, wave: np.ndarray) -> Transcript:
        fix = "run it by hand to see"
        # The program, with a file of its own and no shell.
        with scratch_folder() as folder:
            wav = folder / "speech.wav"
            write_wav(wav, wave, sample_rate=SAMPLE_RATE)
            words = [word.replace(PLACEHOLDER, str(wav)) for word in self._words]
            try:
                done = subprocess.run(
                    words, stdin=subprocess.DEVNULL, capture_output=True, timeout=self._seconds, check=False
                )
            except subprocess.TimeoutExpired:
                raise CheckpointError.about(self.name, f"was not done after {self._seconds:g} s", fix) from None
            except OSError as error:
                raise ConfigError.about(self.name, f"cannot be started ({error.strerror})", fix) from error
        # What it says.
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[:_SHOWN]
            raise CheckpointError.about(self.name, f"ended with status {done.returncode}: {said}", fix)
        text = " ".join(done.stdout.decode(errors="replace").split())[:_MOST_CHARACTERS]
        seconds = len(wave) / SAMPLE_RATE
        return Transcript((Segment(text, 0.0, seconds),) if text else ())
