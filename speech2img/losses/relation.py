"""Relation supervision of S2IGAN: generated pictures should be to real ones as others of their class.

Relations of a pair of pictures (ground truth first), Wang et al., Interspeech 2020 and TASLP 2021.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

PairKind = Literal["identical", "same_class", "generated", "other_class"]
"""What stands beside the ground truth: itself, another of its class, the generated picture, one of another class."""
RELATIONS: Mapping[PairKind, int] = {"identical": 0, "same_class": 1, "generated": 1, "other_class": 2}
"""Relation of each kind: 0 identical (a copy is not wanted), 1 positive, 2 negative."""


def relation_loss(logits: Mapping[PairKind, Tensor]) -> Tensor:
    """Sum over the kinds of pairs of the mean cross-entropy with the kind's relation.

    The classifier learns from all kinds (Flickr8k and Places: from all but ``identical``), the generator from
    ``generated`` alone.

    Parameters
    ----------
    logits : Mapping of kind to Tensor [shape=(B, R)]
        Scores of each pair's relation; ``R`` is 3, or 4 as published, where no pair has the last.

    Returns
    -------
    Tensor [shape=(), float32, >= 0]

    Raises
    ------
    ValueError
        If there is no pair, or scores have another shape.
    """
    if not logits:
        raise ValueError("there is no pair to judge")
    total = torch.zeros((), device=next(iter(logits.values())).device)
    for kind, scores in logits.items():
        if scores.dim() != 2 or scores.shape[1] <= max(RELATIONS.values()):
            raise ValueError(f"expected (B, 3) scores of the {kind} pairs, got {tuple(scores.shape)}")
        wanted = torch.full((len(scores),), RELATIONS[kind], device=scores.device)
        total = total + F.cross_entropy(scores.float(), wanted)
    return total
