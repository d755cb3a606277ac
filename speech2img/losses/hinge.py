"""Hinge losses of a discriminator and of what it judges (Lim and Ye, arXiv:1705.02894), on scores without sigmoid."""

from torch import Tensor
from torch.nn import functional as F


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Loss of the discriminator: real scores should be above 1, others below -1; beyond that nothing is gained.

    Parameters
    ----------
    real, fake : Tensor
        Scores of real images, and of made ones, of any shape.

    Returns
    -------
    Tensor [shape=(), float32, >= 0]
        1 for a discriminator that says 0 to everything.
    """
    return 0.5 * (F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean())


def hinge_generator_loss(fake: Tensor) -> Tensor:
    """Loss of what is judged: its scores should be high.

    Parameters
    ----------
    fake : Tensor
        Scores of made images, of any shape, with gradient.

    Returns
    -------
    Tensor [shape=(), float32]
        The negative mean; without a bound, which the discriminator's own loss gives its scores.

    Notes
    -----
    Both are means over scores: over the rows of several processes they are the mean of each process's value, where all
    have as many rows.
    """
    return -fake.float().mean()
