"""Published text encoders: the publishers' own outputs, alone and in a batch, and strictness about names and shapes."""

from types import ModuleType

import pytest
import torch
from helpers.golden import TOLERANCE, difference, published_state, ready

from speech2img.models.published.text_image_encoders import (
    attngan_text_encoder_settings,
    char_cnn_rnn_settings,
    convert_attngan_text_encoder,
    convert_char_cnn_rnn,
)
from speech2img.models.text_encoders.registry import build_text_encoder

VOCABULARY = " ".join(["<end>", *(f"w{number}" for number in range(1, 5450))])


@pytest.mark.parametrize(("name", "recurrence"), [("birds", "gru"), ("flowers", "relu")])
@torch.inference_mode()
def test_char_cnn_rnn_gives_the_published_embeddings(recipe: ModuleType, name: str, recurrence: str) -> None:
    golden = recipe.values(f"char_cnn_rnn_{name}")
    state = convert_char_cnn_rnn(published_state(recipe, f"char_cnn_rnn_{name}"))
    settings = char_cnn_rnn_settings(state)
    assert settings == {"recurrence": recurrence, "width": 512, "embedding_dim": 1024}
    encoder = build_text_encoder(network="char-cnn-rnn", **settings)
    ready(encoder, state)
    texts = recipe.char_captions()
    for text, labels in zip(texts, golden["labels"], strict=True):
        assert encoder.tokens(text) == labels[: len(encoder.tokens(text))].tolist() and not labels[len(text) :].any()
    encoding = encoder.encode(texts)
    assert difference(encoding.sentence, golden["embedding"]) < TOLERANCE
    assert encoding.word_lengths.tolist() == [0, 0, 0]


@torch.inference_mode()
def test_the_word_lstm_gives_the_published_words_and_sentences(recipe: ModuleType) -> None:
    golden = recipe.values("attngan_rnn_encoder")
    state = convert_attngan_text_encoder(published_state(recipe, "attngan_rnn_encoder"))
    settings = attngan_text_encoder_settings(state, VOCABULARY)
    assert (settings["embedding_dim"], settings["word_dim"]) == (256, 300)
    encoder = build_text_encoder(network="word-lstm", **settings)
    ready(encoder, state)
    tokens, lengths = (torch.from_numpy(value) for value in recipe.attngan_captions())
    assert lengths.tolist() == golden["lengths"].tolist()
    encoding = encoder(tokens, lengths)
    assert difference(encoding.words, golden["words"]) < TOLERANCE
    assert difference(encoding.sentence, golden["sentence"]) < TOLERANCE
    # The numbers of the published batch are those of words, and the order of a batch does not matter.
    texts = [" ".join(f"w{number}" for number in row[:length]) for row, length in zip(tokens, lengths, strict=True)]
    assert [encoder.tokens(text) for text in texts] == [
        row[:n].tolist() for row, n in zip(tokens, lengths, strict=True)
    ]
    turned = encoder.encode(texts[::-1])
    torch.testing.assert_close(turned.sentence.flip(0), encoding.sentence, atol=1e-6, rtol=0)


@pytest.mark.parametrize("convert", [convert_char_cnn_rnn, convert_attngan_text_encoder])
@pytest.mark.parametrize(
    "key", ["surprise", "conv4.weight", "rnn.weight_ih_l1", "rnn.other.weight", "h_net1.fc.0.bias"]
)
def test_an_unknown_key_is_named(convert: object, key: str) -> None:
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        convert({key: torch.zeros(1)})  # type: ignore[operator]


def test_settings_of_a_maimed_state_are_refused() -> None:
    with pytest.raises(ValueError, match=r"project\.weight"):
        char_cnn_rnn_settings({})
    with pytest.raises(ValueError, match=r"lookup\.weight"):
        attngan_text_encoder_settings({}, VOCABULARY)
    gru = {"lookup.weight": torch.zeros(3, 4), "rnn.weight_hh_l0": torch.zeros(6, 2)}
    with pytest.raises(ValueError, match="no bidirectional LSTM"):
        attngan_text_encoder_settings(gru, VOCABULARY)


def test_a_vocabulary_of_another_size_is_refused() -> None:
    state = {
        "lookup.weight": torch.zeros(5598, 4),
        "rnn.weight_hh_l0": torch.zeros(8, 2),
        "rnn.weight_hh_l0_reverse": torch.zeros(8, 2),
    }
    with pytest.raises(ValueError, match=r"has 5,598 words, the vocabulary 5,450"):
        attngan_text_encoder_settings(state, VOCABULARY)
