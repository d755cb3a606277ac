"""Losses of a recogniser: cross-entropy of characters with smoothed labels, and connectionist temporal classification.

Shape letters: B batch, N characters, V classes, S steps of the encoder.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Over = Literal["kept", "all"]


def character_loss(logits_BNV: Tensor, wanted_BN: Tensor, *, smoothing: float, pad: int = 0, over: Over) -> Tensor:
    """Cross-entropy against ``(1 - smoothing) * one-hot + smoothing / V``; padding has no weight.

    Parameters
    ----------
    logits_BNV : Tensor [shape=(B, N, V)]
        Of the character at each place.
    wanted_BN : Tensor [shape=(B, N), int64]
        The right ones, ``pad`` behind a text.
    smoothing : float
        0..1; published 0.1.
    pad : int
        Number of the padding.
    over : {"kept", "all"}
        What the sum is divided by: the places that are kept, or all of them, as Keras does for ``transformer_asr``
        (there the size of a step depends on the lengths of the texts).

    Returns
    -------
    Tensor [shape=()]
    """
    # Each place by itself, then those that count.
    kept_BN = wanted_BN != pad
    places_BN = F.cross_entropy(logits_BNV.transpose(1, 2), wanted_BN, label_smoothing=smoothing, reduction="none")
    count = kept_BN.sum() if over == "kept" else torch.ones_like(kept_BN).sum()
    return (places_BN * kept_BN).sum() / count.clamp_min(1)


def ctc_loss(logits_BSV: Tensor, steps_B: Tensor, wanted_BN: Tensor, *, pad: int = 0, marks: int = 4) -> Tensor:
    """Connectionist temporal classification (Graves et al. 2006), a character on average; ``pad`` is its blank.

    Parameters
    ----------
    logits_BSV : Tensor [shape=(B, S, V)]
        Of the encoder's steps.
    steps_B : Tensor [shape=(B,), int64, CPU]
        Valid steps.
    wanted_BN : Tensor [shape=(B, N), int64, CPU]
        Texts; numbers below ``marks`` (end, unknown) are left out. Both are read by the host, so that no device is
        waited for.
    pad, marks : int
        Number of the blank, and of the first character.

    Returns
    -------
    Tensor [shape=(B,)]
        Texts that need more steps than there are count as 0.
    """
    # Texts without their marks.
    log_probability_SBV = logits_BSV.float().log_softmax(dim=2).transpose(0, 1)
    kept = [row[row >= marks] for row in wanted_BN]
    lengths_B = torch.tensor([len(row) for row in kept])
    # A row each, of one width whatever is kept.
    texts_BN = torch.full_like(wanted_BN, pad)
    for text, row in zip(texts_BN, kept, strict=True):
        text[: len(row)] = row
    there_BN = texts_BN.to(logits_BSV.device, non_blocking=True)
    row_B = F.ctc_loss(
        log_probability_SBV, there_BN, steps_B, lengths_B, blank=pad, reduction="none", zero_infinity=True
    )
    return row_B / lengths_B.clamp_min(1).to(row_B.device, non_blocking=True)
