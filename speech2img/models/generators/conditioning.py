"""Conditioning augmentation (StackGAN, arXiv:1612.03242, section 3.2): a Gaussian around the embedding to draw from."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Condition(NamedTuple):
    """A drawn condition and the Gaussian that it was drawn from."""

    sample: Tensor
    """(B, C) float32: ``mu + exp(logvar / 2) * eps``."""
    mu: Tensor
    """(B, C) float32."""
    logvar: Tensor
    """(B, C) float32."""


class ConditioningAugmentation(nn.Module):
    """Embedding to a small random condition, with GLU as in StackGAN-v2 (so that both outputs may have any sign).

    Parameters
    ----------
    embedding_dim : int
        Size of the speech embedding.
    condition_dim : int
        Size of the condition.
    """

    def __init__(self, *, embedding_dim: int = 1024, condition_dim: int = 128) -> None:
        super().__init__()
        self.condition_dim = condition_dim
        self.project = nn.Linear(embedding_dim, 4 * condition_dim)

    def forward(self, embedding_BD: Tensor, eps: Tensor | None = None) -> Condition:
        """Draw a condition for each embedding.

        Parameters
        ----------
        embedding_BD : Tensor [shape=(B, embedding_dim)]
            Speech embeddings.
        eps : Tensor [shape=(B, condition_dim)], optional
            Standard normal draw; None draws one, zeros give ``mu`` itself.

        Returns
        -------
        Condition
        """
        mu, logvar = F.glu(self.project(embedding_BD).float(), dim=1).chunk(2, dim=1)
        if eps is None:
            eps = torch.randn_like(mu)
        return Condition(mu + torch.exp(0.5 * logvar) * eps, mu, logvar)
