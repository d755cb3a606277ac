"""Terms of a generator beside the adversarial one: conditioning, colours between stages, class, features.

StackGAN-v2 (arXiv:1710.10916, section 4.3), Li et al. 2020 (class-aware loss), and our own feature consistency.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


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


def class_aware_loss(codes_BN: Tensor, classes_B: Tensor) -> Tensor:
    """How much less alike the codes of one class are than codes at large (published formula, weight 50).

    Parameters
    ----------
    codes_BN : Tensor [shape=(B, N)]
        Flattened discriminator codes of generated images.
    classes_B : Tensor [shape=(B,), integer]

    Returns
    -------
    Tensor [shape=(), float32, >= 0]
        ``max(0, mean(s) - mean(s over other items of the same class)) / N`` with ``s = X X^T``; 0 where no class occurs
        twice.

    Raises
    ------
    ValueError
        If the number of classes is not B.
    """
    if codes_BN.dim() != 2 or classes_B.shape != codes_BN.shape[:1]:
        raise ValueError(f"expected (B, N) codes and B classes, got {tuple(codes_BN.shape)}, {tuple(classes_B.shape)}")
    codes = codes_BN.float()
    similarity = codes @ codes.T
    pairs = (classes_B[:, None] == classes_B[None, :]) & ~torch.eye(len(codes), dtype=torch.bool, device=codes.device)
    count = pairs.sum()
    same = (similarity * pairs).sum() / count.clamp_min(1)
    return F.relu(similarity.mean() - same) * (count > 0) / codes.shape[1]


def feature_consistency_loss(fake_features_BD: Tensor, target_features_BD: Tensor) -> Tensor:
    """One minus the cosine between features of generated images and their targets (our own; off in published presets).

    Parameters
    ----------
    fake_features_BD : Tensor [shape=(B, D)]
        Teacher's features of the generated images, with gradient.
    target_features_BD : Tensor [shape=(B, D)]
        Features of the real images, or the speech embeddings; no gradient goes there.

    Returns
    -------
    Tensor [shape=(), float32, 0..2]

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if fake_features_BD.shape != target_features_BD.shape:
        raise ValueError(
            f"features have shape {tuple(fake_features_BD.shape)}, targets {tuple(target_features_BD.shape)}"
        )
    cosine = F.cosine_similarity(fake_features_BD.float(), target_features_BD.detach().float(), dim=1)
    return (1 - cosine).mean()
