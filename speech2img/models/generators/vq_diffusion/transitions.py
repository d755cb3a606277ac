"""The forward process and its posterior, from which each reverse step is drawn (arXiv:2111.14822, equations 4 to 11).

Shape letters: B pictures, N places, K codes, M = K + 1 states of a place: the codes, and the mask behind them.
"""

import math

import torch
from torch import Tensor

from speech2img.models.generators.vq_diffusion.schedule import DiffusionSchedule

LOG_FLOOR = -70.0
"""Log-probability that stands for "never": exp of it is 4e-31."""


def demand_tokens(tokens_BN: Tensor, num_states: int) -> None:
    """Raise ValueError unless all of (B, N) tokens are whole numbers from 0 to below ``num_states``.

    Values are looked at on the CPU alone: elsewhere a training step would wait for the device.
    """
    if tokens_BN.dim() != 2 or tokens_BN.is_floating_point() or not tokens_BN.numel():
        raise ValueError(f"expected tokens of shape (B, N), got {tokens_BN.dtype} {tuple(tokens_BN.shape)}")
    if tokens_BN.device.type != "cpu":
        return
    low, high = int(tokens_BN.min()), int(tokens_BN.max())
    if low < 0 or high >= num_states:
        raise ValueError(f"tokens must be 0 to {num_states - 1}, got {low if low < 0 else high}")


def demand_times(time_B: Tensor, num_steps: int, *, first: int = 0) -> None:
    """Raise ValueError unless all steps of a diffusion are ``first`` to ``num_steps - 1``; as `demand_tokens`."""
    if time_B.is_floating_point() or not time_B.numel():
        raise ValueError(f"expected whole steps, got {time_B.dtype} {tuple(time_B.shape)}")
    if time_B.device.type != "cpu":
        return
    low, high = int(time_B.min()), int(time_B.max())
    if low < first or high >= num_steps:
        raise ValueError(f"steps must be {first} to {num_steps - 1}, got {low if low < first else high}")


def log_transition(
    schedule: DiffusionSchedule, tokens_BN: Tensor, time_B: Tensor, since_B: Tensor | None = None
) -> Tensor:
    """``log q(x_t | x_s)``: where tokens of a step s may be at a later step t.

    Parameters
    ----------
    schedule : DiffusionSchedule
        Of K codes and T steps.
    tokens_BN : Tensor [shape=(B, N), integer, range 0..K]
        At step s; K is the mask, which stays.
    time_B : Tensor [shape=(B,), integer, range 0..T - 1]
        Step t; -1 is allowed where it is also s.
    since_B : Tensor [shape=(B,), integer, range -1..t], optional
        Step s; by default -1, the clean picture. ``time_B - 1`` gives the transition of one step.

    Returns
    -------
    Tensor [shape=(B, N, K + 1), float64, range -70..0]

    Raises
    ------
    ValueError
        If tokens or steps are out of range.
    """
    demand_tokens(tokens_BN, schedule.num_codes + 1)
    demand_times(time_B, schedule.num_steps, first=-1)
    if since_B is None:
        since_B = torch.full_like(time_B, -1)
    demand_times(since_B, int(time_B.max()) + 1, first=-1)
    keep_B1, replace_B1, mask_B1 = (share[:, None] for share in schedule.between(since_B, time_B))
    masked_BN = tokens_BN == schedule.num_codes
    shape = (*tokens_BN.shape, schedule.num_codes + 1)
    probability = torch.where(masked_BN, 0.0, replace_B1)[:, :, None].expand(shape).contiguous()
    probability[:, :, -1] = mask_B1
    stays_BN = torch.where(masked_BN, 1.0, keep_B1 + replace_B1)
    probability.scatter_(2, tokens_BN.long()[:, :, None], stays_BN[:, :, None])
    return _floored_log(probability)


def noised(schedule: DiffusionSchedule, codes_BN: Tensor, time_B: Tensor, uniform_BN: Tensor) -> Tensor:
    """Draw x_t of clean codes x_0.

    Parameters
    ----------
    schedule : DiffusionSchedule
    codes_BN : Tensor [shape=(B, N), integer, range 0..K - 1]
    time_B : Tensor [shape=(B,), integer, range 0..T - 1]
    uniform_BN : Tensor [shape=(B, N), range 0..1, 1 excluded]
        One draw a place, of any precision.

    Returns
    -------
    Tensor [shape=(B, N), int64, range 0..K]

    Raises
    ------
    ValueError
        If codes or steps are out of range.
    """
    demand_tokens(codes_BN, schedule.num_codes)
    demand_times(time_B, schedule.num_steps)
    keep_B1, replace_B1, mask_B1 = (share[:, None] for share in schedule.until(time_B))
    beyond_BN = uniform_BN.double() - keep_B1 - mask_B1
    drawn_BN = (beyond_BN / replace_B1.clamp_min(torch.finfo(torch.float64).tiny)).clamp(0, schedule.num_codes - 1)
    tokens_BN = torch.where(uniform_BN < keep_B1, codes_BN.long(), schedule.num_codes)
    return torch.where(beyond_BN >= 0, drawn_BN.long(), tokens_BN)


