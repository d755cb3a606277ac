"""Solvers of a flow's differential equation: from noise at time 0 to data at time 1, in equal steps."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

from torch import Tensor

Velocity = Callable[[Tensor, float], Tensor]
"""``velocity(state, time)`` at a time 0..1, of the state's shape."""
SolverName = Literal["euler", "heun"]
FEWEST_STEPS, MOST_STEPS = 4, 50
"""Fewer smear what they draw; more show no difference."""


class FlowPoint(NamedTuple):
    """Where a solver is after a step."""

    state: Tensor
    """The state; after the last step it is what was drawn."""
    estimate: Tensor
    """Data to which the velocity of this step points: a preview."""


def _euler(velocity: Velocity, state: Tensor, steps: int) -> Iterator[FlowPoint]:
    """One evaluation a step."""
    for step in range(steps):
        slope = velocity(state, step / steps)
        estimate = state + (1 - step / steps) * slope
        state = state + slope / steps
        yield FlowPoint(state, estimate)


def _heun(velocity: Velocity, state: Tensor, steps: int) -> Iterator[FlowPoint]:
    """Trapezoidal rule, two evaluations a step; the error falls with the square of the steps."""
    for step in range(steps):
        slope = velocity(state, step / steps)
        ahead = velocity(state + slope / steps, (step + 1) / steps)
        mean = (slope + ahead) / 2
        estimate = state + (1 - step / steps) * mean
        state = state + mean / steps
        yield FlowPoint(state, estimate)


SOLVERS: Mapping[str, Callable[[Velocity, Tensor, int], Iterator[FlowPoint]]] = {"euler": _euler, "heun": _heun}
"""Name -> solver."""


def solve_flow(velocity: Velocity, noise: Tensor, *, solver: SolverName = "euler", steps: int) -> Iterator[FlowPoint]:
    """Follow a flow.

    Parameters
    ----------
    velocity : callable
        See `Velocity`.
    noise : Tensor
        State at time 0.
    solver : {"euler", "heun"}
        Euler's method, or Heun's (the trapezoidal rule).
    steps : int, 4 to 50
        Equal steps.

    Yields
    ------
    FlowPoint
        One a step; state and estimate of the last one are the same but for rounding.

    Raises
    ------
    ValueError
        If there is no such solver, or the steps are out of range.
    """
    demand_solver(solver, steps)
    yield from SOLVERS[solver](velocity, noise, steps)


def demand_solver(solver: str, steps: int) -> None:
    """Raise ValueError unless there is such a solver and it can make so many steps."""
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, got {solver!r}")
    if not FEWEST_STEPS <= steps <= MOST_STEPS:
        raise ValueError(f"steps must be {FEWEST_STEPS} to {MOST_STEPS}, got {steps}")
