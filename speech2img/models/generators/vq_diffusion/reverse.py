"""How tokens are drawn, step by step from masks to a picture: truncation, guidance, fast steps, the purity prior.

Gu et al., arXiv:2111.14822, section 4.3, and Tang et al., arXiv:2205.16007 (guidance and purity). Shape letters as in
`transitions`. No function draws by itself: all take uniform numbers, so that each picture keeps its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from speech2img.models.generators.vq_diffusion.schedule import DiffusionSchedule
from speech2img.models.generators.vq_diffusion.transitions import LOG_FLOOR, demand_tokens

_TINY = 1e-30
_FEW, _FEW_PART = 64, 8
"""Codes of a place among which the likeliest are looked for first: so many, or such a part of all."""
FEWEST_STEPS = 2
"""In one step all tokens would be drawn without knowing of each other."""


class ReverseStep(NamedTuple):
    """A step of sampling."""

    seen: int
    """Step of the diffusion that the network is told."""
    time: int
    """Step t that the tokens are taken to be at."""
    until: int
    """Step s < t that they come to; -1 is the picture."""


def reverse_steps(num_steps: int, count: int) -> list[ReverseStep]:
    """Evenly spaced steps from T - 1 to -1, each of which the posterior leaps exactly.

    Parameters
    ----------
    num_steps : int
        T.
    count : int, 2 to T
        How many; T of them are one by one.

    Raises
    ------
    ValueError
        If ``count`` is out of range.
    """
    if not FEWEST_STEPS <= count <= num_steps:
        raise ValueError(f"steps must be {FEWEST_STEPS} to {num_steps}, got {count}")
    times = [round(num_steps * (count - done) / count) - 1 for done in range(count + 1)]
    return [ReverseStep(time, time, until) for time, until in zip(times[:-1], times[1:], strict=True)]


def published_steps(num_steps: int, stride: int) -> list[ReverseStep]:
    """Steps of the published fast sampling (sample type ``fast``): T - 1, T - 1 - stride, ..., and 0.

    Each draws as if the tokens were ``stride - 1`` steps further than they are, and then takes one step of the full
    diffusion, so that far fewer tokens are revealed than the stride skips: about a quarter of all is left to the last
    step (T = 100, stride 4). `reverse_steps` leaps exactly.

    Parameters
    ----------
    num_steps : int
        T.
    stride : int, 1 to T - 1
        1 is every step.

    Raises
    ------
    ValueError
        If ``stride`` is out of range.
    """
    if not 1 <= stride < num_steps:
        raise ValueError(f"stride must be 1 to {num_steps - 1}, got {stride}")
    seen = list(range(num_steps - 1, -1, -stride))
    seen += [0] if seen[-1] else []
    times = [step - (stride - 1) if step > stride - 1 else step for step in seen]
    return [ReverseStep(step, time, time - 1) for step, time in zip(seen, times, strict=True)]


def guided(log_with_BNK: Tensor, log_without_BNK: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: ``log p = log p_without + scale (log p_with - log p_without)``, normalised.

    Parameters
    ----------
    log_with_BNK, log_without_BNK : Tensor [shape=(B, N, K)]
        ``log p(x_0 | x_t)`` with what was said, and with the learned empty condition.
    scale : float, >= 0
        1 is without guidance.

    Returns
    -------
    Tensor [shape=(B, N, K), range -70..0]

    Raises
    ------
    ValueError
        If ``scale`` is negative.
    """
    if not scale >= 0:
        raise ValueError(f"guidance must be 0 or more, got {scale}")
    if scale == 1:
        return log_with_BNK
    return torch.lerp(log_without_BNK, log_with_BNK, scale).log_softmax(dim=2).clamp_min(LOG_FLOOR)