def log_posterior(
    schedule: DiffusionSchedule, log_x0_BNK: Tensor, tokens_BN: Tensor, time_B: Tensor, until_B: Tensor | None = None
) -> Tensor:
    r"""``log p(x_s | x_t)``, the mixture of ``q(x_s | x_t, x_0)`` over what x_0 may be.

    Parameters
    ----------
    schedule : DiffusionSchedule
        Of K codes and T steps.
    log_x0_BNK : Tensor [shape=(B, N, K)]
        ``log p(x_0 | x_t)``; `log_one_hot` of known codes gives the true posterior. It need not sum to 1 (a truncated
        one does not): the result then sums to less as well.
    tokens_BN : Tensor [shape=(B, N), integer, range 0..K]
        x_t.
    time_B : Tensor [shape=(B,), integer, range 0..T - 1]
        Step t.
    until_B : Tensor [shape=(B,), integer, range -1..t - 1], optional
        Step s; by default t - 1.

    Returns
    -------
    Tensor [shape=(B, N, K + 1), in the precision of ``log_x0_BNK``, range -70..0]
        float64 is wanted: at one token replaced in a million, single precision holds no such share.

    Raises
    ------
    ValueError
        If tokens or steps are out of range.

    Notes
    -----
    By Bayes, ``q(x_s | x_t, x_0) = q(x_t | x_s) q(x_s | x_0) / q(x_t | x_0)``. For a masked place the quotient of the
    first and the last is the same for all codes; for a place of code c it is one number at c and another elsewhere.
    So over all codes the mixture is a line in ``p(x_0)``, whose entry at c is then corrected.
    """
    demand_tokens(tokens_BN, schedule.num_codes + 1)
    demand_times(time_B, schedule.num_steps)
    if until_B is None:
        until_B = time_B - 1
    demand_times(until_B, schedule.num_steps, first=-1)
    if until_B.device.type == "cpu" and not bool((until_B < time_B).all()):
        raise ValueError("a reverse step must lead to an earlier one")
    kind = torch.float64 if log_x0_BNK.dtype == torch.float64 else torch.float32
    step, before, whole = (
        [share.to(kind)[:, None] for share in shares]
        for shares in (schedule.between(until_B, time_B), schedule.until(until_B), schedule.until(time_B))
    )
    keep, replace, mask = step
    keep_before, replace_before, mask_before = before
    keep_whole, replace_whole, mask_whole = whole

    # What the codes of an unmasked place weigh, divided by q(x_t | x_0).
    x0_BNK = log_x0_BNK.to(kind).exp()
    total_BN = x0_BNK.sum(dim=2)
    masked_BN = tokens_BN == schedule.num_codes
    index_BN1 = tokens_BN.long().clamp_max(schedule.num_codes - 1)[:, :, None]
    here_BN = x0_BNK.gather(2, index_BN1)[:, :, 0]
    elsewhere = torch.where(replace_whole > 0, 1 / replace_whole, torch.zeros_like(replace_whole))
    weight_here_BN = here_BN / (keep_whole + replace_whole)
    weights_BN = (total_BN - here_BN).clamp_min(0) * elsewhere + weight_here_BN

    # The line over all codes, its entry at the code that is there, and the mask.
    slope_BN = torch.where(masked_BN, mask / mask_whole * keep_before, replace * elsewhere * keep_before)
    offset_BN = torch.where(
        masked_BN, mask / mask_whole * replace_before * total_BN, replace * replace_before * weights_BN
    )
    codes_BNK = torch.addcmul(offset_BN[:, :, None], slope_BN[:, :, None], x0_BNK)
    corrected_BN = (keep + replace) * (keep_before * weight_here_BN + replace_before * weights_BN)
    at_code_BN = torch.where(masked_BN, slope_BN * here_BN + offset_BN, corrected_BN)
    codes_BNK = codes_BNK.scatter(2, index_BN1, at_code_BN[:, :, None])
    mask_BN = torch.where(masked_BN, mask_before / mask_whole * total_BN, torch.zeros_like(total_BN))
    return _floored_log(torch.cat([codes_BNK, mask_BN[:, :, None]], dim=2))


def log_one_hot(codes_BN: Tensor, num_codes: int) -> Tensor:
    """Log-probabilities (B, N, K), float64, of codes that are known: 0 at the code, -70 elsewhere; ValueError if out of
    range.
    """
    demand_tokens(codes_BN, num_codes)
    logs = torch.full((*codes_BN.shape, num_codes), LOG_FLOOR, dtype=torch.float64, device=codes_BN.device)
    return logs.scatter_(2, codes_BN.long()[:, :, None], 0.0)


def log_predicted(logits_BNK: Tensor) -> Tensor:
    """``log p(x_0 | x_t)`` of a network's logits: log-softmax in float64, not below -70."""
    return logits_BNK.double().log_softmax(dim=2).clamp_min(LOG_FLOOR)


def _floored_log(probability: Tensor) -> Tensor:
    return probability.clamp(math.exp(LOG_FLOOR), 1.0).log()
