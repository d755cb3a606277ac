"""The forward process and its posterior against matrices and Bayes' rule, state by state."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from speech2img.models.generators.vq_diffusion.schedule import DiffusionSchedule, linear_schedule
from speech2img.models.generators.vq_diffusion.transitions import (
    log_one_hot,
    log_posterior,
    log_predicted,
    log_transition,
    noised,
)

CODES, STEPS = 5, 12
PAPER = linear_schedule(CODES, STEPS, kept=(0.98, 0.001), masked=(0.01, 0.9))
RELEASED = linear_schedule(CODES, STEPS)
MASK_ONLY = linear_schedule(CODES, STEPS, kept=(0.95, 0.02), masked=(0.05, 0.98))


def matrix(schedule: DiffusionSchedule, since: int, time: int) -> Tensor:
    """``q(x_t | x_s)``, [from, to], as the product of single steps."""
    product = torch.eye(CODES + 1, dtype=torch.float64)
    for step in range(since + 1, time + 1):
        keep, replace, mask = (float(table[step]) for table in schedule.one_step)
        single = torch.full((CODES + 1, CODES + 1), replace, dtype=torch.float64)
        single[:CODES, :CODES] += keep * torch.eye(CODES, dtype=torch.float64)
        single[:, -1], single[-1] = mask, 0
        single[-1, -1] = 1
        product = product @ single
    return product


def bayes(schedule: DiffusionSchedule, x0: Tensor, token: int, time: int, until: int) -> Tensor:
    """``sum over x_0 of q(x_s | x_t, x_0) p(x_0)``, each q by Bayes' rule."""
    mixture = torch.zeros(CODES + 1, dtype=torch.float64)
    before, step = matrix(schedule, -1, until), matrix(schedule, until, time)
    for code, share in enumerate(x0):
        joint = step[:, token] * before[code]
        mixture += share * joint / joint.sum()
    return mixture


@pytest.mark.parametrize("schedule", [PAPER, RELEASED])
@pytest.mark.parametrize(("time", "until"), [(0, -1), (1, 0), (11, 10), (7, 3), (9, -1)])
def test_the_posterior_is_bayes_rule(schedule: DiffusionSchedule, time: int, until: int) -> None:
    torch.manual_seed(time)
    log_x0 = log_predicted(2 * torch.randn(2, CODES + 1, CODES))
    tokens = torch.arange(CODES + 1).repeat(2, 1)
    times, untils = torch.tensor([time, time]), torch.tensor([until, until])
    ours = log_posterior(schedule, log_x0, tokens, times, untils).exp()
    for row in range(2):
        for place in range(CODES + 1):
            expected = bayes(schedule, log_x0[row, place].exp(), int(tokens[row, place]), time, until)
            torch.testing.assert_close(ours[row, place], expected, atol=1e-9, rtol=1e-6)
    known = log_posterior(schedule, log_one_hot(tokens.clamp_max(CODES - 1), CODES), tokens, times, untils).exp()
    for place in range(CODES + 1):
        x0 = torch.eye(CODES, dtype=torch.float64)[min(place, CODES - 1)]
        torch.testing.assert_close(known[0, place], bayes(schedule, x0, place, time, until), atol=1e-9, rtol=1e-6)


