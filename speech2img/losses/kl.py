"""Kullback-Leibler term of conditioning augmentation."""

import torch
from torch import Tensor


def kl_to_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """Divergence of N(mu, exp(logvar)) from N(0, 1), **mean** over batch and dimensions (published weight 2).

    Parameters
    ----------
    mu, logvar : Tensor [shape=(B, C)]

    Returns
    -------
    Tensor [shape=(), float32, >= 0]
    """
    mu, logvar = mu.float(), logvar.float()
    return -0.5 * torch.mean(1 + logvar - mu.square() - logvar.exp())
