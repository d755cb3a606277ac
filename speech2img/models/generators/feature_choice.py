"""Choice among features that a prior drew: those whose attributes are the likeliest by what was said.

A prior that draws as it learned gives whole, coherent images, but now and then another colour than was said.
To draw several and keep one mends this before anything is painted, at a hundredth of what the choice among painted
images costs (`Reranker`; Ramesh et al., arXiv:2102.12092, section 2.6).

Shape letters: B utterances, C candidates, F size of the features, A attributes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

AttributeLogits = Callable[[Tensor], Sequence[Tensor]]
"""``logits(features_NF)`` gives for each of A attributes the logits (N, values) that a linear reader finds."""


def fit_to_speech(drawn_BCF: Tensor, said_BF: Tensor, logits: AttributeLogits) -> Tensor:
    """How well each candidate fits: the log-probability that what was said gives to the attributes read off it.

    Parameters
    ----------
    drawn_BCF : Tensor [shape=(B, C, F)]
        Features that a prior drew.
    said_BF : Tensor [shape=(B, F)]
        What speech says on average: of an attribute that was not mentioned all values are about as likely, and so it
        hardly counts.
    logits : callable
        See `AttributeLogits`.

    Returns
    -------
    Tensor [shape=(B, C), float32, range <= 0]
    """
    fit_BC = torch.zeros(drawn_BCF.shape[:2], device=drawn_BCF.device)
    of_candidates = logits(drawn_BCF.flatten(0, 1))
    for read_NV, said_BV in zip(of_candidates, logits(said_BF), strict=True):
        value_BC = read_NV.argmax(dim=1).view_as(fit_BC)
        fit_BC += said_BV.float().log_softmax(dim=1).gather(1, value_BC)
    return fit_BC


def choose_features(drawn_BCF: Tensor, said_BF: Tensor, logits: AttributeLogits) -> Tensor:
    """Of each utterance's candidates the one that fits best (B, F); arguments as of `fit_to_speech`."""
    best_B = fit_to_speech(drawn_BCF, said_BF, logits).argmax(dim=1)
    return drawn_BCF[torch.arange(len(best_B), device=best_B.device), best_B]
