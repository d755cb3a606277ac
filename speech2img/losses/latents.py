"""Penalty on latents: each channel's values should spread like a standard normal, so that a flow from noise is easy."""

import torch
from torch import Tensor

_SMALLEST = 1e-6


def latent_moments(latents_BChw: Tensor) -> Tensor:
    """First and second moment of each channel of each image; those of a batch are their mean over it.

    Parameters
    ----------
    latents_BChw : Tensor [shape=(B, C, h, w), float]

    Returns
    -------
    Tensor [shape=(B, 2, C), float32]

    Raises
    ------
    ValueError
        If the batch is of another shape, or empty.
    """
    if latents_BChw.dim() != 4 or 0 in latents_BChw.shape:
        raise ValueError(f"expected latents of shape (B, C, h, w), got {tuple(latents_BChw.shape)}")
    values_BCP = latents_BChw.float().flatten(2)
    return torch.stack([values_BCP.mean(dim=2), values_BCP.square().mean(dim=2)], dim=1)


def latent_penalty(moments_B2C: Tensor) -> Tensor:
    """Divergence of a normal of each channel's mean and variance over the batch from N(0, 1), mean over the channels.

    Parameters
    ----------
    moments_B2C : Tensor [shape=(B, 2, C)]
        From `latent_moments`, of all images of the batch.

    Returns
    -------
    Tensor [shape=(), float32, >= 0]
        0 where every channel has mean 0 and variance 1, whatever is in the single images: unlike the divergence of a
        variational autoencoder, it asks for no noise and hides nothing of an image.
    """
    mean, square = moments_B2C.mean(dim=0)
    variance = (square - mean.square()).clamp_min(_SMALLEST)
    return 0.5 * (mean.square() + variance - 1 - variance.log()).mean()
