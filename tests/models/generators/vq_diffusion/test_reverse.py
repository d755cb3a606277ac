"""Steps of sampling: truncation, guidance, leaps, the purity prior, and what is drawn when x_0 is known."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from speech2img.models.generators.vq_diffusion.reverse import (
    ReverseStep,
    drawn,
    guided,
    published_steps,
    purity,
    reveal_counts,
    revealed,
    reverse_steps,
    sharpened,
    start_tokens,
    top_codes,
    truncated,
)
from speech2img.models.generators.vq_diffusion.schedule import linear_schedule
from speech2img.models.generators.vq_diffusion.transitions import log_one_hot, log_posterior, log_predicted

CODES, PLACES, STEPS = 6, 9, 20
SCHEDULES = {"released": linear_schedule(CODES, STEPS), "paper": linear_schedule(CODES, STEPS, masked=(0.000009, 0.9))}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(
    "steps", [reverse_steps(STEPS, STEPS), reverse_steps(STEPS, 7), published_steps(STEPS, 3)], ids=len
)
def test_an_oracle_is_followed_to_the_picture(name: str, steps: list[ReverseStep]) -> None:
    torch.manual_seed(0)
    schedule, codes = SCHEDULES[name], torch.randint(CODES, (4, PLACES))
    tokens = start_tokens(schedule, torch.rand(4, PLACES))
    for step in steps:
        times, untils = (torch.full((4,), value) for value in (step.time, step.until))
        log_probability = log_posterior(schedule, log_one_hot(codes, CODES), tokens, times, untils)
        tokens = drawn(log_probability, torch.rand(4, PLACES, CODES + 1))
    assert torch.equal(tokens, codes)


def test_leaps_end_at_the_picture_and_reveal_as_many_as_they_skip() -> None:
    assert reverse_steps(4, 4) == [ReverseStep(t, t, t - 1) for t in (3, 2, 1, 0)]
    assert reverse_steps(100, 25)[:2] == [ReverseStep(99, 99, 95), ReverseStep(95, 95, 91)]
    for count in (2, 3, 7, 25, 33, 99, 100):
        steps = reverse_steps(100, count)
        assert len(steps) == count and steps[0].time == 99 and steps[-1].until == -1
        assert all(first.until == second.time for first, second in zip(steps[:-1], steps[1:], strict=True))
    # Masks that are left before the last step: a fair share of ours, a quarter as published.
    schedule = linear_schedule(CODES)
    left = []
    for steps in (reverse_steps(100, 25), published_steps(100, 4)):
        share = 1.0
        for step in steps[:-1]:
            before, now = (float(schedule.until(torch.tensor(at)).mask) for at in (step.until, step.time))
            share *= before / now
        left.append(share)
    assert left[0] == pytest.approx(float(schedule.until(torch.tensor(3)).mask), rel=1e-4)
    assert left[0] < 0.04 and left[1] > 0.24


def test_published_steps_stop_at_the_first() -> None:
    steps = published_steps(100, 4)
    assert steps[:2] == [ReverseStep(99, 96, 95), ReverseStep(95, 92, 91)]
    assert steps[-2:] == [ReverseStep(3, 3, 2), ReverseStep(0, 0, -1)] and len(steps) == 26
    assert published_steps(5, 1) == reverse_steps(5, 5)


def test_truncation_keeps_the_code_that_crosses() -> None:
    log_x0 = torch.tensor([[[0.2, 0.5, 0.05, 0.25]]], dtype=torch.float64).log()
    for rate, kept in ((0.0, {1}), (0.5, {1}), (0.51, {1, 3}), (0.75, {1, 3}), (0.76, {0, 1, 3}), (0.96, {0, 1, 2, 3})):
        result = truncated(log_x0, rate)
        assert {code for code in range(4) if result[0, 0, code] > -70} == kept, rate
        assert all(result[0, 0, code] == log_x0[0, 0, code] for code in kept)
    assert truncated(log_x0, 1.0) is log_x0
    assert (top_codes(log_x0, 2) > -70).tolist() == [[[False, True, False, True]]]
    assert torch.equal(top_codes(log_x0, 4), log_x0)


@pytest.mark.parametrize("num_codes", [65, 200, 700])
@pytest.mark.parametrize("rate", [0.0, 0.5, 0.86, 0.999])
def test_truncation_is_that_of_sorting_all_codes_of_each_place(num_codes: int, rate: float) -> None:
    """Sure places, which need few codes, beside flat ones, which need nearly all."""
    torch.manual_seed(0)
    sharpness = torch.tensor([0.0, 0.1, 1.0, 3.0, 9.0], dtype=torch.float64)[:, None]
    log_x0 = (sharpness * torch.randn(2, 5, num_codes, dtype=torch.float64)).log_softmax(dim=2)
    kept = truncated(log_x0, rate) > -70
    for place, row in zip(kept.flatten(0, 1), log_x0.flatten(0, 1), strict=True):
        shares = sorted(row.exp().tolist(), reverse=True)
        count = max(1, sum(sum(shares[:number]) < rate for number in range(num_codes)))
        assert abs(int(place.sum()) - count) <= (sharpness[0] == 0 and count > 1)  # a sum of equal shares is rounded
        assert place.all() or row[place].min() >= row[~place].max()
    assert torch.equal(truncated(log_x0, rate)[1:], truncated(log_x0[1:], rate))


def test_guidance_one_is_none_and_zero_hears_nothing() -> None:
    spoken, silent = (log_predicted(torch.randn(2, 3, CODES)) for _ in range(2))
    assert guided(spoken, silent, 1.0) is spoken
    torch.testing.assert_close(guided(spoken, silent, 0.0), silent)
    strong = guided(spoken, silent, 3.0)
    torch.testing.assert_close(strong, (3 * spoken - 2 * silent).log_softmax(dim=2))
    torch.testing.assert_close(strong.exp().sum(dim=2), torch.ones(2, 3, dtype=torch.float64))


def test_draws_follow_their_probabilities() -> None:
    torch.manual_seed(0)
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    log_probability = (shares * 0.7).log().expand(1, 40_000, 4)  # need not sum to 1
    counts = torch.bincount(drawn(log_probability, torch.rand(1, 40_000, 4))[0], minlength=4) / 40_000
    assert (counts - shares).abs().max() < 0.01
    assert drawn(log_probability[:, :1], torch.zeros(1, 1, 4)).tolist() == [[0]]  # a uniform draw of 0 is no trouble


def test_a_start_is_masks_where_all_are_masked() -> None:
    torch.manual_seed(0)
    tokens = start_tokens(SCHEDULES["paper"], torch.rand(1, 50_000))
    counts = torch.bincount(tokens[0], minlength=CODES + 1) / 50_000
    assert float(counts[-1]) == pytest.approx(0.9, abs=0.01)
    assert (counts[:-1] - 0.1 / CODES).abs().max() < 0.005
    assert (start_tokens(SCHEDULES["released"], torch.rand(1, 5000)) == CODES).float().mean() > 0.999


@pytest.mark.parametrize(("places", "count"), [(256, 100), (1024, 100), (64, 25), (10, 10), (7, 1), (100, 33)])
def test_any_number_of_places_is_revealed_evenly(places: int, count: int) -> None:
    counts = reveal_counts(places, count)
    assert len(counts) == count and sum(counts) == places and max(counts) - min(counts) <= 1


def test_sure_places_come_first_and_sharper() -> None:
    torch.manual_seed(0)
    logits = torch.zeros(2000, 4, 3)
    logits[:, 2, 1] = 6.0
    log_x0 = log_predicted(logits)
    tokens = torch.tensor([3, 3, 3, 0]).repeat(2000, 1)
    shown = revealed(tokens, log_x0, [1] * 2000, torch.rand(2000, 4, 3), torch.rand(2000, 4), 1.0)
    assert ((shown != 3).sum(dim=1) == 2).all() and (shown[:, 3] == 0).all()
    weights = purity(log_x0)[0, :3]
    torch.testing.assert_close(weights, log_x0[0, :3].amax(dim=1).exp() / log_x0[0, 2].max().exp())
    shares = (shown[:, :3] != 3).double().mean(dim=0)
    assert (shares - weights / weights.sum()).abs().max() < 0.04
    assert (shown[shown[:, 2] != 3, 2] == 1).double().mean() > 0.99
    sharp = sharpened(log_x0, purity(log_x0), 2.0)
    torch.testing.assert_close(sharp[0, 2], ((1 + 2 * weights[2]) * log_x0[0, 2]).log_softmax(dim=0))


def test_more_to_reveal_than_there_is_reveals_all() -> None:
    """The published draw fails here: 16 x 16 tokens, and a list of counts for 1,024."""
    tokens = torch.tensor([[3, 0, 3, 1]])
    log_x0 = log_predicted(torch.randn(1, 4, 3))
    shown = revealed(tokens, log_x0, [40], torch.rand(1, 4, 3), torch.rand(1, 4), 0.0)
    assert (shown != 3).all() and shown[0, 1] == 0 and shown[0, 3] == 1
    nothing = revealed(tokens, log_x0, [0], torch.rand(1, 4, 3), torch.rand(1, 4), 0.0)
    assert torch.equal(nothing, tokens)


def test_settings_out_of_range_are_refused() -> None:
    log_x0, tokens = torch.zeros(1, 2, 3), torch.tensor([[3, 3]])
    uniform = torch.rand(1, 2, 3), torch.rand(1, 2)
    calls: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
        (truncated, (log_x0, 1.1), "truncation must be 0 to 1, got 1.1"),
        (truncated, (log_x0, -0.1), "truncation must be 0 to 1, got -0.1"),
        (truncated, (log_x0, float("nan")), "truncation must be 0 to 1, got nan"),
        (guided, (log_x0, log_x0, -1.0), "guidance must be 0 or more"),
        (top_codes, (log_x0, 4), "count must be 1 to 3, got 4"),
        (reverse_steps, (100, 1), "steps must be 2 to 100, got 1"),
        (reverse_steps, (100, 101), "steps must be 2 to 100, got 101"),
        (published_steps, (100, 0), "stride must be 1 to 99, got 0"),
        (published_steps, (100, 100), "stride must be 1 to 99, got 100"),
        (sharpened, (log_x0, uniform[1], -0.5), "purity_weight must be 0 or more"),
        (reveal_counts, (4, 5), "steps must be 1 to 4 places, got 5"),
        (revealed, (tokens, log_x0, [1, 1], *uniform, 0.0), "counts must be 0 or more, one a picture"),
        (revealed, (tokens + 1, log_x0, [1], *uniform, 0.0), "tokens must be 0 to 3, got 4"),
    ]
    for function, arguments, message in calls:
        with pytest.raises(ValueError, match=message):
            function(*arguments)
