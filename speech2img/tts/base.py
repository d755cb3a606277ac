"""What a text-to-speech engine is to this library: a protocol with three members and one method."""

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Synthesizer(Protocol):
    """A text-to-speech engine.

    An engine may be called from several threads at once, and gives the same samples for the same arguments, in
    whatever order and however often they are asked for.

    Attributes
    ----------
    name : str
        Name and version of the engine, as the journals record it.
    sample_rate : int
        Samples per second of what :meth:`synthesize` returns.
    """

    name: str
    sample_rate: int

    def voices(self) -> list[str]:
        """Return the names that ``voice`` may have, sorted."""
        ...

    def synthesize(
        self, text: str, *, voice: str, rate: int = 175, pitch: int = 50, pitch_range: int = 50
    ) -> np.ndarray:
        """Speak one text.

        Parameters
        ----------
        text : str
            Plain text; markup is spoken as it stands.
        voice : str
            One of :meth:`voices`.
        rate : int
            Words per minute.
        pitch : int
            Base pitch of the voice, 0 to 99.
        pitch_range : int
            Liveliness of the pitch, 0 (monotone) to 99.

        Returns
        -------
        np.ndarray [shape=(n,), float32, range -1..1]
            Mono sound at ``sample_rate`` Hz.

        Raises
        ------
        speech2img.errors.SynthesisError
            If an argument is out of range or the engine fails on this text.
        """
        ...
