"""Feature consistency: a generated image should carry the features that the teacher sees or the speech names."""

from torch import Tensor
from torch.nn import functional as F


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
