"""Conditioning augmentation (StackGAN, arXiv:1612.03242, section 3.2): a Gaussian around the embedding to draw from."""

from typing import Literal, NamedTuple

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


Activation = Literal["glu", "relu"]
"""Of the Gaussian: the gate of StackGAN-v2, whose outputs may have any sign, or the rectifier of StackGAN-v1, whose
mean and logarithm of the variance are never negative."""


class ConditioningAugmentation(nn.Module):
    """Embedding to a small random condition.

    Parameters
    ----------
    embedding_dim : int
        Size of the speech embedding.
    condition_dim : int
        Size of the condition.
    activation : {"glu", "relu"}
        See `Activation`.
    """

    def __init__(self, *, embedding_dim: int = 1024, condition_dim: int = 128, activation: Activation = "glu") -> None:
        super().__init__()
        self.condition_dim, self.activation = condition_dim, activation
        self.project = nn.Linear(embedding_dim, (4 if activation == "glu" else 2) * condition_dim)

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
        projected = self.project(embedding_BD).float()
        gaussian = F.glu(projected, dim=1) if self.activation == "glu" else F.relu(projected)
        mu, logvar = gaussian.chunk(2, dim=1)
        if eps is None:
            eps = torch.randn_like(mu)
        return Condition(mu + torch.exp(0.5 * logvar) * eps, mu, logvar)