def truncated(log_x0_BNK: Tensor, rate: float) -> Tensor:
    """The likeliest codes of each place: a code stays where those before it sum to less than ``rate``.

    So the first always stays, and the one that crosses the rate as well; the others get -70. Not normalised.

    Parameters
    ----------
    log_x0_BNK : Tensor [shape=(B, N, K)]
        ``log p(x_0 | x_t)``.
    rate : float, 0..1
        1 is without truncation, 0 leaves the likeliest code alone.

    Returns
    -------
    Tensor [shape=(B, N, K)]

    Raises
    ------
    ValueError
        If ``rate`` is out of range.
    """
    demand_truncation(rate)
    if rate == 1:
        return log_x0_BNK
    log_x0_PK = log_x0_BNK.flatten(0, 1)
    num_codes = log_x0_PK.shape[1]
    # Most places need few codes, and finding these takes a fraction of sorting all.
    few = max(_FEW, num_codes // _FEW_PART)
    if few >= num_codes:
        return _likeliest(log_x0_PK, num_codes, rate)[0].view_as(log_x0_BNK)
    kept_PK, ends_P = _likeliest(log_x0_PK, few, rate)
    if not bool(ends_P.all()):
        kept_PK[~ends_P] = _likeliest(log_x0_PK[~ends_P], num_codes, rate)[0]
    return kept_PK.view_as(log_x0_BNK)


def _likeliest(log_x0_PK: Tensor, count: int, rate: float) -> tuple[Tensor, Tensor]:
    """Those of the ``count`` likeliest codes of each place that stay, and whether (P,) no other would stay."""
    ordered_PC, order_PC = (
        log_x0_PK.topk(count, dim=1) if count < log_x0_PK.shape[1] else log_x0_PK.sort(descending=True)
    )
    share_PC = ordered_PC.exp()
    until_PC = share_PC.cumsum(dim=1)
    dropped_PC = until_PC - share_PC >= rate
    dropped_PC[:, 0] = False
    kept_PC = ordered_PC.masked_fill(dropped_PC, LOG_FLOOR)
    return torch.full_like(log_x0_PK, LOG_FLOOR).scatter_(1, order_PC, kept_PC), until_PC[:, -1] >= rate


def demand_truncation(rate: float) -> None:
    """Raise ValueError unless a rate of truncation is 0 to 1."""
    if not 0 <= rate <= 1:
        raise ValueError(f"truncation must be 0 to 1, got {rate}")


def top_codes(log_x0_BNK: Tensor, count: int) -> Tensor:
    """The ``count`` likeliest codes of each place; the others get -70. ValueError unless ``count`` is 1 to K."""
    if not 1 <= count <= log_x0_BNK.shape[2]:
        raise ValueError(f"count must be 1 to {log_x0_BNK.shape[2]}, got {count}")
    values, index = log_x0_BNK.topk(count, dim=2)
    return torch.full_like(log_x0_BNK, LOG_FLOOR).scatter_(2, index, values)


def gumbel(uniform: Tensor) -> Tensor:
    """Gumbel noise of uniform numbers 0..1, float64, by the published rounding: ``-log(-log(u + 1e-30) + 1e-30)``."""
    return -(-(uniform.double() + _TINY).log() + _TINY).log()


def drawn(log_probability_BNM: Tensor, uniform_BNM: Tensor) -> Tensor:
    """States (B, N), int64, drawn by the Gumbel-max trick; the probabilities need not sum to 1."""
    return (log_probability_BNM + gumbel(uniform_BNM)).argmax(dim=2)


def start_tokens(schedule: DiffusionSchedule, uniform_BN: Tensor) -> Tensor:
    """Tokens of step T - 1 (B, N), int64, of no picture in particular: masks, and codes where the schedule replaces.

    The published start is all masks; under the released schedule one token in a million differs.
    """
    last = schedule.until(torch.full((1,), schedule.num_steps - 1, device=uniform_BN.device))
    masked = last.mask / (last.mask + schedule.num_codes * last.replace)
    place_BN = (uniform_BN.double() - masked) / (1 - masked).clamp_min(_TINY) * schedule.num_codes
    codes_BN = place_BN.clamp(0, schedule.num_codes - 1).long()
    return torch.where(place_BN < 0, schedule.num_codes, codes_BN)


def purity(log_x0_BNK: Tensor) -> Tensor:
    """How sure the network is of each place (B, N): its highest probability (arXiv:2205.16007, section 4.2).

    Divided by that of the surest place of the picture, as published.
    """
    highest_BN = log_x0_BNK.amax(dim=2)
    return (highest_BN - highest_BN.amax(dim=1, keepdim=True)).exp()


def sharpened(log_x0_BNK: Tensor, purity_BN: Tensor, weight: float) -> Tensor:
    """``softmax((1 + weight * purity) log p(x_0))`` in logs, -70..0: the surer, the sharper. ValueError below 0."""
    if not weight >= 0:
        raise ValueError(f"purity_weight must be 0 or more, got {weight}")
    scaled_BNK = (1 + weight * purity_BN[:, :, None]) * log_x0_BNK
    return scaled_BNK.log_softmax(dim=2).clamp_min(LOG_FLOOR)


def reveal_counts(num_places: int, count: int) -> list[int]:
    """How many of N places each of ``count`` steps reveals: as even as can be, and all of them in the end.

    The published lists are written out for 1,024 places and for 100, 50, 25 or 10 steps.

    Raises
    ------
    ValueError
        If ``count`` is not 1 to N.
    """
    if not 1 <= count <= num_places:
        raise ValueError(f"steps must be 1 to {num_places} places, got {count}")
    shown = [num_places * done // count for done in range(count + 1)]
    return [after - before for before, after in zip(shown[:-1], shown[1:], strict=True)]


def revealed(
    tokens_BN: Tensor, log_x0_BNK: Tensor, counts: Sequence[int], uniform_BNK: Tensor, uniform_BN: Tensor, weight: float
) -> Tensor:
    """Reveal masked places by the purity prior, the sure ones first.

    Places are drawn without replacement, each as likely as it is pure, and their codes from `sharpened` probabilities.
    Where fewer are masked than are to be revealed, all of them are, whatever the number of places.

    Parameters
    ----------
    tokens_BN : Tensor [shape=(B, N), integer, range 0..K]
        K is the mask; codes stay as they are.
    log_x0_BNK : Tensor [shape=(B, N, K)]
        ``log p(x_0 | x_t)``.
    counts : sequence of int
        Places to reveal, of each picture.
    uniform_BNK, uniform_BN : Tensor [range 0..1]
        Draws behind the codes and the places.
    weight : float, >= 0
        As for `sharpened`.

    Returns
    -------
    Tensor [shape=(B, N), int64]

    Raises
    ------
    ValueError
        If tokens are out of range, or a count or ``weight`` is negative.
    """
    num_codes = log_x0_BNK.shape[2]
    demand_tokens(tokens_BN, num_codes + 1)
    if len(counts) != len(tokens_BN) or min(counts) < 0:
        raise ValueError(f"counts must be 0 or more, one a picture, got {list(counts)[:4]}")
    purity_BN = purity(log_x0_BNK)
    codes_BN = drawn(sharpened(log_x0_BNK, purity_BN, weight), uniform_BNK)
    # The highest of log-weight and Gumbel noise are a draw without replacement.
    masked_BN = tokens_BN == num_codes
    keys_BN = (purity_BN.double().log() + gumbel(uniform_BN)).masked_fill(~masked_BN, -torch.inf)
    rank_BN = keys_BN.argsort(dim=1, descending=True).argsort(dim=1)
    chosen_BN = masked_BN & (rank_BN < torch.tensor(counts).to(tokens_BN.device)[:, None])
    return torch.where(chosen_BN, codes_BN, tokens_BN.long())
