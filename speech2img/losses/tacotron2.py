"""Losses of Tacotron 2: frames, stop, and a push of the attention towards the diagonal."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

FrameLoss = Literal["mse", "l1", "mse+l1"]


def frame_loss(predicted_BMT: Tensor, true_BMT: Tensor, valid_B1T: Tensor, *, kind: FrameLoss = "mse") -> Tensor:
    """Mean difference of log-mel frames, padding left out.

    Parameters
    ----------
    predicted_BMT, true_BMT : Tensor [shape=(B, M, T)]
        Frames.
    valid_B1T : Tensor [shape=(B, 1, T)]
        1 where a frame is valid, else 0.
    kind : {"mse", "l1", "mse+l1"}
        Squared as published, absolute, or the sum of both.
    """
    difference = (predicted_BMT - true_BMT) * valid_B1T
    total = torch.zeros((), device=difference.device)
    if "mse" in kind:
        total = total + difference.square().sum()
    if "l1" in kind:
        total = total + difference.abs().sum()
    return total / (valid_B1T.sum() * true_BMT.shape[1])


def stop_loss(gate_BT: Tensor, steps_B: Tensor, *, positive: float = 1.0) -> Tensor:
    """Binary cross-entropy of the stop logits, padding left out: each utterance stops with its last step.

    Parameters
    ----------
    gate_BT : Tensor [shape=(B, T)]
        Logits.
    steps_B : Tensor [shape=(B,), int64]
        Steps of each utterance, 1..T.
    positive : float
        Weight of the one last step beside the many others; published 1.
    """
    steps = torch.arange(gate_BT.shape[1], device=gate_BT.device)
    last_B1 = steps_B.to(gate_BT.device, non_blocking=True)[:, None] - 1
    losses = F.binary_cross_entropy_with_logits(
        gate_BT, (steps == last_B1).to(gate_BT.dtype), reduction="none", pos_weight=gate_BT.new_full((), positive)
    )
    return _mean_where(losses, steps <= last_B1)


def _mean_where(values: Tensor, counted: Tensor) -> Tensor:
    """Mean of some values; to pick them out would let the host wait until the device has counted them."""
    return values.masked_fill(~counted, 0.0).sum() / counted.sum()


def guided_attention_loss(alignment_BTS: Tensor, steps_B: Tensor, symbols_B: Tensor, *, width: float = 0.2) -> Tensor:
    """How far the attention is from the diagonal: 0 on it, nearly 1 in the opposite corners.

    Parameters
    ----------
    alignment_BTS : Tensor [shape=(B, T, S)]
        Attention weights.
    steps_B, symbols_B : Tensor [shape=(B,), int64]
        Valid steps and symbols.
    width : float
        Breadth g of the free band, as a share of the text.

    Notes
    -----
    Tachibana, Uenoyama and Aihara 2017 (arXiv:1710.08969), sec. 3.3: W = 1 - exp(-(s/S - t/T)^2 / (2 g^2)). Here W is
    averaged over the steps, with the attention as weights, so that the value does not depend on the text's length.
    """
    device = alignment_BTS.device
    steps_B, symbols_B = (lengths.to(device, non_blocking=True) for lengths in (steps_B, symbols_B))
    step = torch.arange(alignment_BTS.shape[1], device=device) / steps_B[:, None]
    symbol = torch.arange(alignment_BTS.shape[2], device=device) / symbols_B[:, None]
    distance_BTS = symbol[:, None, :] - step[:, :, None]
    penalty_BTS = 1.0 - torch.exp(-distance_BTS.square() / (2.0 * width**2))
    penalty_BT = (alignment_BTS * penalty_BTS).sum(dim=2)
    return _mean_where(penalty_BT, step < 1.0)
