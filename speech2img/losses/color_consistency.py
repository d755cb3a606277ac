"""Colour consistency between the stages of a stacked generator (StackGAN-v2, arXiv:1710.10916, section 4.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def color_consistency_loss(
    images: Sequence[Tensor], *, mean_weight: float = 1.0, covariance_weight: float = 5.0
) -> Tensor:
    """Keep the colours of each stage near those of the stage before it.

    Parameters
    ----------
    images : sequence of Tensor [shape=(B, 3, S, S), range -1..1]
        Generated images, smallest first. The smaller of each neighbouring pair is the target and gets no gradient.
    mean_weight, covariance_weight : float
        Weights of the channel means and of the 3x3 channel covariances (over the pixels of an image).

    Returns
    -------
    Tensor [shape=(), float32]
        Sum over the pairs of mean squared differences; 0 for a single stage.
    """
    total = images[0].new_zeros((), dtype=torch.float32)
    statistics = [_mean_and_covariance(image.float()) for image in images]
    for (small_mean, small_covariance), (mean, covariance) in zip(statistics[:-1], statistics[1:], strict=True):
        total = total + mean_weight * F.mse_loss(mean, small_mean.detach())
        total = total + covariance_weight * F.mse_loss(covariance, small_covariance.detach())
    return total


def _mean_and_covariance(images: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 3) means and (B, 3, 3) covariances of the channels."""
    pixels_BCP = images.flatten(2)
    mean = pixels_BCP.mean(dim=2)
    centred = pixels_BCP - mean[:, :, None]
    return mean, centred @ centred.transpose(1, 2) / pixels_BCP.shape[2]
