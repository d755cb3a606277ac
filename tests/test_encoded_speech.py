"""``EncodedSpeech``: ragged frames go into a padded batch and come back, and rows are chosen as of an array."""

import numpy as np
import torch

from speech2img.encoded_speech import EncodedSpeech
from speech2img.models.encoders.base import SpeechEncoding

RANDOM = np.random.default_rng(0)
SPEECH = EncodedSpeech(
    RANDOM.standard_normal((3, 4)).astype(np.float32),
    [RANDOM.standard_normal((steps, 4)).astype(np.float32) for steps in (5, 2, 7)],
)


def test_frames_are_padded_with_zeros_to_the_longest_of_the_batch() -> None:
    batch = SPEECH.batch([1, 0])
    assert isinstance(batch, SpeechEncoding)
    assert batch.words.shape == (2, 4, 5) and batch.word_lengths.tolist() == [2, 5]
    assert torch.equal(batch.words[0, :, 2:], torch.zeros(4, 3))
    np.testing.assert_array_equal(batch.words[1].T, SPEECH.frames[0])  # type: ignore[index]
    back = EncodedSpeech.of(batch, frames=True)
    np.testing.assert_array_equal(back.sentences, SPEECH.sentences[[1, 0]])
    assert [frames.shape for frames in back.frames or ()] == [(2, 4), (5, 4)]
    np.testing.assert_array_equal(back.frames[0], SPEECH.frames[1])  # type: ignore[index]
    assert EncodedSpeech.of(batch, frames=False).frames is None


def test_rows_are_chosen_and_joined_with_their_frames() -> None:
    some = SPEECH[1:]
    assert len(some) == 2 and [len(frames) for frames in some.frames or ()] == [2, 7]
    whole = EncodedSpeech.concatenate([SPEECH[[0]], some])
    np.testing.assert_array_equal(whole.sentences, SPEECH.sentences)
    assert [len(frames) for frames in whole.frames or ()] == [5, 2, 7]
    assert EncodedSpeech.concatenate([SPEECH, EncodedSpeech(SPEECH.sentences)]).frames is None


def test_sentences_alone_have_no_time_steps() -> None:
    batch = EncodedSpeech(SPEECH.sentences).batch([2])
    assert batch.words.shape == (1, 4, 0) and batch.word_lengths.tolist() == [0]
