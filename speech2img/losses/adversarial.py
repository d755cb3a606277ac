"""Adversarial terms of StackGAN-v2 (arXiv:1710.10916), written on logits: no sigmoid to saturate."""

from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class DiscriminatorLogits(Protocol):
    """Anything with the two scores of a discriminator, each (B,) before the sigmoid."""

    @property
    def conditional_logits(self) -> Tensor:
        """Is the image real and does it fit the condition?"""

    @property
    def unconditional_logits(self) -> Tensor:
        """Is the image real?"""


def discriminator_loss(
    real: DiscriminatorLogits,
    wrong: DiscriminatorLogits,
    fake: DiscriminatorLogits,
    *,
    unconditional_weight: float = 1.0,
) -> Tensor:
    """Loss of one discriminator.

    Parameters
    ----------
    real, wrong, fake : DiscriminatorLogits
        Scores of real images with their own condition, of real images of another class with the same condition, and of
        generated images. Wrong images are real ones to the unconditional score.
    unconditional_weight : float, >= 0
        Weight of the unconditional terms; 0 gives the published conditional-only form ``real + (wrong + fake) / 2``.

    Returns
    -------
    Tensor [shape=(), float32]
    """
    conditional_real = _cross_entropy(real.conditional_logits, 1.0)
    conditional_wrong = _cross_entropy(wrong.conditional_logits, 0.0)
    conditional_fake = _cross_entropy(fake.conditional_logits, 0.0)
    if unconditional_weight == 0:
        return conditional_real + 0.5 * (conditional_wrong + conditional_fake)
    unconditional = (
        _cross_entropy(real.unconditional_logits, 1.0)
        + _cross_entropy(wrong.unconditional_logits, 1.0)
        + _cross_entropy(fake.unconditional_logits, 0.0)
    )
    return conditional_real + conditional_wrong + conditional_fake + unconditional_weight * unconditional


def discriminator_part(
    logits: DiscriminatorLogits, kind: Literal["real", "wrong", "fake"], *, unconditional_weight: float = 1.0
) -> Tensor:
    """One of the three parts that `discriminator_loss` is the sum of.

    Parameters
    ----------
    logits : DiscriminatorLogits
        Scores of the pictures of one kind.
    kind : {"real", "wrong", "fake"}
        What they are scores of.
    unconditional_weight : float, >= 0
        As for `discriminator_loss`.

    Returns
    -------
    Tensor [shape=(), float32]
    """
    conditional = _cross_entropy(logits.conditional_logits, float(kind == "real"))
    if unconditional_weight == 0:
        return conditional if kind == "real" else 0.5 * conditional
    return conditional + unconditional_weight * _cross_entropy(logits.unconditional_logits, float(kind != "fake"))


def averaged_discriminator_loss(
    real: DiscriminatorLogits, wrong_logits: Tensor, fake: DiscriminatorLogits, *, unconditional: bool = True
) -> Tensor:
    """Loss of one discriminator of StackGAN-v1 (its stage II) or AttnGAN: means over what is real and what is not.

    Parameters
    ----------
    real, fake : DiscriminatorLogits
        Scores of real images with their own condition and of generated images.
    wrong_logits : Tensor [shape=(B,)]
        Conditional scores of real images with conditions that are not theirs.
    unconditional : bool
        Whether the discriminator also judges images alone; without, ``real + (wrong + fake) / 2`` (stage I of
        StackGAN-v1).

    Returns
    -------
    Tensor [shape=(), float32]
    """
    # With the condition: real ones, and real and generated ones that do not fit.
    conditional_real = _cross_entropy(real.conditional_logits, 1.0)
    mismatched = _cross_entropy(wrong_logits, 0.0) + _cross_entropy(fake.conditional_logits, 0.0)
    if not unconditional:
        return conditional_real + mismatched / 2
    # Without it: real and generated.
    alone_real = _cross_entropy(real.unconditional_logits, 1.0)
    alone_fake = _cross_entropy(fake.unconditional_logits, 0.0)
    return (conditional_real + alone_real) / 2 + (mismatched + alone_fake) / 3


def generator_loss(fake: DiscriminatorLogits, *, unconditional_weight: float = 1.0) -> Tensor:
    """Adversarial loss of the generator at one image size (non-saturating).

    Parameters
    ----------
    fake : DiscriminatorLogits
        Scores of generated images with the condition attached.
    unconditional_weight : float, >= 0
        Weight of the unconditional term.

    Returns
    -------
    Tensor [shape=(), float32]
    """
    conditional = _cross_entropy(fake.conditional_logits, 1.0)
    if unconditional_weight == 0:
        return conditional
    return conditional + unconditional_weight * _cross_entropy(fake.unconditional_logits, 1.0)


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
