"""Losses of S2IGAN's speech embedding network (Wang et al. 2020): matching within the batch, and telling classes apart.

Neither published formula has a bug, so there is one form of each. (The published code masks the scores behind
autograd's back, which changes no value and no gradient: what is masked has probability 0.)
"""

from torch import Tensor
from torch.nn import functional as F

from speech2img.losses.joint_embedding import contrastive_loss


def matching_loss(image_BD: Tensor, speech_BD: Tensor, classes_B: Tensor, *, scale: float = 10.0) -> Tensor:
    """Find the own partner in the batch, in both directions; other items of the same class are no candidates.

    Parameters
    ----------
    image_BD, speech_BD : Tensor [shape=(B, D)]
        Row i of both belongs to one item.
    classes_B : Tensor [shape=(B,), integer]
        Class of each item; where a corpus has no classes, its picture's number.
    scale : float
        Factor on cosines (published gamma 3 = 10).

    Returns
    -------
    Tensor [shape=(), float32]
        Cross-entropy of images over utterances plus that of utterances over images, each a mean over the batch: twice
        the mean of both that `contrastive_loss` gives.

    Raises
    ------
    ValueError
        For shapes that do not fit.
    """
    return 2 * contrastive_loss(image_BD, speech_BD, classes_B, scale=scale)


def distinctive_loss(image_logits_BC: Tensor, speech_logits_BC: Tensor, labels_B: Tensor) -> Tensor:
    """Name the class from either embedding, with one classifier for both.

    Parameters
    ----------
    image_logits_BC, speech_logits_BC : Tensor [shape=(B, C)]
        What the shared linear classifier makes of both embeddings.
    labels_B : Tensor [shape=(B,), integer, 0..C-1]
        Number of each item's class among the training classes.

    Returns
    -------
    Tensor [shape=(), float32]
        Sum of the two cross-entropies, each a mean over the batch.

    Raises
    ------
    ValueError
        For shapes that do not fit.
    """
    if image_logits_BC.dim() != 2 or image_logits_BC.shape != speech_logits_BC.shape:
        shapes = f"{tuple(image_logits_BC.shape)} and {tuple(speech_logits_BC.shape)}"
        raise ValueError(f"expected two (B, C) matrices, got {shapes}")
    if labels_B.shape != image_logits_BC.shape[:1]:
        raise ValueError(f"expected {image_logits_BC.shape[0]} labels, got shape {tuple(labels_B.shape)}")
    return F.cross_entropy(image_logits_BC.float(), labels_B) + F.cross_entropy(speech_logits_BC.float(), labels_B)
