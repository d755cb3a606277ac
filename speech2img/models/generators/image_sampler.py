"""From speech embeddings to pictures: the prior draws features, the generator paints them, the best of several is kept.

    embedding (B, D) -> FeaturePrior -> features (B * C, F) -> StackGenerator -> C pictures each -> PictureReader -> one

Both parts around the generator may be missing. To paint several candidates and keep the one that fits best is what
DALL-E does with CLIP (arXiv:2102.12092, section 2.6). Here the teacher reads the candidates: speech embeddings were
learned as its features (Li et al. 2020), or as what an image head makes of them (S2IGAN), so the cosine of both says
how well a picture fits what was said.

Shape letters: B embeddings, C candidates, D size of an embedding, F of the features, S of a picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.image_head import ImageHead
from speech2img.models.generators.feature_prior import FeaturePrior
from speech2img.models.generators.stackgan import StackGenerator
from speech2img.models.vision.attribute_network import AttributeNetwork


@dataclass(frozen=True)
class PaintingOptions:
    """How pictures are drawn from what was said."""

    prior_steps: int = 8
    """Steps of the prior's solver, >= 1."""
    stretch: float = 1.0
    """See `FeaturePrior.sample`."""
    guidance: float = 1.0
    """See `FeaturePrior.sample`."""
    temperature: float = 1.0
    """See `FeaturePrior.sample`."""
    candidates: int = 1
    """Pictures painted for each one that is kept, >= 1."""

    def __post_init__(self) -> None:
        if self.prior_steps < 1 or self.candidates < 1 or min(self.stretch, self.guidance, self.temperature) < 0:
            raise ValueError(f"painting options out of range: {self}")


class PictureReader(nn.Module):
    """The teacher's features of a picture as the speech embeddings were learned: standardised, or by an image head.

    Parameters
    ----------
    heads : Mapping[str, int]
        As for `AttributeNetwork`.
    width, feature_dim : int
        As for `AttributeNetwork`.
    image_size : int
        Side that pictures are resized to, in pixels.
    head_dim : int, optional
        Size of the speech embeddings where an image head was trained with them.

    Raises
    ------
    ValueError
        If the side is not 8 to 2048 px.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        heads: Mapping[str, int],
        width: int = 32,
        feature_dim: int = 1024,
        image_size: int = 64,
        head_dim: int | None = None,
    ) -> None:
        super().__init__()
        if not 8 <= image_size <= 2048:
            raise ValueError(f"image_size must be 8..2048, got {image_size}")
        self.network = AttributeNetwork(heads, width=width, feature_dim=feature_dim)
        self.feature_dim, self.image_size = feature_dim, image_size
        self.embedding_dim = head_dim or feature_dim
        self.head = None if head_dim is None else ImageHead(feature_dim, head_dim)
        self.register_buffer("mean", torch.zeros(feature_dim))
        self.register_buffer("std", torch.ones(feature_dim))

    def forward(self, images_B3SS: Tensor) -> Tensor:
        """Pictures in -1..1 to what speech embeddings are compared with, (B, embedding_dim)."""
        size = self.image_size
        if images_B3SS.shape[-1] != size:
            images_B3SS = F.interpolate(images_B3SS, size=(size, size), mode="bilinear", antialias=True)
        features = self.network.features(images_B3SS)
        return (features - self.mean) / self.std if self.head is None else self.head(features)


class Painter(nn.Module):
    """Generator, and around it the prior and the reader where there are any.

    Parameters
    ----------
    generator : StackGenerator
        Paints embeddings, or features where there is a prior.
    prior : FeaturePrior, optional
        Draws the features of one picture that fits the speech.
    reader : PictureReader, optional
        Chooses among candidates.
    options : PaintingOptions
        How pictures are drawn.

    Raises
    ------
    ValueError
        If there are candidates and no reader, or the sizes of the parts do not fit each other.
    """

    def __init__(
        self,
        generator: StackGenerator,
        *,
        prior: FeaturePrior | None = None,
        reader: PictureReader | None = None,
        options: PaintingOptions = PaintingOptions(),
    ) -> None:
        super().__init__()
        self.embedding_dim = generator.embedding_dim if prior is None else prior.embedding_dim
        if prior is not None and prior.feature_dim != generator.embedding_dim:
            raise ValueError(f"the prior draws {prior.feature_dim} features, not {generator.embedding_dim}")
        if options.candidates > 1 and reader is None:
            raise ValueError("there is no reader to choose among candidates")
        if reader is not None and reader.embedding_dim != self.embedding_dim:
            raise ValueError(f"the reader sees {reader.embedding_dim} features, not {self.embedding_dim}")
        self.generator, self.prior, self.reader, self.options = generator, prior, reader, options

    @property
    def noise_sizes(self) -> tuple[int, int, int]:
        """Size of the generator's noise, of its conditioning draw, and of the prior's noise."""
        components = 0 if self.prior is None else self.prior.components
        return self.generator.noise_dim, self.generator.condition_dim, components

    def forward(self, embedding_BD: Tensor, noise_BCN: Tensor, eps_BCE: Tensor, state_BCK: Tensor) -> list[Tensor]:
        """Paint C candidates for each embedding and keep the one that fits best.

        Parameters
        ----------
        embedding_BD : Tensor [shape=(B, D)]
            Speech embeddings.
        noise_BCN, eps_BCE, state_BCK : Tensor [shape=(B, C, size)]
            Standard normal draws of the sizes in ``noise_sizes``; zeros for ``eps`` give the mean condition.

        Returns
        -------
        list of Tensor [shape=(B, 3, S, S), range -1..1]
            The stages of the pictures that were kept, small to large.
        """
        batch, count = noise_BCN.shape[:2]
        speech = embedding_BD.repeat_interleave(count, dim=0)
        features = speech
        if self.prior is not None:
            features = self.prior.sample(
                speech,
                state_BCK.flatten(0, 1),
                steps=self.options.prior_steps,
                stretch=self.options.stretch,
                guidance=self.options.guidance,
                temperature=self.options.temperature,
            )
        stages = self.generator(features, noise_BCN.flatten(0, 1), eps=eps_BCE.flatten(0, 1)).images
        stages = [stage.float() for stage in stages]
        if count == 1:
            return stages
        assert self.reader is not None
        fit_BC = F.cosine_similarity(self.reader(stages[-1]), speech, dim=1).view(batch, count)
        kept = fit_BC.argmax(dim=1) + count * torch.arange(batch, device=fit_BC.device)
        return [stage[kept] for stage in stages]
