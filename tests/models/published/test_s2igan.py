"""S2IGAN's published speech encoder: our module gives what its own code gave."""

from types import ModuleType

import numpy as np
import pytest
import torch
from helpers.networks import NETWORKS
from torch import Tensor

from speech2img.models.encoders.s2igan import S2IGANEncoder
from speech2img.models.published.s2igan import convert_s2igan_sen, s2igan_sen_settings


@pytest.fixture(scope="module")
def state(recipe: ModuleType) -> dict[str, Tensor]:
    weights = recipe.weights("s2igan_sen_speech")
    return convert_s2igan_sen({key: torch.from_numpy(np.asarray(value)) for key, value in weights.items()})


@pytest.mark.parametrize("name", ["s2igan-encoder", "s2igan-encoder-published"])
def test_embeddings_are_the_published_ones_in_any_batch(
    recipe: ModuleType, state: dict[str, Tensor], name: str
) -> None:
    golden = recipe.values("s2igan_sen_speech")
    lengths = torch.from_numpy(golden["lengths"])
    settings = {key: value for key, value in s2igan_sen_settings(state).items() if key != "masked"}
    encoder = NETWORKS[name](**settings)
    encoder.load_state_dict(state)
    encoder.eval()
    mels = [torch.from_numpy(mel[0].T.copy()) for mel in recipe.sen_mels(golden["lengths"])]
    batch = torch.full((len(mels), 40, int(lengths.max()) + 13), 7.0)
    for row, mel in zip(batch, mels, strict=True):
        row[:, : mel.shape[1]] = mel
    with torch.no_grad():
        alone = torch.cat([encoder(mel[None], torch.tensor([mel.shape[1]])).sentence for mel in mels])
        together = encoder(batch, lengths).sentence
    for found in (alone, together):
        assert np.abs(found.numpy() - golden["embedding"].reshape(found.shape)).max() < 1e-4


def test_settings_are_read_off_the_state() -> None:
    encoder = S2IGANEncoder(n_mels=8, channels=(6, 10), rnn_layers=3, embedding_dim=14, attention_dim=5)
    assert s2igan_sen_settings(encoder.state_dict()) == {
        "n_mels": 8,
        "channels": [6, 10],
        "rnn_layers": 3,
        "embedding_dim": 14,
        "attention_dim": 5,
        "masked": True,
    }


@pytest.mark.parametrize("key", ["surprise", "Conv3.weight", "att.att_heads.1.out.bias", "bnorm1.x.weight"])
def test_an_unknown_key_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        convert_s2igan_sen({key: torch.zeros(1)})


def test_settings_of_a_maimed_state_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rnn\.weight_hh_l0"):
        s2igan_sen_settings({})
    lstm = {"rnn.weight_hh_l0": torch.zeros(16, 4), "rnn.weight_hh_l0_reverse": torch.zeros(16, 4)}
    with pytest.raises(ValueError, match="no bidirectional GRU"):
        s2igan_sen_settings(lstm)
