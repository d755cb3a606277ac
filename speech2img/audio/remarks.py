"""What is said about a recording that is heard but may be misheard: narrow band, long silence."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np

from speech2img.audio.inputs import Heard

FULL_BAND = 16_000
"""Sample rate in Hz from which on all of speech is heard; every front-end listens up to 8,000 Hz or more."""
LONG_SILENCE = 3.0
"""Seconds of silence in one piece from which on it is said."""

_FRAME_SECONDS = 0.02
_QUIET = 10 ** (-40 / 20)
_LOUD_SHARE = 0.95
_MOST_NAMED = 3


class RecordingWarning(UserWarning):
    """A recording is heard, but may be misheard; the message names it and says why."""


def narrow_band(heard: Heard) -> str | None:
    """What is said of a recording at a low sample rate."""
    if heard.recorded_rate >= FULL_BAND:
        return None
    rate = heard.recorded_rate
    reason = f"recorded at {rate:,} Hz, so nothing above {rate // 2:,} Hz is in it and words may be misheard"
    return f"{reason}; record at {FULL_BAND:,} Hz or more"


def long_silence(heard: Heard, *, sample_rate: int) -> str | None:
    """What is said of a recording with a long silence: no frame of 20 ms comes within 40 dB of its loud ones."""
    size = int(_FRAME_SECONDS * sample_rate)
    frames = heard.y[: len(heard.y) // size * size].reshape(-1, size)
    if len(frames) * _FRAME_SECONDS < LONG_SILENCE:
        return None
    level = np.sqrt(np.mean(frames * frames, axis=1))
    loud = np.flatnonzero(level > _QUIET * np.quantile(level[level > 0], _LOUD_SHARE))
    edges = np.concatenate(([-1], loud, [len(level)]))
    seconds = float(np.diff(edges).max() - 1) * _FRAME_SECONDS
    if seconds < LONG_SILENCE:
        return None
    whole = len(heard.y) / sample_rate
    return f"{seconds:.0f} s of its {whole:.0f} s are silence in one piece, which is heard too; cut it out"


class Remarks:
    """Collects what is to be said of many recordings; of a kind, three are named and the others counted.

    Parameters
    ----------
    sample_rate : int
        Of what was heard, in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._kinds: tuple[Callable[[Heard], str | None], ...] = (
            narrow_band,
            partial(long_silence, sample_rate=sample_rate),
        )
        self._named: list[list[str]] = [[], []]
        self._more = [0, 0]

    def add(self, heard: Heard) -> None:
        """Look at one recording."""
        for kind, (of, named) in enumerate(zip(self._kinds, self._named, strict=True)):
            text = of(heard)
            if text is not None and len(named) < _MOST_NAMED:
                named.append(f"{heard.name}: {text}")
            elif text is not None:
                self._more[kind] += 1

    def lines(self) -> list[str]:
        """What there is to say, a line each."""
        said = []
        for named, more in zip(self._named, self._more, strict=True):
            said += [*named[:-1], f"{named[-1]} ({more:,} more recordings are like it)"] if more else named
        return said

    def warn(self) -> None:
        """Say it as warnings."""
        for line in self.lines():
            warnings.warn(line, RecordingWarning, stacklevel=3)
