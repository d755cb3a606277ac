"""Losses that pull a speech embedding towards the image features of a teacher (Li et al. 2020)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Form = Literal["published", "corrected"]


def l1_loss(speech_BD: Tensor, image_BD: Tensor, *, form: Form = "corrected") -> Tensor:
    """Mean absolute difference of normalised embeddings.

    Parameters
    ----------
    speech_BD, image_BD : Tensor [shape=(B, D)]
        Speech embeddings and the teacher's features of the same items.
    form : {"corrected", "published"}
        ``published`` divides each matrix by its Frobenius norm, so the loss shrinks as the batch grows; ``corrected``
        divides each row by its own length.

    Returns
    -------
    Tensor [shape=(), float32]

    Raises
    ------
    ValueError
        For shapes that do not fit or an unknown form.
    """
    _check(speech_BD, image_BD)
    speech, image = speech_BD.float(), image_BD.float()
    if form == "published":
        return F.l1_loss(speech / speech.norm(), image / image.norm())
    if form == "corrected":
        return F.l1_loss(F.normalize(speech, dim=1), F.normalize(image, dim=1))
    raise ValueError(f"form must be published or corrected, got {form!r}")


def distillation_loss(
    speech_BD: Tensor, image_BD: Tensor, *, temperature: float = 2.0, form: Form = "corrected"
) -> Tensor:
    """Kullback-Leibler divergence between softened teacher and student (after Hinton et al. 2015, arXiv:1503.02531).

    Parameters
    ----------
    speech_BD, image_BD : Tensor [shape=(B, D)]
        Student and teacher; the D features themselves are taken as logits.
    temperature : float
        Softening.
    form : {"corrected", "published"}
        ``published``: only the teacher is divided by the temperature, mean over all B*D entries (hence its published
        weight of 1000). ``corrected``: both are, summed over the D entries, mean over the batch, times temperature
        squared so that the gradient's size does not depend on it.

    Returns
    -------
    Tensor [shape=(), float32]

    Raises
    ------
    ValueError
        For shapes that do not fit or an unknown form.
    """
    _check(speech_BD, image_BD)
    teacher = F.softmax(image_BD.float() / temperature, dim=1)
    if form == "published":
        return F.kl_div(F.log_softmax(speech_BD.float(), dim=1), teacher, reduction="none").mean()
    if form == "corrected":
        student = F.log_softmax(speech_BD.float() / temperature, dim=1)
        return F.kl_div(student, teacher, reduction="batchmean") * temperature**2
    raise ValueError(f"form must be published or corrected, got {form!r}")


def heads_loss(speech_BC: Tensor, target_BC: Tensor, *, sizes: Sequence[int]) -> Tensor:
    """Kullback-Leibler divergence of what a teacher's classifiers say of the target and of speech, summed over them.

    Hinton et al. 2015 (arXiv:1503.02531) at temperature 1; only what the classifiers look at counts, and of that only
    what they are sure of: numbers of the embedding that say nothing about an attribute are left to other losses.

    Parameters
    ----------
    speech_BC, target_BC : Tensor [shape=(B, C)]
        Logits of all classifiers, side by side.
    sizes : sequence of int
        Classes of each; they add up to C.

    Returns
    -------
    Tensor [shape=(), float32]
        Mean over the batch.

    Raises
    ------
    ValueError
        For shapes that do not fit.
    """
    _check(speech_BC, target_BC)
    if sum(sizes) != speech_BC.shape[1]:
        raise ValueError(f"{sum(sizes)} classes, and logits of {speech_BC.shape[1]}")
    pairs = zip(speech_BC.float().split(list(sizes), dim=1), target_BC.float().split(list(sizes), dim=1), strict=True)
    terms = [
        F.kl_div(ours.log_softmax(dim=1), theirs.log_softmax(dim=1), log_target=True, reduction="batchmean")
        for ours, theirs in pairs
    ]
    return torch.stack(terms).sum()


def _check(speech_BD: Tensor, image_BD: Tensor) -> None:
    if speech_BD.dim() != 2 or speech_BD.shape != image_BD.shape:
        raise ValueError(f"expected two (B, D) matrices, got {tuple(speech_BD.shape)} and {tuple(image_BD.shape)}")
