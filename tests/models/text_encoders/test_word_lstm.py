"""The LSTM over words: how captions become words, and what comes out for rows of different lengths."""

import pytest
import torch

from speech2img.models.text_encoders.registry import build_text_encoder
from speech2img.models.text_encoders.word_lstm import WordLSTM, build_vocabulary, split_words

VOCABULARY = "<end> this bird has a red crown"


def small() -> WordLSTM:
    torch.manual_seed(0)
    return WordLSTM(vocabulary=VOCABULARY, embedding_dim=8, word_dim=5).eval()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("This bird's crown, RED!", ["this", "bird", "s", "crown", "red"]),
        ("long-tailed\ufffd\ufffdbird", ["long", "tailed", "bird"]),
        ("caf\u00e9 \u00e9", ["caf"]),
        ("", []),
    ],
)
def test_captions_are_split_as_published(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_unknown_words_are_passed_over_and_a_caption_of_none_is_refused() -> None:
    encoder = small()
    assert encoder.tokens("This azure bird has a crown") == [1, 2, 3, 4, 6]
    for text in ("", "azure", "<end>"):
        with pytest.raises(ValueError, match="no word of the text encoder's vocabulary of 7"):
            encoder.batch(["this bird", text])


@torch.inference_mode()
def test_rows_of_a_batch_are_what_they_are_alone() -> None:
    encoder = small()
    texts = ["red", "this bird has a red crown", "a red bird"]
    together = encoder.encode(texts)
    assert together.word_lengths.tolist() == [1, 6, 3] and together.words.shape == (3, 8, 6)
    for row, text in enumerate(texts):
        alone = encoder.encode([text])
        count = int(alone.word_lengths[0])
        torch.testing.assert_close(together.words[row, :, :count], alone.words[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(together.sentence[row], alone.sentence[0], atol=1e-6, rtol=0)
        assert not together.words[row, :, count:].any()
        # Both directions' last states, as torch itself gives them.
        tokens, _ = encoder.batch([text])
        _, (last, _) = encoder.rnn(encoder.lookup(tokens))
        torch.testing.assert_close(alone.sentence[0], last[:, 0].flatten(), atol=1e-6, rtol=0)


def test_a_vocabulary_is_sorted_behind_the_end() -> None:
    assert build_vocabulary(["a red bird", "A bird sings!"]) == "<end> a bird red sings"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"vocabulary": "a bird"}, "must begin with <end>"),
        ({"vocabulary": "<end> bird bird"}, "no word twice"),
        ({"vocabulary": VOCABULARY, "embedding_dim": 7}, "must be even"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build_text_encoder(network="word-lstm", **settings)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ValueError, match="one of char-cnn-rnn, word-lstm, clip, got 'bert'"):
        build_text_encoder(network="bert")
