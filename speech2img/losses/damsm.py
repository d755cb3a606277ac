"""Losses of the deep attentional multimodal similarity model (AttnGAN, arXiv:1711.10485, section 3.2).

Shape letters: B images and as many captions, D channels, R regions of an image, T words (or frames) of a caption.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_LEAST_NORM = 1e-8


class Smoothing(NamedTuple):
    """How sharply is looked and compared (gamma 1, 2 and 3 of the paper)."""

    attention: float = 4.0
    """Of the softmax over the regions, for each word; published 4 for birds, 5 in the paper."""
    words: float = 5.0
    """Of the sum over the words of a caption."""
    matching: float = 10.0
    """Of the softmax over the batch."""


BIRDS = Smoothing()
"""The published factors."""


class Matching(NamedTuple):
    """Cross-entropies of finding what belongs together among the batch."""

    image_to_text: Tensor
    """Mean over the images, ()."""
    text_to_image: Tensor
    """Mean over the captions, ()."""

    @property
    def total(self) -> Tensor:
        """Their sum."""
        return self.image_to_text + self.text_to_image


def attend_regions(words_DT: Tensor, regions_BDR: Tensor, *, sharpness: float) -> tuple[Tensor, Tensor]:
    """What the words of one caption look at in each of several images.

    Parameters
    ----------
    words_DT : Tensor [shape=(D, T)]
        The caption's own words, without padding.
    regions_BDR : Tensor [shape=(B, D, R)]
        Regions of the images.
    sharpness : float
        `Smoothing.attention`.

    Returns
    -------
    contexts_BTD : Tensor [shape=(B, T, D)]
        Means of the regions, one a word.
    weights_BTR : Tensor [shape=(B, T, R)]
        Their weights, 1 in sum over the regions.
    """
    products_BRT = regions_BDR.transpose(1, 2) @ words_DT
    over_words = products_BRT.softmax(dim=2)
    weights_BTR = (sharpness * over_words).softmax(dim=1).transpose(1, 2)
    return weights_BTR @ regions_BDR.transpose(1, 2), weights_BTR


def words_similarity(
    regions_BDHW: Tensor, words_BDT: Tensor, lengths_B: Tensor, *, smoothing: Smoothing = BIRDS
) -> Tensor:
    """How well each image shows each caption, by its words (equation 10, without the root: as the published code).

    Parameters
    ----------
    regions_BDHW : Tensor [shape=(B, D, H, W)]
        Of the images.
    words_BDT : Tensor [shape=(B, D, T)]
        Words or frames; padding is not looked at.
    lengths_B : Tensor [shape=(B,), int64, CPU]
        Words of each caption.
    smoothing : Smoothing
        Its factors.

    Returns
    -------
    Tensor [shape=(B, B), float32]
        Image (row) and caption (column), before `Smoothing.matching`.
    """
    regions_BDR = regions_BDHW.flatten(2).float()
    columns = []
    # Caption by caption: each has words of its own number.
    for words_DT, length in zip(words_BDT.float(), lengths_B.tolist(), strict=True):
        own_DT = words_DT[:, :length]
        contexts_BTD, _ = attend_regions(own_DT, regions_BDR, sharpness=smoothing.attention)
        products = (contexts_BTD * own_DT.T).sum(dim=2)
        norms = contexts_BTD.norm(dim=2) * own_DT.norm(dim=0)
        columns.append((smoothing.words * products / norms.clamp(min=_LEAST_NORM)).logsumexp(dim=1))
    return torch.stack(columns, dim=1)


def sentence_similarity(images_BD: Tensor, sentences_BD: Tensor) -> Tensor:
    """Cosine of each image (row) and each sentence (column), (B, B), float32."""
    images, sentences = images_BD.float(), sentences_BD.float()
    norms = images.norm(dim=1)[:, None] * sentences.norm(dim=1)
    return images @ sentences.T / norms.clamp(min=_LEAST_NORM)


def matching_loss(similarity_BB: Tensor, classes_B: Tensor | None = None, *, sharpness: float = 10.0) -> Matching:
    """Cross-entropy of the right caption of each image among all, and of the right image of each caption.

    Parameters
    ----------
    similarity_BB : Tensor [shape=(B, B)]
        Image (row) and caption (column) of `words_similarity` or `sentence_similarity`.
    classes_B : Tensor [shape=(B,), int64], optional
        Others of the same class are no candidates; None: all are.
    sharpness : float
        `Smoothing.matching`.

    Returns
    -------
    Matching
    """
    scores = sharpness * similarity_BB
    own = torch.arange(len(scores), device=scores.device)
    if classes_B is not None:
        classes = classes_B.to(scores.device)
        alike = (classes[:, None] == classes) & (own[:, None] != own)
        scores = scores.masked_fill(alike, -math.inf)
    return Matching(F.cross_entropy(scores, own), F.cross_entropy(scores.T, own))
