"""Keras's speech Transformer, on weights made by a rule: what Keras gives, and what is refused."""

from types import ModuleType

import numpy as np
import pytest
import torch
from helpers.asr_states import keras_name, keras_state
from helpers.golden import TOLERANCE, difference, published_state
from torch import Tensor
from torch.nn import functional as F

from speech2img.models.published.asr_transformer import asr_transformer_settings, convert_asr_transformer
from speech2img.models.recognisers.base import EncodedUtterances
from speech2img.models.recognisers.decoding import published_greedy
from speech2img.models.recognisers.speech_transformer import SpeechTransformer


def network_of(state: dict[str, Tensor]) -> SpeechTransformer:
    """The recogniser with a published state."""
    converted = convert_asr_transformer(state)
    network = SpeechTransformer(**asr_transformer_settings(converted))
    network.load_state_dict(converted)
    return network.eval()


@pytest.fixture(scope="module")
def published(recipe: ModuleType) -> SpeechTransformer:
    state = published_state(recipe, "asr_transformer")
    return network_of({keras_name(name): value for name, value in state.items()})


@pytest.fixture(scope="module")
def encoded(recipe: ModuleType, published: SpeechTransformer) -> EncodedUtterances:
    with torch.inference_mode():
        return published.encode_spectrogram(torch.from_numpy(recipe.asr_inputs()[0]))


def test_encoder_and_logits_are_keras(
    recipe: ModuleType, published: SpeechTransformer, encoded: EncodedUtterances
) -> None:
    golden = recipe.values("asr_transformer")
    assert sum(parameter.numel() for parameter in published.parameters()) == 3_953_834
    assert difference(encoded.steps_BSD[:, :, ::2], golden["encoder_every2"]) < TOLERANCE
    target = torch.from_numpy(golden["target"])
    with torch.inference_mode():
        logits = published.read(target[:, :-1], published.begin(encoded))
    assert difference(logits, golden["logits"]) < TOLERANCE

    # Keras's loss over all places, and over those that are kept.
    wanted = target[:, 1:]
    places = F.cross_entropy(logits.transpose(1, 2), wanted, label_smoothing=0.1, reduction="none") * (wanted != 0)
    assert abs(float(places.sum() / wanted.numel()) - float(golden["loss"])) < TOLERANCE
    assert abs(float(places.sum() / (wanted != 0).sum()) - float(golden["loss_mean_over_kept"])) < TOLERANCE


def test_greedy_steps_are_keras(recipe: ModuleType, published: SpeechTransformer, encoded: EncodedUtterances) -> None:
    golden = recipe.values("asr_transformer")["greedy"]
    assert len(np.unique(golden)) > 2
    assert published_greedy(published, encoded, steps=24).tolist() == golden.tolist()


def test_settings_are_read_off_the_weights() -> None:
    network = network_of(keras_state(width=8, head=6, inner=12, encoders=2, positions=30))
    assert (len(network.encoder), len(network.decoder), network.max_characters) == (2, 1, 30)
    assert network.encoder[0].attention.head_width == 6


def test_optimizer_and_random_states_are_passed_over() -> None:
    state = keras_state()
    more = {"optimizer/vars/3": torch.ones(2), "dec_layer_0/dropout/seed_generator/vars/0": torch.ones(2)}
    assert convert_asr_transformer(state | more).keys() == convert_asr_transformer(state).keys()


@pytest.mark.parametrize(
    "name",
    [
        "classifier/vars/2",
        "encoder/layers/transformer_encoder/att/query/vars/0",
        "encoder/layers/transformer_encoder_0/layernorm1/vars/0",
        "dec_layer_0/ffn/layers/dense_2/vars/0",
        "dec_layer_0/layernorm4/vars/0",
        "surprise",
    ],
)
def test_what_is_not_of_it_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is no array"):
        convert_asr_transformer(keras_state() | {name: torch.ones(2)})


def test_missing_layers_and_odd_shapes_are_named() -> None:
    state = keras_state(encoders=3)
    gap = {name: value for name, value in state.items() if "transformer_encoder_1/" not in name}
    with pytest.raises(ValueError, match=r"numbered \[0, 2\]"):
        asr_transformer_settings(convert_asr_transformer(gap))
    with pytest.raises(ValueError, match="has the shape"):
        convert_asr_transformer(state | {"enc_input/conv1/vars/0": torch.ones(3)})
    with pytest.raises(ValueError, match="two heads"):
        asr_transformer_settings(
            convert_asr_transformer(
                state | {"encoder/layers/transformer_encoder/att/query_dense/vars/0": torch.ones(8, 1, 5)}
            )
        )
