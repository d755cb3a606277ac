"""The published token transformers: their own numbers, their quirks under their names, and what they refuse."""

from types import ModuleType

import numpy as np
import pytest
import torch
from helpers.golden import TOLERANCE, difference, published_state, ready

from speech2img.losses.vq_diffusion import vq_diffusion_loss
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.vq_diffusion.layers import TokenEmbedding
from speech2img.models.generators.vq_diffusion.published_transformers import (
    PublishedSpeechTransformer,
    TextTokenTransformer,
)
from speech2img.models.generators.vq_diffusion.reverse import drawn
from speech2img.models.generators.vq_diffusion.schedule import linear_schedule
from speech2img.models.generators.vq_diffusion.transitions import (
    log_one_hot,
    log_posterior,
    log_predicted,
    log_transition,
)
from speech2img.models.published.vq_diffusion import (
    convert_speech_transformer,
    convert_text_transformer,
    transformer_settings,
)

TEXT, SPEECH = "vqdiffusion_transformer_text", "sta_transformer"
SMALL = {"num_codes": 6, "side": 3, "num_steps": 5, "width": 8, "depth": 2, "num_heads": 2}


def text_transformer(recipe: ModuleType) -> TextTokenTransformer:
    state = convert_text_transformer(published_state(recipe, TEXT))
    network = TextTokenTransformer(**transformer_settings(state), side=8, num_heads=4)
    return ready(network, state)  # type: ignore[return-value]


def said(recipe: ModuleType, name: str, rows: int) -> SpeechEncoding:
    text = torch.from_numpy(recipe.unit_rows(recipe.normal(f"{name}_condition", (rows, 7, 32))))
    return SpeechEncoding(text[:, 0], text.transpose(1, 2), torch.full((rows,), 7))


@torch.inference_mode()
def test_the_text_form_is_the_published_one(recipe: ModuleType) -> None:
    golden, network = recipe.values(TEXT), text_transformer(recipe)
    _, xt = recipe.diffusion_states(TEXT, 3, 64, 20)
    assert np.array_equal(xt, golden["xt"])
    logits = network(
        torch.from_numpy(xt), torch.from_numpy(golden["t"]), network.condition(said(recipe, TEXT, 3))
    ).transpose(1, 2)
    assert difference(logits, golden["logits"]) < TOLERANCE * max(1, golden["logits"].std())
    log_x0 = log_predicted(logits.transpose(1, 2))[:, ::4].transpose(1, 2)
    assert difference(log_x0, golden["log_x0_every4"][:, :20]) < TOLERANCE


@torch.inference_mode()
def test_the_speech_form_is_the_published_one(recipe: ModuleType) -> None:
    golden = recipe.values(SPEECH)
    state = convert_speech_transformer(published_state(recipe, SPEECH))
    settings = transformer_settings(state)
    assert settings["table_side"] == 16 and settings["embedding_dim"] == 64
    network = ready(PublishedSpeechTransformer(**settings, side=8, num_heads=4), state)
    speech = SpeechEncoding.of_sentences(torch.from_numpy(golden["speech"][:, 0]))
    logits = network(torch.from_numpy(golden["xt"]), torch.from_numpy(golden["t"]), network.condition(speech))
    assert difference(logits.transpose(1, 2), golden["logits"]) < TOLERANCE * max(1, golden["logits"].std())


@torch.inference_mode()
def test_the_whole_loss_is_the_published_one(recipe: ModuleType) -> None:
    name = "vqdiffusion_loss"
    golden, network, schedule = recipe.values(name), text_transformer(recipe), linear_schedule(20)
    x0, times = torch.from_numpy(golden["x0"]), torch.from_numpy(golden["t"])
    uniform = torch.from_numpy(recipe.uniform_noise(name, (4, 21, 64))).transpose(1, 2)
    xt = drawn(log_transition(schedule, x0, times), uniform)
    assert np.array_equal(xt, golden["xt"])
    log_x0 = log_predicted(network(xt, times, network.condition(said(recipe, name, 4))))
    true, model = (log_posterior(schedule, logs, xt, times) for logs in (log_one_hot(x0, 20), log_x0))
    terms = vq_diffusion_loss(
        true,
        model,
        log_x0,
        x0,
        xt == 20,
        time_B=times,
        probability_B=torch.full((4,), 0.01, dtype=torch.float64),
        num_steps=100,
        weight=5e-4,
    )
    # The published divergence at step 0 is its decoder's term, too.
    np.testing.assert_allclose(terms.variational_B, golden["kl"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(terms.auxiliary_B, golden["auxiliary"], rtol=1e-4)
    assert float(terms.total) == pytest.approx(float(golden["loss"]), rel=1e-4)


def test_published_tables_are_read_as_if_the_grid_were_as_wide() -> None:
    torch.manual_seed(0)
    right, published = TokenEmbedding(4, 3, 8), TokenEmbedding(4, 3, 8, table_side=5)
    tokens = torch.full((1, 9), 4)
    for embedding, place, row, column in ((right, 7, 2, 1), (published, 7, 1, 2), (published, 2, 0, 2)):
        expected = embedding.tokens.weight[4] + embedding.rows.weight[row] + embedding.columns.weight[column]
        torch.testing.assert_close(embedding(tokens)[0, place], expected)
    with pytest.raises(ValueError, match="tables of 2 rows hold no grid of 3"):
        TokenEmbedding(4, 3, 8, table_side=2)
    with pytest.raises(ValueError, match=r"expected 9 tokens a picture, got \(1, 8\)"):
        right(tokens[:, :8])


def test_an_empty_text_stands_where_nothing_is_said() -> None:
    torch.manual_seed(0)
    network = TextTokenTransformer(embedding_dim=4, empty_length=7, **SMALL)
    speech = SpeechEncoding(torch.randn(2, 4), torch.randn(2, 4, 7), torch.tensor([7, 7]))
    condition = network.condition(speech, torch.tensor([True, False]))
    assert torch.equal(condition[0], speech.words[0].T) and torch.equal(condition[1], network.empty)
    assert torch.equal(network.condition(speech), speech.words.transpose(1, 2))
    logits = network(torch.randint(7, (2, 9)), torch.tensor([0, 4]), condition)
    logits.sum().backward()
    assert logits.shape == (2, 9, 6) and network.empty.grad is not None and network.empty.grad.any()
    short = SpeechEncoding(speech.sentence, speech.words[:, :, :5], torch.tensor([5, 5]))
    with pytest.raises(ValueError, match="needs texts of 7 steps, got texts of 5"):
        network.condition(short, torch.tensor([True, False]))
    with pytest.raises(ValueError, match="needs an empty_length above 0"):
        TextTokenTransformer(embedding_dim=4, **SMALL).condition(speech, torch.tensor([True, False]))


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="embedding_dim must be twice the width, 16, got 12"):
        PublishedSpeechTransformer(embedding_dim=12, **SMALL)
    with pytest.raises(ValueError, match="depth must be 1 or more, got 0"):
        TextTokenTransformer(embedding_dim=4, **{**SMALL, "depth": 0})
    with pytest.raises(ValueError, match="num_heads must divide the width 8, got 3"):
        PublishedSpeechTransformer(embedding_dim=16, **{**SMALL, "num_heads": 3})
    speech = SpeechEncoding.of_sentences(torch.randn(2, 16))
    with pytest.raises(ValueError, match="no empty condition"):
        PublishedSpeechTransformer(embedding_dim=16, **SMALL).condition(speech, torch.tensor([True, False]))
