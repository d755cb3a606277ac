"""``Adversary``: a network that is trained beside the generator and judges it; ``StepBatch``: what a step sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from speech2img.images.pyramid import pyramid
from speech2img.models.generators.stackgan import GeneratorOutput


@dataclass(frozen=True, slots=True)
class StepBatch:
    """A batch of pairs on the device, its images at every size of the generator."""

    embeddings_BD: Tensor
    """float32: what the generator is given."""
    real: list[Tensor]
    """(B, 3, S, S) in -1..1 of every size: images that the utterances belong to."""
    wrong: list[Tensor]
    """The same of images that they do not belong to."""
    classes_B: Tensor
    """int64: class numbers of the real images."""
    positive: Tensor | None = None
    """(B, 3, S, S) in -1..1 of the largest size: images that may stand for the real ones, where they were asked for."""
    features_BF: Tensor | None = None
    """float32: a frozen network's features of the real images, where a loss compares with them."""

    @classmethod
    def of(
        cls,
        embeddings_BD: Tensor,
        real: Tensor,
        wrong: Tensor,
        classes_B: Tensor,
        *,
        sizes: Sequence[int],
        positive: Tensor | None = None,
        features_BF: Tensor | None = None,
    ) -> "StepBatch":
        """Scale the images of a batch.

        Parameters
        ----------
        embeddings_BD, classes_B, features_BF : Tensor
            As the fields.
        real, wrong, positive : Tensor [shape=(B, 3, S, S), uint8]
            Images, no smaller than the largest size.
        sizes : sequence of int
            Sides of the generator's images, pixels.
        """
        return cls(
            embeddings_BD,
            pyramid(real, sizes),
            pyramid(wrong, sizes),
            classes_B,
            None if positive is None else pyramid(positive, sizes[-1:])[0],
            features_BF,
        )


class Adversary(Protocol):
    """A network that is trained beside the generator and judges it.

    Each step calls `discriminator_step` and then `generator_terms` with the same batch and the same images, so that
    what the first computed may serve the second.
    """

    @property
    def networks(self) -> nn.Module:
        """What is trained."""

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of all its optimizers."""

    def discriminator_step(self, batch: StepBatch, fake: GeneratorOutput) -> dict[str, Tensor]:
        """Learn from a batch.

        Parameters
        ----------
        batch : StepBatch
            Real images and what belongs to them.
        fake : GeneratorOutput
            Generated images of the same utterances; no gradient goes there.

        Returns
        -------
        dict of str to Tensor [shape=()]
            Its losses by name, detached.
        """

    def generator_terms(self, batch: StepBatch, fake: GeneratorOutput) -> dict[str, Tensor]:
        """Judge generated images.

        Parameters
        ----------
        batch, fake
            As for `discriminator_step`; the gradient goes to ``fake`` and to nothing of this network.

        Returns
        -------
        dict of str to Tensor [shape=()]
            Losses of the generator by name, weighted, in the order in which they are summed.
        """

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimizers."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
