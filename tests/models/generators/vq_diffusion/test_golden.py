"""Schedule, posterior and sampling against what the published code gave."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers.golden import TOLERANCE
from torch import Tensor

from speech2img.losses.step_importance import StepImportance
from speech2img.models.generators.vq_diffusion.reverse import (
    ReverseStep,
    drawn,
    guided,
    published_steps,
    purity,
    reveal_counts,
    sharpened,
    top_codes,
    truncated,
)
from speech2img.models.generators.vq_diffusion.schedule import linear_schedule
from speech2img.models.generators.vq_diffusion.transitions import (
    log_one_hot,
    log_posterior,
    log_predicted,
    log_transition,
)

_NEVER = -40.0
"""Log-probabilities below it are the published code's own roundings of zero."""


def assert_close(ours: Tensor, golden: Any) -> None:
    """As the golden values want it: 1e-4 of their deviation, where they are not below -40."""
    seen = np.asarray(golden) > _NEVER
    limit = TOLERANCE * max(1.0, float(np.asarray(golden)[seen].std()))
    values = ours.detach().numpy()
    assert seen.any() and values.shape == golden.shape
    assert np.abs(values - golden)[seen].max() < limit
    assert (values[~seen] < _NEVER + 1).all()


@pytest.mark.parametrize("codes", [2887, 974])
def test_the_tables_are_the_published_ones(recipe: ModuleType, codes: int) -> None:
    golden = recipe.values("vqdiffusion_schedule")
    schedule = linear_schedule(codes)
    names = ("alpha", "beta", "gamma")
    for name, step, whole in zip(names, schedule.one_step, schedule.cumulative, strict=True):
        np.testing.assert_allclose(step, golden[f"{name}_{codes}"], rtol=2e-6, atol=1e-18)
        np.testing.assert_allclose(whole, golden[f"{name}_bar_{codes}"], rtol=1e-9, atol=1e-15)
    if codes == 2887:
        logs = golden["log_cumprod_ct_2887"][:100]
        np.testing.assert_allclose(schedule.cumulative.mask[:100].log(), logs, rtol=1e-5)


def test_the_posterior_is_the_published_one(recipe: ModuleType) -> None:
    name = "vqdiffusion_posterior"
    golden = recipe.values(name)
    x0, xt = (torch.from_numpy(states) for states in recipe.diffusion_states(name, 5, 16, 12))
    times = torch.from_numpy(recipe.diffusion_steps(name, 5))
    assert np.array_equal(golden["x0"], x0) and np.array_equal(golden["xt"], xt) and np.array_equal(golden["t"], times)
    schedule = linear_schedule(12)
    assert_close(log_transition(schedule, x0, times).transpose(1, 2), golden["q_xt_given_x0"])
    # Published, a masked place gives ordinary codes a share in this table, which nothing uses.
    single, there = log_transition(schedule, xt, times, times - 1), np.asarray(xt) != 12
    assert_close(single[torch.from_numpy(there)], golden["q_xt_given_previous"].transpose(0, 2, 1)[there])
    true = log_posterior(schedule, log_one_hot(x0, 12), xt, times)
    assert_close(true.transpose(1, 2), golden["posterior_true"])
    logits = torch.from_numpy(recipe.normal(f"{name}_logits", (5, 12, 16), 2.0)).transpose(1, 2)
    assert_close(log_posterior(schedule, log_predicted(logits), xt, times).transpose(1, 2), golden["posterior_soft"])


@pytest.fixture(scope="module")
def predicted(recipe: ModuleType) -> tuple[Tensor, Tensor]:
    """With what was said and without it, (2, 64, 30)."""
    logits = (recipe.normal(f"vqdiffusion_sampling{kind}_logits", (2, 30, 64), 2.0) for kind in ("", "_null"))
    base, null = (log_predicted(torch.from_numpy(values).transpose(1, 2)) for values in logits)
    return base, null


def test_truncation_guidance_and_purity_are_the_published_ones(
    recipe: ModuleType, predicted: tuple[Tensor, Tensor]
) -> None:
    golden = recipe.values("vqdiffusion_sampling")
    base, null = predicted
    assert_close(truncated(base, 0.86).transpose(1, 2), golden["truncated_086"][:, :30])
    assert_close(top_codes(base, 5).transpose(1, 2), golden["top5"][:, :30])
    assert_close(guided(base, null, 5.0).transpose(1, 2), golden["guided_scale5"][:, :30])
    assert_close(purity(base), golden["purity"])
    kept = truncated(base, 0.86)
    assert_close(sharpened(kept, purity(kept), 1.0)[:, ::4].transpose(1, 2), golden["purity_weight1_every4"][:, :30])


@pytest.mark.parametrize(("name", "step"), [("", ReverseStep(60, 60, 59)), ("fast_", ReverseStep(60, 57, 56))])
def test_a_reverse_step_is_the_published_one(
    recipe: ModuleType, predicted: tuple[Tensor, Tensor], name: str, step: ReverseStep
) -> None:
    golden, schedule = recipe.values("vqdiffusion_sampling"), linear_schedule(30)
    assert step == published_steps(61, 4 if name else 1)[0]
    times, untils = (torch.full((2,), value) for value in (step.time, step.until))
    log_probability = log_posterior(
        schedule, truncated(predicted[0], 0.86), torch.from_numpy(golden["xt"]), times, untils
    )
    skip = "_skip3" if name else ""
    assert_close(log_probability[:, ::4].transpose(1, 2), golden[f"posterior_{name}t60{skip}"])
    uniform = torch.from_numpy(recipe.uniform_noise("vqdiffusion_sampling", (2, 31, 64))).transpose(1, 2)
    assert np.array_equal(drawn(log_probability, uniform), golden[f"next_{name}t60{skip}"])


def test_the_importance_of_steps_is_the_published_one(recipe: ModuleType) -> None:
    golden = recipe.values("vqdiffusion_sampling")["importance"]
    importance = StepImportance(100)
    importance.squares.copy_(torch.from_numpy(np.abs(recipe.normal("vqdiffusion_sampling_history", (100,))) ** 2 * 50))
    importance.counts.fill_(11)
    np.testing.assert_allclose(importance.probabilities, golden, rtol=1e-4)


@pytest.mark.parametrize("steps", [100, 50, 25, 10])
def test_counts_to_reveal_follow_the_published_lists(recipe: ModuleType, steps: int) -> None:
    """Those are for 1,024 places; never more than 3.6 % of them apart from even ones."""
    published = recipe.values("vqdiffusion_sampling")[f"budget_{steps}"]
    if steps == 100:
        published = published * (np.arange(100) > 0)  # the first is never used
    assert published.sum() == 1024
    apart = np.abs(np.cumsum(published) - np.cumsum(reveal_counts(1024, steps))).max()
    assert apart <= 36
