"""Solvers of a flow: their formulas on an equation with a known solution, their order, their range."""

import math

import pytest
import torch
from torch import Tensor

from speech2img.models.generators.flow_solvers import solve_flow

START = torch.tensor([1.0, -2.0], dtype=torch.float64)


def decay(state: Tensor, time: float) -> Tensor:
    """Solved by exp(-time)."""
    return -state


@pytest.mark.parametrize(("solver", "factor"), [("euler", 1 - 1 / 8), ("heun", 1 - 1 / 8 + 1 / 128)])
def test_each_is_its_formula(solver: str, factor: float) -> None:
    points = list(solve_flow(decay, START, solver=solver, steps=8))  # type: ignore[arg-type]
    assert len(points) == 8
    torch.testing.assert_close(points[2].state, START * factor**3)
    slope = (factor - 1) * 8
    torch.testing.assert_close(points[2].estimate, START * factor**2 * (1 + slope * 6 / 8))
    torch.testing.assert_close(points[-1].estimate, points[-1].state)


def test_a_straight_flow_is_exact_and_times_go_from_0_to_1() -> None:
    times: list[float] = []

    def straight(state: Tensor, time: float) -> Tensor:
        times.append(time)
        return torch.full_like(state, 3.0)

    *_, last = solve_flow(straight, START, steps=4)
    torch.testing.assert_close(last.state, START + 3)
    assert times == [0.0, 0.25, 0.5, 0.75]
    times.clear()
    list(solve_flow(straight, START, solver="heun", steps=4))
    assert times == [0.0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0]


def test_heun_gains_more_by_more_steps() -> None:
    errors = {}
    for solver in ("euler", "heun"):
        for steps in (8, 16):
            *_, last = solve_flow(decay, START, solver=solver, steps=steps)  # type: ignore[arg-type]
            errors[solver, steps] = abs(float(last.state[0]) - math.exp(-1))
    assert 1.8 < errors["euler", 8] / errors["euler", 16] < 2.3
    assert 3.7 < errors["heun", 8] / errors["heun", 16] < 4.6


def test_what_is_out_of_range_is_refused() -> None:
    for steps in (3, 51):
        with pytest.raises(ValueError, match=f"steps must be 4 to 50, got {steps}"):
            next(solve_flow(decay, START, steps=steps))
    with pytest.raises(ValueError, match="solver must be one of euler, heun, got 'rk4'"):
        next(solve_flow(decay, START, solver="rk4", steps=8))  # type: ignore[arg-type]
