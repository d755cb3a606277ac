"""Losses of a discrete diffusion (Gu et al., arXiv:2111.14822, equations 8 to 10): exact, in float64.

Shape letters: B pictures, N places, K codes, M = K + 1 states of a place: the codes, and the mask behind them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

AUXILIARY_WEIGHTS = {"vq-diffusion": 5e-4, "s2ivq-d": 1e-3}
"""Published weights of the auxiliary term."""


class DiffusionLoss(NamedTuple):
    """Terms of each picture, summed over its places; the first two are weighted by mask."""

    variational_B: Tensor
    """Divergence of the posteriors; at step 0 what `decoder_nll` gives, without the weights of masked places."""
    auxiliary_B: Tensor
    """Surprise by x_0 itself; at step 0 that of the decoder."""
    total: Tensor
    """(): both, weighted, over pictures and places."""


def posterior_divergence(log_true_BNM: Tensor, log_model_BNM: Tensor) -> Tensor:
    """``KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t))`` of each place, (B, N), from log-probabilities."""
    return (log_true_BNM.exp() * (log_true_BNM - log_model_BNM)).sum(dim=2)


def decoder_nll(log_model_BNM: Tensor, codes_BN: Tensor) -> Tensor:
    """``-log p(x_0)`` of each place, (B, N): of the model's posterior, where it leads to step -1."""
    return -log_model_BNM.gather(2, codes_BN.long()[:, :, None])[:, :, 0]


def auxiliary_divergence(log_x0_BNK: Tensor, codes_BN: Tensor) -> Tensor:
    """``KL(x_0 || p(x_0 | x_t))`` of each place, (B, N): x_0 is known, so it is the surprise by it."""
    return decoder_nll(log_x0_BNK, codes_BN)


def auxiliary_weight(time_B: Tensor, num_steps: int, weight: float, *, adaptive: bool = True) -> Tensor:
    """Weight of the auxiliary term at each step, (B,), float64: ``weight * (2 - t / T)``, or where not adaptive
    ``weight``; both are published.
    """
    falling_B = 2 - time_B.double() / num_steps
    return weight * (falling_B if adaptive else torch.ones_like(falling_B))


def vq_diffusion_loss(
    log_true_BNM: Tensor,
    log_model_BNM: Tensor,
    log_x0_BNK: Tensor,
    codes_BN: Tensor,
    is_masked_BN: Tensor,
    *,
    time_B: Tensor,
    probability_B: Tensor,
    num_steps: int,
    weight: float,
    adaptive: bool = True,
    mask_weights: tuple[float, float] = (1.0, 1.0),
) -> DiffusionLoss:
    """Variational bound of a batch whose steps were drawn with given probabilities, with the auxiliary term.

    Parameters
    ----------
    log_true_BNM, log_model_BNM : Tensor [shape=(B, N, K + 1)]
        Posteriors ``q(x_{t-1} | x_t, x_0)`` and ``p(x_{t-1} | x_t)``.
    log_x0_BNK : Tensor [shape=(B, N, K)]
        What the network gives, ``log p(x_0 | x_t)``.
    codes_BN : Tensor [shape=(B, N), integer]
        x_0.
    is_masked_BN : Tensor [shape=(B, N), bool]
        Where x_t is the mask.
    time_B : Tensor [shape=(B,), integer, range 0..T - 1]
    probability_B : Tensor [shape=(B,), above 0]
        Of drawing just this step: terms are divided by it.
    num_steps : int
        T.
    weight : float, >= 0
        Of the auxiliary term (`AUXILIARY_WEIGHTS`).
    adaptive : bool
        As for `auxiliary_weight`.
    mask_weights : (float, float)
        Of places that are masked in x_t, and of the others; published: 1 and 1.

    Returns
    -------
    DiffusionLoss

    Raises
    ------
    ValueError
        If shapes do not fit, a probability is not above 0, or a weight is negative.
    """
    shape, rows = tuple(codes_BN.shape), (len(codes_BN),)
    shapes = [tuple(part.shape[:2]) for part in (log_true_BNM, log_model_BNM, log_x0_BNK, is_masked_BN)]
    if any(other != shape for other in shapes) or tuple(time_B.shape) != rows or tuple(probability_B.shape) != rows:
        raise ValueError(f"shapes do not fit codes of {shape}: {shapes}, {tuple(time_B.shape)}")
    # Values are looked at on the CPU alone: elsewhere a step would wait for the device.
    on_host = probability_B.device.type == "cpu"
    if min(weight, *mask_weights) < 0 or (on_host and not bool((probability_B > 0).all())):
        raise ValueError("weights must be 0 or more, probabilities of steps above 0")
    # Sum over places.
    weights_BN = torch.where(is_masked_BN, mask_weights[0], mask_weights[1])
    divergence_B = (weights_BN * posterior_divergence(log_true_BNM, log_model_BNM)).sum(dim=1)
    nll_B = decoder_nll(log_model_BNM, codes_BN).sum(dim=1)
    auxiliary_B = (weights_BN * auxiliary_divergence(log_x0_BNK, codes_BN)).sum(dim=1)
    # The last step of all has no posterior to compare with.
    is_last_B = time_B == 0
    variational_B = torch.where(is_last_B, nll_B, divergence_B)
    auxiliary_B = torch.where(is_last_B, nll_B, auxiliary_B)
    weighted_B = variational_B + auxiliary_weight(time_B, num_steps, weight, adaptive=adaptive) * auxiliary_B
    return DiffusionLoss(variational_B, auxiliary_B, (weighted_B / probability_B).sum() / codes_BN.numel())
