"""Mask-and-replace schedules: shares sum to 1, steps multiply up, and what cannot be is refused."""

import pytest
import torch
from torch import Tensor

from speech2img.models.generators.vq_diffusion.schedule import DiffusionSchedule, checked_schedule, linear_schedule

SCHEDULES = {
    "published": linear_schedule(5, 10),
    "paper": linear_schedule(5, 10, masked=(0.000009, 0.9)),
    "mask only": linear_schedule(3, 7, kept=(0.9, 0.1), masked=(0.1, 0.9)),
}


def matrices(schedule: DiffusionSchedule) -> Tensor:
    """The transition matrices of single steps, [t, from, to], written down entry by entry."""
    states = schedule.num_codes + 1
    matrix = torch.zeros(schedule.num_steps, states, states, dtype=torch.float64)
    for step, (keep, replace, mask) in enumerate(zip(*(table.tolist() for table in schedule.one_step), strict=True)):
        for code in range(schedule.num_codes):
            matrix[step, code, : schedule.num_codes] = replace
            matrix[step, code, code] += keep
            matrix[step, code, -1] = mask
        matrix[step, -1, -1] = 1
    return matrix


@pytest.mark.parametrize("name", SCHEDULES)
def test_shares_sum_to_one_and_steps_multiply_up(name: str) -> None:
    schedule = SCHEDULES[name]
    whole = torch.eye(schedule.num_codes + 1, dtype=torch.float64)
    for step, single in enumerate(matrices(schedule)):
        torch.testing.assert_close(single.sum(dim=1), torch.ones(len(single), dtype=torch.float64))
        whole = whole @ single
        keep, replace, mask = (float(share) for share in schedule.until(torch.tensor(step)))
        assert whole[0, 0] == pytest.approx(keep + replace, abs=1e-14)
        assert whole[0, 1] == pytest.approx(replace, abs=1e-14)
        assert whole[0, -1] == pytest.approx(mask, abs=1e-14)
    clean = schedule.until(torch.tensor(-1))
    assert [float(share) for share in clean] == [1, 0, 0]


def test_leaps_are_the_steps_in_between() -> None:
    schedule = SCHEDULES["paper"]
    product = torch.linalg.multi_dot(list(matrices(schedule)[3:8]))
    keep, replace, mask = (float(share) for share in schedule.between(torch.tensor(2), torch.tensor(7)))
    assert product[1, 1] == pytest.approx(keep + replace, rel=1e-12)
    assert product[1, 2] == pytest.approx(replace, rel=1e-9)
    assert product[1, -1] == pytest.approx(mask, rel=1e-12)


def test_the_released_shares() -> None:
    schedule = linear_schedule(2887)
    assert schedule.num_steps == 100 and schedule.one_step.keep.dtype == torch.float64
    keep, replace, mask = schedule.until(torch.tensor(50))
    assert (round(float(keep), 6), round(float(mask), 6)) == (0.494949, 0.50505)
    assert float(2887 * replace) == pytest.approx(1e-6)
    assert float(schedule.one_step.mask[99]) == pytest.approx(0.999011, abs=1e-6)


def test_what_is_no_schedule_is_refused() -> None:
    kept, masked = torch.tensor([0.9, 0.2], dtype=torch.float64), torch.tensor([0.1, 0.8], dtype=torch.float64)
    nothing = torch.zeros(2)
    assert checked_schedule(4, kept, nothing, 1 - kept).num_steps == 2
    for codes, tables, message in (
        (4, (kept, nothing, masked + 0.1), r"shares of step \d must sum to 1, got 1\.1"),
        (4, (kept * torch.nan, nothing, masked), "must sum to 1, got nan"),
        (4, (kept, nothing, 1 - kept.flip(0)), "shares of step 0 must sum to 1, got 1.7"),
        (4, (kept.flip(0), nothing, 1 - kept.flip(0)), "shares of step 1 do not follow"),
        (4, (kept, nothing - 0.01, 1.04 - kept), "do not follow from those before"),
        (4, (torch.ones(2), nothing, nothing), "above 0"),
        (4, (nothing, nothing, torch.ones(2)), "above 0"),
        (1, (kept, nothing, masked), "2 codes or more"),
        (4, (kept[:1], nothing, masked), "three tables of one length"),
    ):
        with pytest.raises(ValueError, match=message):
            checked_schedule(codes, *tables)
    with pytest.raises(ValueError, match="num_steps must be 2 or more, got 1"):
        linear_schedule(4, 1)
    with pytest.raises(ValueError, match="2 codes or more"):
        linear_schedule(0)
