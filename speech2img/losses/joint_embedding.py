"""Joint embedding losses: matching pairs of speech and image must score higher than mismatched ones."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Form = Literal["published", "corrected"]


def joint_embedding_loss(
    image_BD: Tensor,
    speech_BD: Tensor,
    classes_B: Tensor,
    *,
    form: Form = "corrected",
    margin: float = 1.0,
    loss_diff: float = 1.0,
    loss_same: float = 0.1,
    scale: float = 10.0,
) -> Tensor:
    """Ranking loss of matching over mismatched pairs (Li et al. 2020, "JEL"; after Reed et al. 2016).

    Parameters
    ----------
    image_BD, speech_BD : Tensor [shape=(B, D)]
        Row i of both belongs to one item; the image features are usually frozen.
    classes_B : Tensor [shape=(B,), integer]
        Class of each item.
    form : {"corrected", "published"}
        ``published``: raw dot products S, one direction only (wrong images against a speech anchor), sum over all pairs
        divided by B*B. ``corrected``: ``scale`` times the cosine, both directions, and the mean over the pairs of each
        kind that the batch really has, so that neither feature norm nor class mixture sets the loss's size.
    margin : float
        By which an item of another class must lose. Items of the same class have margin 0: they may score equal, for a
        caption may fit both, but not better.
    loss_diff, loss_same : float
        Weights of the pairs of different and of the same class.
    scale : float
        Factor on cosines (``corrected`` only): ``margin / scale`` is the margin as a cosine.

    Returns
    -------
    Tensor [shape=(), float32]

    Raises
    ------
    ValueError
        For shapes that do not fit or an unknown form.
    """
    _check(image_BD, speech_BD, classes_B)
    # Pairs of the same class are treated apart.
    same = classes_B[:, None] == classes_B[None, :]
    image, speech = image_BD.float(), speech_BD.float()
    # As published: scores without normalisation, compared along one axis only.
    if form == "published":
        score = image @ speech.T
        over = score - score.diagonal()[None, :]
        total = loss_diff * F.relu(over + margin)[~same].sum() + loss_same * F.relu(over)[same].sum()
        return total / score.numel()
    if form != "corrected":
        raise ValueError(f"form must be published or corrected, got {form!r}")
    # Corrected: cosines, compared along both axes, each kind of pair averaged by itself.
    score = scale * F.normalize(image, dim=1) @ F.normalize(speech, dim=1).T
    same_other = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    total = score.new_zeros(())
    for own in (score.diagonal()[None, :], score.diagonal()[:, None]):
        over = score - own
        total = total + loss_diff * _masked_mean(F.relu(over + margin), ~same)
        total = total + loss_same * _masked_mean(F.relu(over), same_other)
    return total / 2


def contrastive_loss(
    image_BD: Tensor, speech_BD: Tensor, classes_B: Tensor | None = None, *, scale: float | Tensor = 10.0
) -> Tensor:
    """Symmetric cross-entropy of finding the own partner in the batch (InfoNCE).

    Parameters
    ----------
    image_BD, speech_BD : Tensor [shape=(B, D)]
        Row i of both belongs to one item.
    classes_B : Tensor [shape=(B,), integer], optional
        If given, other items of the same class are left out of the candidates, as in AttnGAN's matching loss and
        SpeechCLIP's (whose classes are the pictures).
    scale : float or Tensor [shape=()]
        Inverse temperature on cosines; it may be learned.

    Returns
    -------
    Tensor [shape=(), float32]
    """
    score = scale * F.normalize(image_BD.float(), dim=1) @ F.normalize(speech_BD.float(), dim=1).T
    own = torch.arange(len(score), device=score.device)
    if classes_B is not None:
        _check(image_BD, speech_BD, classes_B)
        same_other = (classes_B[:, None] == classes_B[None, :]) & (own[:, None] != own[None, :])
        score = score.masked_fill(same_other, float("-inf"))
    return (F.cross_entropy(score, own) + F.cross_entropy(score.T, own)) / 2


@torch.no_grad()
def matching_accuracy(image_BD: Tensor, speech_BD: Tensor) -> Tensor:
    """Share (0..1) of images whose best-scoring utterance in the batch, by dot product, is their own."""
    best = (image_BD.float() @ speech_BD.float().T).argmax(dim=1)
    return (best == torch.arange(len(best), device=best.device)).float().mean()


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the True entries, 0 where there is none."""
    return (values * mask).sum() / mask.sum().clamp_min(1)


def _check(image_BD: Tensor, speech_BD: Tensor, classes_B: Tensor) -> None:
    if image_BD.dim() != 2 or image_BD.shape != speech_BD.shape:
        raise ValueError(f"expected two (B, D) matrices, got {tuple(image_BD.shape)} and {tuple(speech_BD.shape)}")
    if classes_B.shape != image_BD.shape[:1]:
        raise ValueError(f"expected {image_BD.shape[0]} classes, got shape {tuple(classes_B.shape)}")
