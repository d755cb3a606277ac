"""What is said about recordings that are heard but may be misheard, and about silence that was left out."""

import warnings

from speech2img.audio.inputs import Heard
from speech2img.audio.recording_checks import CHECKS

_MOST_NAMED = 3


class RecordingWarning(UserWarning):
    """A recording is heard, but may be misheard; the message names it and says why."""


class Remarks:
    """Collects what is to be said of many recordings; of a kind, three are named and the others counted.

    Parameters
    ----------
    sample_rate : int
        Of what was heard, in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._named: list[list[str]] = [[] for _ in range(1 + len(CHECKS))]
        self._more = [0] * len(self._named)

    def add(self, heard: Heard, *, before: float = 0.0, after: float = 0.0) -> None:
        """Look at one recording.

        Parameters
        ----------
        heard : Heard
            What the model hears of it.
        before, after : float
            Seconds of silence that were left out at its beginning and its end.
        """
        self._say(0, heard.name, _left_out(before, after))
        for kind, check in enumerate(CHECKS, start=1):
            self._say(kind, heard.name, check(heard, self._rate))

    def _say(self, kind: int, name: str, text: str | None) -> None:
        if text is not None and len(self._named[kind]) < _MOST_NAMED:
            self._named[kind].append(f"{name}: {text}")
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


def _left_out(before: float, after: float) -> str | None:
    """What is said of silence that is not heard."""
    parts = [f"{seconds:.1f} s {where}" for seconds, where in ((before, "before"), (after, "after")) if seconds > 0]
    return f"silence left out: {' and '.join(parts)} the speech" if parts else None
