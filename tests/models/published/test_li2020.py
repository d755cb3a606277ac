"""Li et al.'s published speech encoder: the publishers' own outputs, and strictness about names and shapes."""

from types import ModuleType

import pytest
import torch
from helpers.golden import TOLERANCE, difference, published_state, ready

from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.models.published.li2020 import convert_li2020_encoder, li2020_encoder_settings


@pytest.mark.parametrize("name", ["li2020_encoder_bi", "li2020_encoder_uni"])
def test_li2020_encoder_gives_the_published_embeddings(recipe: ModuleType, name: str) -> None:
    golden = recipe.values(name)
    state = convert_li2020_encoder(published_state(recipe, name))
    settings = li2020_encoder_settings(state)
    assert settings["embedding_dim"] == 1024 and settings["bidirectional"] is name.endswith("bi")
    encoder = ready(Li2020Encoder(**settings), state)
    mel = torch.from_numpy(recipe.li2020_mel(name, golden["lengths"]))
    with torch.no_grad():
        encoding = encoder(mel, torch.from_numpy(golden["lengths"]))
        longest = int(golden["lengths"][1:].max())
        cut = encoder(mel[1:, :, :longest], torch.from_numpy(golden["lengths"][1:]))
    assert difference(encoding.sentence, golden["sentence"]) < TOLERANCE
    assert difference(encoding.words.mean(2), golden["words_mean"]) < TOLERANCE
    assert difference(cut.sentence, golden["sentence"][1:]) < TOLERANCE, "the module pads to 2048 frames by itself"


@pytest.mark.parametrize("key", ["surprise", "Conv.3.0.weight", "h_net9.fc.0.weight", "inception9z/1x1/weight"])
def test_an_unknown_key_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        convert_li2020_encoder({key: torch.zeros(1)})


def test_settings_of_a_maimed_state_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rnn\.weight_hh_l0"):
        li2020_encoder_settings({})
    with pytest.raises(ValueError, match="no LSTM"):
        li2020_encoder_settings({"rnn.weight_hh_l0": torch.zeros(12, 4)})
    with pytest.raises(ValueError, match="one-dimensional"):
        convert_li2020_encoder({"Conv.2.0.weight": torch.zeros(4, 4, 3, 3)})


def test_a_small_state_survives_the_round_trip_of_settings() -> None:
    encoder = Li2020Encoder(n_mels=8, channels=(4,) * 8, embedding_dim=6, rnn_layers=2)
    settings = li2020_encoder_settings(encoder.state_dict())
    assert (settings["n_mels"], settings["channels"], settings["rnn_layers"]) == (8, (4,) * 8, 2)
