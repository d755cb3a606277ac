"""Choice among features that a prior drew: those whose attributes are the likeliest by what was said.

A prior that draws as it learned gives whole, coherent images, but now and then another colour than was said.
To draw several and keep one mends this before anything is painted, at a hundredth of what the choice among painted
images costs (`Reranker`; Ramesh et al., arXiv:2102.12092, section 2.6).

Shape letters: B utterances, R draws of features, D size of an embedding, F of the features, K components of the prior,
A attributes.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor

from speech2img.models.generators.base import ImageNoise

if TYPE_CHECKING:
    from speech2img.models.generators.feature_prior import FeaturePrior

AttributeLogits = Callable[[Tensor], Sequence[Tensor]]
"""``logits(features_NF)`` gives for each of A attributes the logits (N, values) that a linear reader finds."""
_DISTANCE = 2.0
"""Of what speech says on average, from the average image: the regression is careful (experiments/LOG.md)."""


@runtime_checkable
class AttributeGenerator(Protocol):
    """A generator from features of an image that can read attributes off them."""

    embedding_dim: int
    """F."""

    def attribute_logits(self, features_BF: Tensor) -> Sequence[Tensor]:
        """Logits (B, values) of each attribute; none if this one was not trained to read."""


def demand_reader(prior: object, generator: object) -> None:
    """Raise ValueError unless there is a prior, and the generator reads attributes off features."""
    if prior is None or not reads_attributes(generator):
        raise ValueError("several draws of features need a prior, and a generator that reads attributes off them")


def reads_attributes(generator: object) -> bool:
    """Whether a generator reads attributes off the features that it takes."""
    if not isinstance(generator, AttributeGenerator):
        return False
    return bool(generator.attribute_logits(torch.zeros(1, generator.embedding_dim)))


def fitting_features(
    prior: "FeaturePrior",
    draw: Callable[[Tensor, Tensor], Tensor],
    generator: object,
    sentence_BD: Tensor,
    noise: ImageNoise,
    *,
    count: int,
) -> Tensor:
    """Draw several features for each utterance and keep those that fit best (B, F).

    Parameters
    ----------
    prior, generator
        As `demand_reader` wants them.
    draw : callable
        The prior's ``sample(embeddings, noise_NK)``, with all that decides how it draws.
    sentence_BD : Tensor [shape=(B, D)]
        Speech embeddings.
    noise : ImageNoise
        Of B rows; its draws of the name ``prior`` are (R, K), of which the first is that of a single draw.
    count : int
        R.
    """
    assert isinstance(generator, AttributeGenerator)
    noise_BRK = noise.normal("prior", count, prior.components)
    drawn = draw(sentence_BD.repeat_interleave(count, dim=0), noise_BRK.flatten(0, 1))
    nothing = torch.zeros_like(noise_BRK[:, 0])
    said_BF = prior.expand(nothing, sentence_BD, mean_scale=_DISTANCE)
    return choose_features(drawn.view(*noise_BRK.shape[:2], -1), said_BF, generator.attribute_logits)


def fit_to_speech(drawn_BRF: Tensor, said_BF: Tensor, logits: AttributeLogits) -> Tensor:
    """How well each draw fits: the log-probability that what was said gives to the attributes read off it.

    Parameters
    ----------
    drawn_BRF : Tensor [shape=(B, R, F)]
        Features that a prior drew.
    said_BF : Tensor [shape=(B, F)]
        What speech says on average: of an attribute that was not mentioned all values are about as likely, and so it
        hardly counts.
    logits : callable
        See `AttributeLogits`.

    Returns
    -------
    Tensor [shape=(B, R), float32, range <= 0]
    """
    fit_BR = torch.zeros(drawn_BRF.shape[:2], device=drawn_BRF.device)
    for read_NV, said_BV in zip(logits(drawn_BRF.flatten(0, 1)), logits(said_BF), strict=True):
        value_BR = read_NV.argmax(dim=1).view_as(fit_BR)
        fit_BR += said_BV.float().log_softmax(dim=1).gather(1, value_BR)
    return fit_BR


def choose_features(drawn_BRF: Tensor, said_BF: Tensor, logits: AttributeLogits) -> Tensor:
    """Of each utterance's draws the one that fits best (B, F); arguments as of `fit_to_speech`."""
    best_B = fit_to_speech(drawn_BRF, said_BF, logits).argmax(dim=1)
    return drawn_BRF[torch.arange(len(best_B), device=best_B.device), best_B]
