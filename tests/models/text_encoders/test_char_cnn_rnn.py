"""Char-CNN-RNN without published weights: its letters, and its recurrent networks against the formulas in float64."""

import pytest
import torch
from torch import Tensor

from speech2img.models.text_encoders.char_cnn_rnn import MAX_LETTERS, CharCnnRnn, GatedRecurrence, RectifiedRecurrence


def test_letters_are_numbered_as_published() -> None:
    encoder = CharCnnRnn(width=8, embedding_dim=4)
    assert encoder.tokens("aZ 9-\u00e9!") == [1, 26, 70, 36, 60, 0, 41]
    assert encoder.tokens("a\n b") == [1, 70, 2]
    assert len(encoder.tokens("ab " * 200)) == MAX_LETTERS


@pytest.mark.parametrize("text", ["", "   ", "\u9ce5"])
def test_a_caption_without_a_known_letter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no letter that the text encoder knows"):
        CharCnnRnn(width=8, embedding_dim=4).batch(["a bird", text])


@pytest.mark.parametrize(("recurrence", "steps"), [("gru", 18), ("relu", 8)])
def test_captions_do_not_depend_on_their_batch(recurrence: str, steps: int) -> None:
    torch.manual_seed(0)
    encoder = CharCnnRnn(recurrence=recurrence, width=8, embedding_dim=4).eval()  # type: ignore[arg-type]
    seen: list[int] = []
    encoder.recurrent.register_forward_hook(lambda module, given, out: seen.append(len(out)))
    texts = ["a red bird", "a long caption of a small brown bird on a branch " * 6]
    together = encoder.encode(texts).sentence
    alone = torch.cat([encoder.encode([text]).sentence for text in texts])
    assert seen == [steps] * 3
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)
    assert (together[0] - together[1]).abs().max() > 1e-4


def _linear(module: torch.nn.Module, x: Tensor) -> Tensor:
    weight, bias = (parameter.detach() for parameter in module.parameters())
    return torch.stack([weight @ row + bias for row in x])


def test_recurrent_networks_follow_their_formulas() -> None:
    torch.manual_seed(1)
    plain, gated = RectifiedRecurrence(3).double(), GatedRecurrence(3).double()
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    h = _linear(plain.input, x[0]).clamp(min=0)
    g = _linear(gated.input, x[0]).tanh()
    for step in x[1:]:
        h = (_linear(plain.input, step) + _linear(plain.state, h)).clamp(min=0)
        update = 1 / (1 + (-_linear(gated.input_update, step) - _linear(gated.state_update, g)).exp())
        reset = 1 / (1 + (-_linear(gated.input_reset, step) - _linear(gated.state_reset, g)).exp())
        g = update * (_linear(gated.input, step) + _linear(gated.state, reset * g)).tanh() + (1 - update) * g
    with torch.no_grad():
        torch.testing.assert_close(plain(x)[-1], h)
        torch.testing.assert_close(gated(x)[-1], g)
