"""Losses of a discrete diffusion: a perfect predictor has none, weights and probabilities count as written."""

import pytest
import torch
from torch import Tensor

from speech2img.losses.step_importance import StepImportance
from speech2img.losses.vq_diffusion import (
    AUXILIARY_WEIGHTS,
    DiffusionLoss,
    auxiliary_divergence,
    auxiliary_weight,
    decoder_nll,
    posterior_divergence,
    vq_diffusion_loss,
)
from speech2img.models.generators.vq_diffusion.schedule import linear_schedule
from speech2img.models.generators.vq_diffusion.transitions import log_one_hot, log_posterior, log_predicted, noised

CODES, PLACES, STEPS = 7, 16, 10
SCHEDULE = linear_schedule(CODES, STEPS, masked=(0.000009, 0.9))
torch.manual_seed(0)
X0 = torch.randint(CODES, (5, PLACES))
TIMES = torch.tensor([0, 9, 4, 4, 7])
TOKENS = noised(SCHEDULE, X0, TIMES, torch.rand(5, PLACES))
EVEN = torch.full((5,), 1 / STEPS, dtype=torch.float64)


def loss(log_x0: Tensor, **settings: object) -> DiffusionLoss:
    wanted: dict[str, object] = {"probability_B": EVEN, "weight": 0.5, **settings}
    truth = log_posterior(SCHEDULE, log_one_hot(X0, CODES), TOKENS, TIMES)
    model = log_posterior(SCHEDULE, log_x0, TOKENS, TIMES)
    masked = TOKENS == CODES
    return vq_diffusion_loss(truth, model, log_x0, X0, masked, time_B=TIMES, num_steps=STEPS, **wanted)  # type: ignore[arg-type]


def test_a_perfect_predictor_has_no_loss_and_others_have_some() -> None:
    perfect = loss(log_one_hot(X0, CODES))
    assert abs(float(perfect.total)) < 1e-9 and perfect.variational_B.abs().max() < 1e-9
    some = loss(log_predicted(torch.randn(5, PLACES, CODES)))
    assert (some.variational_B > 0).all() and (some.auxiliary_B > 0).all() and some.total > 0


def test_the_terms_are_the_formulas() -> None:
    log_x0 = log_predicted(torch.randn(5, PLACES, CODES))
    truth = log_posterior(SCHEDULE, log_one_hot(X0, CODES), TOKENS, TIMES)
    model = log_posterior(SCHEDULE, log_x0, TOKENS, TIMES)
    divergence = posterior_divergence(truth, model)
    expected = torch.nn.functional.kl_div(model, truth, reduction="none", log_target=True).sum(dim=2)
    torch.testing.assert_close(divergence, expected)
    nll = decoder_nll(model, X0)
    assert nll[2, 3] == -model[2, 3, X0[2, 3]]
    terms = loss(log_x0)
    torch.testing.assert_close(terms.variational_B[1:], divergence.sum(dim=1)[1:])
    torch.testing.assert_close(terms.variational_B[0], nll.sum(dim=1)[0])
    torch.testing.assert_close(terms.auxiliary_B[1:], auxiliary_divergence(log_x0, X0).sum(dim=1)[1:])
    assert terms.auxiliary_B[0] == terms.variational_B[0]
    weighted = terms.variational_B + 0.5 * (2 - TIMES / STEPS) * terms.auxiliary_B
    torch.testing.assert_close(terms.total, (weighted * STEPS).sum() / X0.numel())
    plain = loss(log_x0, adaptive=False)
    torch.testing.assert_close(
        plain.total, ((terms.variational_B + 0.5 * terms.auxiliary_B) * STEPS).sum() / X0.numel()
    )
    # At step 0 the model's posterior is its prediction.
    torch.testing.assert_close(nll.sum(dim=1)[0], auxiliary_divergence(log_x0, X0).sum(dim=1)[0], atol=1e-4, rtol=1e-6)


def test_masked_places_can_weigh_differently() -> None:
    log_x0 = log_predicted(torch.randn(5, PLACES, CODES))
    masked, others = loss(log_x0, mask_weights=(1.0, 0.0)), loss(log_x0, mask_weights=(0.0, 1.0))
    whole = loss(log_x0)
    torch.testing.assert_close((masked.variational_B + others.variational_B)[1:], whole.variational_B[1:])
    torch.testing.assert_close((masked.auxiliary_B + others.auxiliary_B)[1:], whole.auxiliary_B[1:])
    assert masked.variational_B[0] == whole.variational_B[0]  # the decoder's term is not weighted, as published


def test_the_published_weights_of_the_auxiliary_term() -> None:
    assert AUXILIARY_WEIGHTS == {"vq-diffusion": 5e-4, "s2ivq-d": 1e-3}
    times = torch.tensor([0, 50, 99])
    assert auxiliary_weight(times, 100, 1e-3).tolist() == pytest.approx([2e-3, 1.5e-3, 1.01e-3])
    assert auxiliary_weight(times, 100, 1e-3, adaptive=False).tolist() == [1e-3] * 3


def test_what_does_not_fit_is_refused() -> None:
    log_x0 = log_predicted(torch.randn(5, PLACES, CODES))
    for settings, message in (
        ({"probability_B": EVEN * 0}, "probabilities of steps above 0"),
        ({"weight": -1.0}, "weights must be 0 or more"),
        ({"mask_weights": (1.0, -1.0)}, "weights must be 0 or more"),
        ({"probability_B": EVEN[:3]}, "shapes do not fit"),
    ):
        with pytest.raises(ValueError, match=message):
            loss(log_x0, **settings)


def test_steps_are_drawn_evenly_until_all_were_seen_often() -> None:
    importance = StepImportance(4)
    for _ in range(10):
        importance.update_(torch.arange(4), torch.tensor([9.0, 1.0, 2.0, 4.0]))
    assert importance.probabilities.tolist() == [0.25] * 4
    importance.update_(torch.arange(4), torch.tensor([9.0, 1.0, 2.0, 4.0]))
    weights = importance.probabilities
    assert float(weights.sum()) == pytest.approx(1) and weights[0] == weights[1]
    assert float(weights[3] / weights[1]) == pytest.approx(4, rel=1e-3)
    torch.manual_seed(0)
    times, probability = importance.draw(torch.rand(40_000))
    assert (torch.bincount(times, minlength=4) / 40_000 - weights).abs().max() < 0.01
    assert torch.equal(probability, weights[times])
    assert importance.draw(torch.tensor([0.0, 0.99999999]).double())[0].tolist() == [0, 3]
    # It resumes, and can be switched off.
    other = StepImportance(4, is_even=True)
    other.load_state_dict(importance.state_dict())
    assert other.probabilities.tolist() == [0.25] * 4 and torch.equal(other.squares, importance.squares)


def test_a_history_forgets_and_averages_a_step_that_comes_twice() -> None:
    importance = StepImportance(3)
    importance.update_(torch.tensor([2, 0, 2]), torch.tensor([1.0, 2.0, 3.0]))
    assert importance.squares.tolist() == pytest.approx([0.4, 0.0, 0.5])
    importance.update_(torch.tensor([2]), torch.tensor([2.0]))
    assert importance.squares.tolist() == pytest.approx([0.4, 0.0, 0.85])
    assert importance.counts.tolist() == [1, 0, 3]
    with pytest.raises(ValueError, match="num_steps must be 2 or more, got 1"):
        StepImportance(1)
