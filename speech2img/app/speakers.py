"""``Speakers``: typed words become a recording first, so that they go the way of speech."""

import importlib.util
import threading
from collections.abc import Sequence

from speech2img.app.settings import MOST_LETTERS
from speech2img.audio.limits import AudioLimits
from speech2img.audio.wav import encode_wav
from speech2img.errors import ConfigError, SynthesisError
from speech2img.storage.rank import SINGLE
from speech2img.tts.base import Synthesizer
from speech2img.tts.registry import ENGINES

ADD_ENGINE = 'pip install "espeakng-loader>=0.2", then start it again'
"""What brings a first engine."""
SPEEDS = (80, 450)
"""Words a minute."""
PITCHES = (0, 99)
_NEEDED = ("command", "model")
"""Options without one of which an engine does not open."""
_ESPEAK_VOICES = ("en-us", "en-us+f3", "en-us+m3", "en-gb", "en-gb+f2", "en-gb-scotland", "en-029", "en-us+whisper")
"""Of hundreds those that the page shows; the interface for programs takes any."""


class Speakers:
    """Speech engines that are ready here.

    Parameters
    ----------
    voice_models : sequence of str
        ``ENGINE=FOLDER`` of engines that need a model, ``command=LINE`` of a program that speaks.

    Raises
    ------
    ConfigError
        If there is no such engine, or it needs nothing.
    """

    def __init__(self, voice_models: Sequence[str] = ()) -> None:
        self._with: dict[str, dict[str, str]] = {}
        for given in voice_models:
            name, equals, value = given.partition("=")
            engine = ENGINES.get(name)
            option = next((option for option in _NEEDED if engine is not None and engine.takes(option)), None)
            if not equals or not value or option is None:
                known = ", ".join(name for name, engine in ENGINES.items() if any(map(engine.takes, _NEEDED)))
                fix = f"give ENGINE=FOLDER or command=LINE, ENGINE being one of {known}"
                raise ConfigError.about("--voice-model", f"{given!r:.80}", fix)
            self._with[name] = {option: value}
        self._opened: dict[str, Synthesizer] = {}
        self._lock = threading.Lock()

    def engines(self) -> list[str]:
        """Names of the engines, the plainest first."""
        espeak = ["espeak"] if importlib.util.find_spec("espeakng_loader") is not None else []
        return [*espeak, *self._with]

    def voices(self, engine: str) -> list[str]:
        """Voices of an engine that the page shows; the first is its usual one."""
        if engine == "espeak":
            return list(_ESPEAK_VOICES)
        return self._open(engine).voices()

    def offered(self, engine: str) -> tuple[str, list[str]]:
        """The usual voice of an engine, empty where its program alone knows them, and its `voices`."""
        voices = self.voices(engine)
        return voices[0] if voices else "", voices

    def speak(self, text: str, *, engine: str, voice: str, rate: int = 175, pitch: int = 50) -> bytes:
        """Speak a description.

        Parameters
        ----------
        text : str
            1 to `MOST_LETTERS` letters.
        engine, voice : str
            One of `engines`, and one of its voices.
        rate, pitch : int
            Within `SPEEDS` and `PITCHES`.

        Returns
        -------
        bytes
            A wav file of 16-bit mono.

        Raises
        ------
        SynthesisError
            If the engine cannot speak it, or it takes too long to say.
        ConfigError
            If the text is empty or too long, or the engine is not there.
        """
        text = " ".join(text.split())
        if not text:
            raise ConfigError.about("text", "is empty", "type what you see, for example: a small red bird in the snow")
        if len(text) > MOST_LETTERS:
            raise ConfigError.about("text", f"{len(text):,} letters", f"use at most {MOST_LETTERS}")
        speaker = self._open(engine)
        y = speaker.synthesize(text, voice=speaker.voice_for(voice), rate=rate, pitch=pitch)

        # What nobody would hear, and what nobody waits for.
        limits, shown = AudioLimits(), f'"{text[:40]}"'
        seconds = len(y) / speaker.sample_rate
        if seconds > limits.max_seconds:
            reason = f"takes {seconds:.0f} s to say, {limits.max_seconds:g} s at most are heard"
            raise SynthesisError.about(shown, reason, "shorten it, or speak faster")
        if not len(y) or y.max() - y.min() < limits.min_swing:
            raise SynthesisError.about(shown, f"voice {voice} made no sound of it", "use words to be spoken")
        return encode_wav(y, sample_rate=speaker.sample_rate)

    def close(self) -> None:
        """End the processes of the engines."""
        with self._lock:
            for speaker in self._opened.values():
                speaker.close()
            self._opened.clear()

    def _open(self, name: str) -> Synthesizer:
        if name not in self.engines():
            fix = f"choose {' or '.join(self.engines())}" if self.engines() else ADD_ENGINE
            raise ConfigError.about("voice", f"the engine {str(name)!r:.40} is not ready here", fix)
        with self._lock:
            if name not in self._opened:
                self._opened[name] = ENGINES[name].open(SINGLE, **self._with.get(name, {}))
            return self._opened[name]
