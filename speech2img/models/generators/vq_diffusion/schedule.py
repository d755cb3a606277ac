"""Mask-and-replace schedules: how likely a token is kept, replaced or masked (arXiv:2111.14822, section 4.1).

Steps count from 0 to T - 1, and step -1 is the clean picture: tables of what happened up to a step have T + 1 entries,
the last of which, "keep everything", is that of step -1. All tables are float64.
"""

from typing import NamedTuple

import torch
from torch import Tensor

KEPT = (0.99999, 0.000009)
MASKED = (0.000009, 0.99999)
"""Published shares of tokens kept and masked up to the first and the last step: what is left, 1e-6, is replaced."""
_ROUNDING = 1e-9
_DUST = 1e-13


class Transition(NamedTuple):
    """What becomes of one token; ``keep + K * replace + mask = 1``. Each entry is float64, of any one shape."""

    keep: Tensor
    """It stays (alpha), beside the chance to be replaced by itself."""
    replace: Tensor
    """It becomes a given code, one of K (beta)."""
    mask: Tensor
    """It is masked, for good (gamma)."""


class DiffusionSchedule(NamedTuple):
    """Tables of a diffusion of T steps over K codes; `checked_schedule` and `linear_schedule` make them."""

    num_codes: int
    """K; the mask token is number K."""
    one_step: Transition
    """(T,): from step t - 1 to step t."""
    cumulative: Transition
    """(T + 1,): from the clean picture to step t; entry T, which -1 finds as well, is the clean picture."""

    @property
    def num_steps(self) -> int:
        """T."""
        return len(self.one_step.keep)

    def to(self, device: torch.device | str) -> "DiffusionSchedule":
        """The same tables on a device."""
        moved = (Transition(*(table.to(device) for table in tables)) for tables in (self.one_step, self.cumulative))
        return DiffusionSchedule(self.num_codes, *moved)

    def until(self, time_B: Tensor) -> Transition:
        """From the clean picture to steps -1..T - 1, in the shape of ``time_B``."""
        return Transition(*(table[time_B] for table in self.cumulative))

    def between(self, since_B: Tensor, time_B: Tensor) -> Transition:
        """From a step, -1..T - 1, to the same or a later one, in the shape of both."""
        return _divided(self.until(time_B), self.until(since_B), self.num_codes)


def _divided(later: Transition, earlier: Transition, num_codes: int) -> Transition:
    """The transition that leads from what happened up to an earlier step to what happened up to a later one."""
    keep = later.keep / earlier.keep
    mask = (later.mask - earlier.mask) / (1 - earlier.mask)
    return Transition(keep, ((1 - keep - mask) / num_codes).clamp_min(0), mask)


def checked_schedule(num_codes: int, kept_T: Tensor, replaced_T: Tensor, masked_T: Tensor) -> DiffusionSchedule:
    """Schedule of given cumulative tables.

    Parameters
    ----------
    num_codes : int >= 2
        K.
    kept_T, masked_T : Tensor [shape=(T,), range 0..1]
        Shares of tokens that are kept and masked up to each step; the first falls, the second rises. None may end:
        ``kept`` is above 0 and ``masked`` is between 0 and 1 at every step.
    replaced_T : Tensor [shape=(T,), range 0..1]
        Share that has become any one code: K times as many are replaced.

    Raises
    ------
    ValueError
        If there are no steps or fewer than 2 codes, if the shares of a step do not sum to 1, or if one is out of range
        or moves the wrong way.
    """
    # Check the shares of each step.
    tables = Transition(kept_T.double(), replaced_T.double(), masked_T.double())
    if num_codes < 2 or tables.keep.dim() != 1 or len({len(table) for table in tables}) > 1 or not len(tables.keep):
        raise ValueError(f"a schedule needs 2 codes or more and three tables of one length, got {num_codes} codes")
    sums_T = tables.keep + num_codes * tables.replace + tables.mask
    worst = int((sums_T - 1).abs().nan_to_num(nan=2.0).argmax())
    if not abs(float(sums_T[worst]) - 1) <= _ROUNDING:
        raise ValueError(f"shares of step {worst} must sum to 1, got {float(sums_T[worst]):.9g}")
    if not (bool((tables.keep > 0).all()) and bool((tables.mask > 0).all()) and bool((tables.mask < 1).all())):
        raise ValueError("shares kept and masked must be above 0, and less than all may be masked")

    # Divide step by step.
    clean = Transition(*(torch.tensor([share], dtype=torch.float64, device="cpu") for share in (1.0, 0.0, 0.0)))
    earlier = Transition(*(torch.cat([start, table[:-1]]) for start, table in zip(clean, tables, strict=True)))
    one_step = _divided(tables, earlier, num_codes)
    negative = tables.replace < -_ROUNDING
    rises = (one_step.keep > 1 + _ROUNDING) | (one_step.mask < -_ROUNDING)
    broken = rises | negative | (one_step.keep + one_step.mask > 1 + _ROUNDING)
    if bool(broken.any()):
        step = int(broken.int().argmax())
        raise ValueError(f"shares of step {step} do not follow from those before: fewer are kept and more masked")
    cumulative = Transition(*(torch.cat([table, start]) for start, table in zip(clean, tables, strict=True)))
    return DiffusionSchedule(num_codes, one_step, cumulative)


def linear_schedule(
    num_codes: int, num_steps: int = 100, *, kept: tuple[float, float] = KEPT, masked: tuple[float, float] = MASKED
) -> DiffusionSchedule:
    """Schedule whose cumulative shares are linear in the step; by default that of all released checkpoints.

    Parameters
    ----------
    num_codes : int >= 2
        K.
    num_steps : int >= 2
        T.
    kept, masked : (float, float)
        Shares of tokens kept and masked up to the first and up to the last step; the rest is replaced by a code drawn
        evenly. The paper speaks of a tenth at the end, ``masked=(0.000009, 0.9)``; the released schedule replaces one
        token in a million.

    Raises
    ------
    ValueError
        As `checked_schedule`, and if ``num_steps`` is below 2.
    """
    if num_steps < 2:
        raise ValueError(f"num_steps must be 2 or more, got {num_steps}")
    # Numbers even where a network is only outlined, on the device meta.
    way_T = torch.arange(num_steps, dtype=torch.float64, device="cpu") / (num_steps - 1)
    kept_T, masked_T = (first + (last - first) * way_T for first, last in (kept, masked))
    replaced_T = 1 - kept_T - masked_T
    replaced_T = torch.where(replaced_T.abs() < _DUST, 0.0, replaced_T)
    return checked_schedule(num_codes, kept_T, replaced_T / max(num_codes, 1), masked_T)
