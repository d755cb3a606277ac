"""How well an attention went through a text: four numbers between 0 and 1 that are 1 for a clean diagonal."""

from typing import NamedTuple

import torch
from torch import Tensor


class AlignmentScores(NamedTuple):
    """What is measured on one utterance's attention weights."""

    focus: float
    """Mean over the steps of the largest weight: 1 where the attention always reads one symbol."""
    diagonal: float
    """Share of the diagonal's variance that the mean position follows: 1 for a straight line from the first symbol to
    the last, 0 (never less) for attention that stays where it is."""
    monotonic: float
    """Share of steps whose mean position is at most one symbol before the last one's."""
    coverage: float
    """Share of symbols within two of a mean position that was read: below 1 where something was skipped."""


def alignment_scores(alignment_TS: Tensor) -> AlignmentScores:
    """Measure one utterance.

    Parameters
    ----------
    alignment_TS : Tensor [shape=(T, S), 0..1]
        Attention weights without padding, a row a step; at least two steps.

    Raises
    ------
    ValueError
        If it has another shape.
    """
    # Attention as a path: the mean position over the symbols at each step.
    if alignment_TS.dim() != 2 or alignment_TS.shape[0] < 2:
        raise ValueError(f"expected at least two steps of weights, got shape {tuple(alignment_TS.shape)}")
    weights = alignment_TS.detach().double().cpu()
    steps = torch.arange(weights.shape[0], dtype=torch.float64)
    symbols = torch.arange(weights.shape[1], dtype=torch.float64)
    position_T = weights @ symbols
    line_T = steps * (weights.shape[1] - 1) / (weights.shape[0] - 1)
    # How much of it a straight line explains.
    variance = (line_T - line_T.mean()).square().sum()
    unexplained = (position_T - line_T).square().sum()
    diagonal = 1.0 - float(unexplained / variance) if variance > 0 else 1.0
    # Symbols that the path comes near.
    near = (position_T[:, None] - symbols).abs().min(dim=0).values <= 2.0
    return AlignmentScores(
        focus=float(weights.max(dim=1).values.mean()),
        diagonal=max(0.0, diagonal),
        monotonic=float((position_T.diff() >= -1.0).double().mean()),
        coverage=float(near.double().mean()),
    )
