"""Quantisers: the nearest code and the Gumbel softmax, their losses in both forms, and gradients as if nothing were."""

import math

import pytest
import torch

from speech2img.models.codecs import quantizers
from speech2img.models.codecs.quantizers import GumbelQuantizer, NearestQuantizer, straight_through, uniform_divergence


def nearest(**settings: object) -> NearestQuantizer:
    torch.manual_seed(0)
    quantizer = NearestQuantizer(9, 3, **settings)  # type: ignore[arg-type]
    torch.nn.init.normal_(quantizer.codebook.weight)
    return quantizer


def test_the_nearest_code_is_found_whatever_the_size_of_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    quantizer, latents = nearest(), torch.randn(2, 3, 4, 5)
    distances = (latents[:, None] - quantizer.codebook.weight[:, :, None, None]).square().sum(dim=2)
    assert torch.equal(quantizer.find(latents), distances.argmin(dim=1))
    monkeypatch.setattr(quantizers, "_DISTANCES_AT_ONCE", 20)
    assert torch.equal(quantizer.find(latents), distances.argmin(dim=1))
    few = torch.tensor([7, 2, 4])
    assert torch.equal(quantizer.find(latents, few), distances[:, few].argmin(dim=1))


def test_codes_begin_within_the_published_bounds() -> None:
    assert NearestQuantizer(50, 8).codebook.weight.abs().max() <= 1 / 50


def test_both_forms_of_the_codebook_loss() -> None:
    latents = torch.randn(2, 3, 4, 5)
    for form, weights in (("paper", (1.0, 0.25)), ("published", (0.25, 1.0))):
        quantizer, given = nearest(form=form), latents.clone().requires_grad_()
        result = quantizer(given)
        distance = (quantizer.vectors(result.tokens_Bhw) - latents).square().mean()
        assert float(result.penalty.detach()) == pytest.approx(1.25 * float(distance.detach()))
        result.penalty.backward()
        # The codes follow with the first weight, the latents with the second.
        per_code = torch.zeros(9, 3)
        difference = (quantizer.vectors(result.tokens_Bhw) - latents).detach().movedim(1, -1)
        per_code.index_add_(0, result.tokens_Bhw.flatten(), difference.reshape(-1, 3))
        torch.testing.assert_close(quantizer.codebook.weight.grad, weights[0] * 2 * per_code / latents.numel())
        wanted = -weights[1] * 2 * difference.movedim(-1, 1) / latents.numel()
        torch.testing.assert_close(given.grad, wanted)


def test_straight_through_is_exact_in_front_and_open_behind() -> None:
    values, path = torch.randn(5, requires_grad=True), (1e4 * torch.randn(5)).requires_grad_()
    out = straight_through(values, path)
    assert torch.equal(out, values)
    (out * torch.arange(5.0)).sum().backward()
    assert torch.equal(path.grad, torch.arange(5.0)) and values.grad is None


def test_a_gumbel_softmax_draws_in_proportion_and_gives_one_code() -> None:
    torch.manual_seed(0)
    quantizer = GumbelQuantizer(3, 2)
    with torch.no_grad():
        quantizer.to_logits.weight.zero_()
        quantizer.to_logits.bias.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    result = quantizer(torch.zeros(1, 2, 100, 100))
    shares = torch.bincount(result.tokens_Bhw.flatten(), minlength=3) / 10_000
    torch.testing.assert_close(shares, torch.tensor([0.5, 0.3, 0.2]), atol=0.03, rtol=0)
    torch.testing.assert_close(result.vectors_BChw, quantizer.vectors(result.tokens_Bhw))
    assert bool((quantizer.find(torch.zeros(1, 2, 3, 3)) == 0).all())
    assert bool((quantizer.find(torch.zeros(1, 2, 3, 3), torch.tensor([2, 1])) == 1).all())


def test_gumbel_gradients_reach_logits_and_codes() -> None:
    torch.manual_seed(0)
    quantizer = GumbelQuantizer(5, 3)
    quantizer.temperature = 0.7
    latents = torch.randn(2, 3, 4, 4, requires_grad=True)
    result = quantizer(latents)
    result.vectors_BChw.square().sum().backward()
    assert bool((latents.grad != 0).any()) and bool((quantizer.to_logits.weight.grad != 0).any())
    used = result.tokens_Bhw.unique()
    rows = quantizer.codebook.weight.grad.abs().sum(dim=1) > 0
    assert torch.equal(rows.nonzero()[:, 0], used)


def test_the_divergence_is_0_for_even_logits_and_the_log_of_the_codes_for_one() -> None:
    assert float(uniform_divergence(torch.zeros(2, 8, 3, 3))) == pytest.approx(0, abs=1e-6)
    sure = torch.full((2, 8, 3, 3), -50.0)
    sure[:, 3] = 50.0
    assert float(uniform_divergence(sure)) == pytest.approx(math.log(8), rel=1e-5)
