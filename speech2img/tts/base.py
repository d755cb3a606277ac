"""What a text-to-speech engine is to this library: a protocol that speaks a text, and one that speaks many at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from speech2img.errors import SynthesisError

_PHONEMIC = re.compile(r"\[\[[^\[\]]+\]\](, \[\[[^\[\]]+\]\])*\.?")


def is_phonemic(text: str) -> bool:
    """Whether a text is nothing but blocks of phonemes as espeak-ng names them: ``[[t'aka mil'una]], [[s'o]].``"""
    return _PHONEMIC.fullmatch(text) is not None


class SpeechUnfinishedError(SynthesisError):
    """The engine reached its longest sound (the maximum of decoder steps) before the text was at its end."""


class TryLaterError(SynthesisError):
    """The engine could not speak this text now, but may later: the driver comes back to it after the others."""


class EngineStoppedError(SynthesisError):
    """No further text can be spoken (no permission, nothing left to spend, the service is gone): the job ends."""


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """One text to be spoken, and how."""

    text: str
    """Plain text; markup is spoken as it stands. Where nobody writes the language, `is_phonemic` holds."""
    voice: str
    """One of the engine's :meth:`Synthesizer.voices`."""
    rate: int = 175
    """Words per minute."""
    pitch: int = 50
    """Base pitch of the voice, 0 to 99."""
    pitch_range: int = 50
    """Liveliness of the pitch, 0 (monotone) to 99."""
    seed: int = 0
    """Chooses among the engine's ways to speak the same text; 0 at the first attempt, 1 at the second."""


@runtime_checkable
class Synthesizer(Protocol):
    """A text-to-speech engine.

    An engine may be called from several threads at once, and gives the same samples for the same arguments, in
    whatever order and however often they are asked for.

    Attributes
    ----------
    name : str
        What decides the samples besides the request: the engine's name in one word, its version, its settings or
        weights (``"espeak-ng 1.52.0"``). The journals record it; a recording of another name is out of date.
    sample_rate : int
        Samples per second of what :meth:`synthesize` returns.
    languages : tuple of str
        Codes of the languages whose captions it reads (``("en",)``); empty: every one, by its voices.
    """

    name: str
    sample_rate: int
    languages: tuple[str, ...]

    def voices(self) -> list[str]:
        """Return the names that ``voice`` may have, sorted."""
        ...

    def voice_for(self, voice: str) -> str:
        """Return the voice of this engine that stands for a voice of a manifest.

        Parameters
        ----------
        voice : str
            A voice of this engine, which is returned as it is, or of another one (``"en-us+f3"``).

        Raises
        ------
        speech2img.errors.SynthesisError
            If no voice of this engine stands for it.
        """
        ...

    def synthesize(
        self, text: str, *, voice: str, rate: int = 175, pitch: int = 50, pitch_range: int = 50
    ) -> np.ndarray:
        """Speak one text.

        Parameters
        ----------
        text, voice, rate, pitch, pitch_range
            As in :class:`SpeechRequest`.

        Returns
        -------
        np.ndarray [shape=(n,), float32, range -1..1]
            Mono sound at ``sample_rate`` Hz.

        Raises
        ------
        speech2img.errors.SynthesisError
            If an argument is out of range or the engine fails on this text.
        SpeechUnfinishedError
            If the engine reached the maximum of its decoder steps.
        TryLaterError
            If a later call with the same text may succeed.
        EngineStoppedError
            If it cannot speak any text any more.
        """
        ...

    def close(self) -> None:
        """Give back processes, connections and memory, and end the calls under way; a later call may take them again.

        May be called from another thread than those that speak.
        """
        ...


@runtime_checkable
class BatchSynthesizer(Synthesizer, Protocol):
    """An engine that is faster on many texts at once; the corpus driver then calls nothing but `synthesize_batch`.

    Attributes
    ----------
    batch_size : int
        Most requests of one call.
    attempts : int
        How often a text is tried, each time with the next ``seed``, while the engine or the quality gates find fault
        with its speech; 1 where the seed changes nothing.
    """

    batch_size: int
    attempts: int

    def synthesize_batch(self, requests: Sequence[SpeechRequest]) -> list[np.ndarray | SynthesisError]:
        """Speak several texts; called from one thread at a time.

        Parameters
        ----------
        requests : sequence of SpeechRequest
            1 to ``batch_size`` of them, of similar length.

        Returns
        -------
        list of (np.ndarray [shape=(n,), float32, range -1..1] or SynthesisError)
            For each request its sound, independent of the other requests, or what is wrong with it
            (`SpeechUnfinishedError` where the decoder did not stop): one bad text costs no other one its sound.

        Raises
        ------
        EngineStoppedError
            If it cannot speak any text any more.
        """
        ...
