"""Stored frames of a frozen front-end in padded batches: of each utterance the recording and its augmented copies."""

from collections.abc import Sequence

import numpy as np

from speech2img.batches.speech import pad_batch


class FrameCopies:
    """Frames of utterances as an adapter takes them.

    Parameters
    ----------
    frames : sequence of ndarray of float32, shape (S, D)
        Stored frames, read when they are asked for.
    width : int
        D.
    lengths : ndarray of int64
        S of each of them.
    utterances : ndarray of int64
        Utterance of each of them, from 0. The first of an utterance is the recording as it is, the others are copies.
    count : int
        Utterances of the corpus; those without frames have length 0 and cannot be asked for.

    Attributes
    ----------
    lengths : ndarray of int64, shape (count,)
        Frames of each recording as it is.
    n_mels : int
        D, under the name that log-mels have for it.

    Raises
    ------
    ValueError
        If the frames of an utterance do not lie together.
    """

    def __init__(
        self, frames: Sequence[np.ndarray], *, width: int, lengths: np.ndarray, utterances: np.ndarray, count: int
    ) -> None:
        known, first, copies = np.unique(utterances, return_index=True, return_counts=True)
        if not np.array_equal(np.repeat(known[np.argsort(first)], copies[np.argsort(first)]), utterances):
            raise ValueError("the copies of an utterance must follow each other")
        self._frames, self.n_mels = frames, width
        self._first, self._copies = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self._first[known], self._copies[known] = first, copies
        self.lengths = np.zeros(count, dtype=np.int64)
        self.lengths[known] = lengths[first]

    def batch(self, rows: np.ndarray, *, frames: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Pad a batch of recordings as they are; (B, D, S) and lengths, as `Mels.batch`."""
        return self._padded(self._first[rows], frames)

    def draw(
        self, rows: np.ndarray, *, generator: np.random.Generator, frames: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pad a batch with a copy of each utterance that is drawn, the recording itself among them."""
        copies = (generator.random(len(rows)) * self._copies[rows]).astype(np.int64)
        return self._padded(self._first[rows] + copies, frames)

    def _padded(self, places: np.ndarray, frames: int | None) -> tuple[np.ndarray, np.ndarray]:
        if places.min(initial=0) < 0:
            raise IndexError("no frames were stored of one of these utterances")
        return pad_batch([self._frames[int(place)] for place in places], pad_value=0.0, frames=frames)
