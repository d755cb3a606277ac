"""Class-aware loss of Li et al. 2020: generated images of one class should look alike to the discriminator."""

import torch
from torch import Tensor
from torch.nn import functional as F


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
