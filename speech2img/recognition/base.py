"""What every recogniser of speech does: recordings in, texts with their times and how sure they are out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording and what was recognised in it."""

    text: str
    """What is said."""
    start: float
    """Seconds from the beginning of the recording."""
    end: float
    """The same."""
    confidence: float | None = None
    """Geometric mean of the probabilities of what was written, 0..1; None where the recogniser does not tell."""


@dataclass(frozen=True)
class Transcript:
    """What was recognised in a recording."""

    segments: tuple[Segment, ...] = ()
    """In the order of time."""
    parts: int = 1
    """Into how many parts the recording was divided, because it is longer than is heard at once."""

    @property
    def text(self) -> str:
        """All of it; empty where nothing was recognised."""
        return " ".join(segment.text for segment in self.segments if segment.text)

    @property
    def confidence(self) -> float | None:
        """Geometric mean of the segments' by their length; None where one does not tell, or there is none."""
        known = [(segment.confidence, segment.end - segment.start) for segment in self.segments if segment.text]
        seconds = sum(length for _, length in known)
        if not known or any(sure is None for sure, _ in known) or not seconds:
            return None
        return math.exp(sum(length * math.log(max(sure or 0.0, 1e-9)) for sure, length in known) / seconds)


class Recogniser(Protocol):
    """Writes down what is said."""

    name: str
    """What messages call it."""
    sample_rate: int
    """Samples per second that it takes."""

    def transcribe(self, waves: Sequence[np.ndarray]) -> list[Transcript]:
        """Recognise recordings.

        Parameters
        ----------
        waves : sequence of np.ndarray [shape=(n,), float32, range -1..1]
            Mono, at ``sample_rate``; longer than is heard at once is divided at pauses, never cut.

        Returns
        -------
        list of Transcript
            One a recording; of silence an empty one.

        Raises
        ------
        Speech2ImgError
            If the recogniser fails.
        """