def test_where_nothing_is_replaced_a_code_is_certain() -> None:
    times = torch.tensor([6])
    log_x0 = log_predicted(torch.randn(1, 2, CODES))
    ours = log_posterior(MASK_ONLY, log_x0, torch.tensor([[3, CODES]]), times).exp()[0]
    assert ours.isfinite().all() and ours[0].argmax() == 3
    torch.testing.assert_close(ours[0, 3] / ours[0].sum(), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(ours[1], bayes(MASK_ONLY, log_x0[0, 1].exp(), CODES, 6, 5), atol=1e-12, rtol=1e-9)


def test_transitions_are_the_matrices() -> None:
    tokens = torch.arange(CODES + 1)[None]
    for schedule in (PAPER, RELEASED, MASK_ONLY):
        for time, since in ((0, -1), (5, 4), (11, -1), (8, 2)):
            rows = log_transition(schedule, tokens, torch.tensor([time]), torch.tensor([since])).exp()[0]
            torch.testing.assert_close(rows, matrix(schedule, since, time), atol=1e-12, rtol=1e-7)
            torch.testing.assert_close(rows.sum(dim=1), torch.ones(CODES + 1, dtype=torch.float64))
    rows = log_transition(PAPER, tokens, torch.tensor([7]))
    assert torch.equal(rows, log_transition(PAPER, tokens, torch.tensor([7]), torch.tensor([-1])))


def test_noise_follows_the_transition() -> None:
    torch.manual_seed(0)
    codes = torch.full((3, 40_000), 2)
    times = torch.tensor([0, 6, 11])
    drawn = noised(PAPER, codes, times, torch.rand(3, 40_000))
    expected = log_transition(PAPER, codes[:, :1], times).exp()[:, 0]
    for row in range(3):
        shares = torch.bincount(drawn[row], minlength=CODES + 1) / 40_000
        assert (shares - expected[row]).abs().max() < 0.01
    sure = noised(PAPER, torch.tensor([[1, 4]]), torch.tensor([5]), torch.tensor([[0.0, 0.9999999]]))
    assert sure.tolist() == [[1, CODES - 1]]
    assert set(noised(MASK_ONLY, codes[:1, :999], times[1:2], torch.rand(1, 999)).unique().tolist()) == {2, CODES}


def test_gradients_are_finite_and_right() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, CODES, dtype=torch.float64, requires_grad=True)
    tokens, times = torch.tensor([[0, 5, 3], [5, 5, 2]]), torch.tensor([0, 7])

    def surprise(values: Tensor, schedule: DiffusionSchedule = PAPER) -> Tensor:
        return log_posterior(schedule, log_predicted(values), tokens, times)[:, :, :2].sum()

    assert torch.autograd.gradcheck(surprise, (logits,))
    for schedule in (RELEASED, MASK_ONLY):
        (gradient,) = torch.autograd.grad(surprise(logits, schedule), logits)
        assert gradient.isfinite().all() and gradient.any()


def test_single_precision_keeps_its_type() -> None:
    log_x0 = torch.randn(1, 2, CODES).log_softmax(dim=2)
    tokens, times = torch.tensor([[1, CODES]]), torch.tensor([4])
    single = log_posterior(PAPER, log_x0, tokens, times)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, log_posterior(PAPER, log_x0.double(), tokens, times).float(), atol=1e-4, rtol=0)


def test_tokens_and_steps_out_of_range_are_refused() -> None:
    log_x0, time = torch.zeros(1, 2, CODES), torch.tensor([3])
    tokens = torch.tensor([[0, CODES]])
    calls: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
        (log_posterior, (PAPER, log_x0, tokens + 1, time), "tokens must be 0 to 5, got 6"),
        (log_posterior, (PAPER, log_x0, tokens - 1, time), "tokens must be 0 to 5, got -1"),
        (log_posterior, (PAPER, log_x0, tokens.float(), time), "expected tokens of shape"),
        (log_posterior, (PAPER, log_x0, tokens, time + STEPS), "steps must be 0 to 11, got 15"),
        (log_posterior, (PAPER, log_x0, tokens, time - 4), "steps must be 0 to 11, got -1"),
        (log_posterior, (PAPER, log_x0, tokens, time, time), "must lead to an earlier one"),
        (log_posterior, (PAPER, log_x0, tokens, time, time - 9), "steps must be -1 to 11, got -6"),
        (log_posterior, (PAPER, log_x0, tokens, time.float()), "expected whole steps"),
        (log_transition, (PAPER, tokens, time, time + 1), "steps must be -1 to 3, got 4"),
        (noised, (PAPER, tokens, time, torch.rand(1, 2)), "tokens must be 0 to 4, got 5"),
        (log_one_hot, (tokens, CODES), "tokens must be 0 to 4, got 5"),
    ]
    for function, arguments, message in calls:
        with pytest.raises(ValueError, match=message):
            function(*arguments)
