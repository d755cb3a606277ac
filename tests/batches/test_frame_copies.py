"""Stored frames of utterances and their copies, in batches."""

import numpy as np
import pytest

from speech2img.batches.frame_copies import FrameCopies

WIDTH = 3


def _source(*, copies: int = 3) -> FrameCopies:
    """Utterances 1, 4 and 2 of six, with as many copies each; every frame holds its place in the store."""
    utterances = np.repeat(np.array([1, 4, 2]), copies)
    lengths = np.arange(5, 5 + len(utterances))
    frames = [np.full((length, WIDTH), place, dtype=np.float32) for place, length in enumerate(lengths)]
    return FrameCopies(frames, width=WIDTH, lengths=lengths, utterances=utterances, count=6)


def test_a_batch_holds_the_recordings_as_they_are() -> None:
    source = _source()
    frames, lengths = source.batch(np.array([2, 1]))
    assert lengths.tolist() == [11, 5]
    assert frames.shape == (2, WIDTH, 32)
    assert (frames[0, :, :11] == 6).all() and (frames[0, :, 11:] == 0).all()
    assert (frames[1, :, :5] == 0).all()


def test_training_draws_every_copy_of_an_utterance_and_no_other() -> None:
    source, generator = _source(), np.random.default_rng(0)
    drawn = {float(source.draw(np.array([4]), generator=generator)[0][0, 0, 0]) for _ in range(60)}
    assert drawn == {3.0, 4.0, 5.0}


def test_the_same_generator_draws_the_same_copies() -> None:
    rows = np.array([1, 2, 4, 4, 2])
    first, second = (_source().draw(rows, generator=np.random.default_rng(7))[0] for _ in range(2))
    assert np.array_equal(first, second)


def test_lengths_are_those_of_the_recordings() -> None:
    assert _source().lengths.tolist() == [0, 5, 11, 0, 8, 0]


def test_an_utterance_without_frames_is_refused() -> None:
    with pytest.raises(IndexError, match="no frames were stored"):
        _source().batch(np.array([1, 3]))


def test_copies_that_do_not_lie_together_are_refused() -> None:
    frames = [np.zeros((2, WIDTH), dtype=np.float32)] * 3
    with pytest.raises(ValueError, match="follow each other"):
        FrameCopies(frames, width=WIDTH, lengths=np.array([2, 2, 2]), utterances=np.array([0, 1, 0]), count=2)
