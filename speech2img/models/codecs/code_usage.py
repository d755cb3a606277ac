"""How much of a codebook is used: counts of codes, their perplexity, the share of codes that occur at all."""

from typing import NamedTuple

import torch
from torch import Tensor


class CodeUsage(NamedTuple):
    """Usage of a codebook over some tokens."""

    perplexity: float
    """Exponential of the entropy of the codes' frequencies: 1 where one code does all, K where all K do the same."""
    share: float
    """Part of the codes that occur, 0..1."""


def count_codes(tokens: Tensor, num_codes: int) -> Tensor:
    """How often each code occurs.

    Parameters
    ----------
    tokens : Tensor [any shape, int64]
        Numbers of codes, 0..num_codes - 1.
    num_codes : int
        Of the codebook.

    Returns
    -------
    Tensor [shape=(num_codes,), int64]
        Counts of several batches may be added up.

    Raises
    ------
    ValueError
        If a token is out of range.
    """
    if tokens.numel() and not (0 <= int(tokens.min()) and int(tokens.max()) < num_codes):
        raise ValueError(f"tokens must be 0..{num_codes - 1}, got {int(tokens.min())}..{int(tokens.max())}")
    return count_own_codes(tokens, num_codes)


def count_own_codes(tokens: Tensor, num_codes: int) -> Tensor:
    """`count_codes` of tokens that a quantiser has just given: they are not looked at, and no device is waited for."""
    rows = tokens.flatten()
    return torch.zeros(num_codes, dtype=torch.int64, device=rows.device).scatter_add_(0, rows, torch.ones_like(rows))


def code_usage(counts_K: Tensor) -> CodeUsage:
    """Usage of a codebook.

    Parameters
    ----------
    counts_K : Tensor [shape=(K,), int64, >= 0]
        From `count_codes`.

    Raises
    ------
    ValueError
        If nothing was counted.
    """
    total = int(counts_K.sum())
    if not total:
        raise ValueError("no token was counted")
    shares = counts_K.double() / total
    return CodeUsage(float(torch.special.entr(shares).sum().exp()), float((counts_K > 0).double().mean()))
