"""``ImageSampler``: images of encoded speech by a generator, with a prior before it and a reranker behind it.

    embedding (B, D) -> FeaturePrior -> features (B * C, F) -> ImageGenerator -> C images each -> Reranker -> one

Both parts around the generator may be missing.

Shape letters: B embeddings, C candidates, D size of an embedding, F of the features, S of an image.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import Distribution, DrawsJointly, GradualGenerator, ImageGenerator, ImageNoise

if TYPE_CHECKING:
    from speech2img.models.generators.feature_prior import FeaturePrior
    from speech2img.models.generators.reranker import Reranker

Conditioning = Literal["mean", "sampled"]


@dataclass(frozen=True)
class SamplingOptions:
    """How images are drawn from what was said."""

    prior_steps: int = 8
    """Steps of the prior's solver, >= 1."""
    mean_scale: float = 1.0
    """See `FeaturePrior.sample`."""
    guidance_scale: float = 1.0
    """See `FeaturePrior.sample`."""
    temperature: float = 1.0
    """See `FeaturePrior.sample`."""
    num_candidates: int = 1
    """Images generated for each one that is kept, >= 1."""
    num_feature_draws: int = 1
    """Features that the prior draws for each image, >= 1; those that fit what was said are kept."""

    def __post_init__(self) -> None:
        factors = self.mean_scale, self.guidance_scale, self.temperature
        if min(self.prior_steps, self.num_candidates, self.num_feature_draws) < 1 or min(factors) < 0:
            raise ValueError(f"sampling options out of range: {self}")


class ImageSampler(nn.Module):
    """A generator of any family, and around it the prior and the reranker where there are any.

    It is an `ImageGenerator` itself.

    Parameters
    ----------
    generator : ImageGenerator
        An ``nn.Module``; takes speech embeddings, or image features where there is a prior.
    prior : FeaturePrior, optional
        Draws the features of one image that fits the speech.
    reranker : Reranker, optional
        Chooses among candidates.
    options : SamplingOptions
        How images are drawn.
    conditioning : {"mean", "sampled"}
        ``"mean"``: what the generator draws under the name ``condition`` is zero, and so its condition is the mean; all
        variety comes from the other noise. ``"sampled"``: it is drawn as StackGAN-v2 does.

    Raises
    ------
    ValueError
        If there are candidates and no reranker, or the sizes of the parts do not fit each other; or several draws of
        features and no prior, or no generator that reads attributes.
    """

    def __init__(
        self,
        generator: ImageGenerator,
        *,
        prior: "FeaturePrior | None" = None,
        reranker: "Reranker | None" = None,
        options: SamplingOptions = SamplingOptions(),
        conditioning: Conditioning = "mean",
    ) -> None:
        super().__init__()
        self.embedding_dim = generator.embedding_dim if prior is None else prior.embedding_dim
        if prior is not None and prior.feature_dim != generator.embedding_dim:
            raise ValueError(f"the prior draws {prior.feature_dim} features, not {generator.embedding_dim}")
        if options.num_candidates > 1 and reranker is None:
            raise ValueError("there is no reranker to choose among candidates")
        if reranker is not None and reranker.embedding_dim != self.embedding_dim:
            raise ValueError(f"the reranker sees {reranker.embedding_dim} features, not {self.embedding_dim}")
        if options.num_feature_draws > 1:
            from speech2img.models.generators.feature_choice import demand_reader  # where features are chosen

            demand_reader(prior, generator)
        self.generator, self.prior, self.reranker = generator, prior, reranker
        self.options, self.conditioning = options, conditioning
        self.needs_frames = generator.needs_frames

    @property
    def image_sizes(self) -> tuple[int, ...]:
        """Sides of the generator's images in pixels, small to large."""
        return tuple(self.generator.image_sizes)

    @property
    def attends(self) -> bool:
        """Whether each image can say which frames it looked at: in a later stage, and not as one of candidates."""
        looks = hasattr(self.generator, "attention_maps") and self.needs_frames and len(self.image_sizes) > 1
        return looks and self.options.num_candidates == 1

    @property
    def sampling(self) -> dict[str, str | int | float]:
        """How images are drawn, as reports quote it."""
        drawn = asdict(self.options) if self.prior is not None else {}
        steps = self.generator.sampling if isinstance(self.generator, GradualGenerator) else {}
        return {"conditioning": self.conditioning, **drawn, **steps}

    def previews(
        self, speech: SpeechEncoding, noise: ImageNoise, *, steps: int | None = None, every: int = 1
    ) -> Iterator[Tensor]:
        """Ever better images (B, 3, S, S) in -1..1, the last as `sample` gives it: of a generator's steps or stages.

        Arguments as of `GradualGenerator.previews`.
        """
        if isinstance(self.generator, GradualGenerator) and self.options.num_candidates == 1:
            draws = self.draws(noise.repeated(1))
            yield from self.generator.previews(self.conditioned(speech, draws), draws, steps=steps, every=every)
        else:
            yield from self.sample(speech, noise)

    def sample(self, speech: SpeechEncoding, noise: ImageNoise, *, num_candidates: int | None = None) -> list[Tensor]:
        """Generate C candidates for each utterance and keep the one that fits best.

        Parameters
        ----------
        speech : SpeechEncoding
            Of B utterances, with frames where the generator ``needs_frames``.
        noise : ImageNoise
            Of B rows.
        num_candidates : int >= 1, optional
            C; by default that of the options.

        Returns
        -------
        list of Tensor [shape=(B, 3, S, S), range -1..1]
            The stages of the images that were kept, small to large.
        """
        count = self.options.num_candidates if num_candidates is None else num_candidates
        draws = self.draws(noise.repeated(count))
        repeated = SpeechEncoding(*(part.repeat_interleave(count, dim=0) for part in speech))

        stages = [stage.float() for stage in self.generator.sample(self.conditioned(repeated, draws), draws)]
        if count == 1:
            return stages

        # Of each utterance's candidates the one whose features are closest to its embedding.
        assert self.reranker is not None
        fit_BC = F.cosine_similarity(self.reranker(stages[-1]), repeated.sentence, dim=1).view(-1, count)
        kept = fit_BC.argmax(dim=1) + count * torch.arange(len(fit_BC), device=fit_BC.device)
        return [stage[kept] for stage in stages]

    def conditioned(self, speech: SpeechEncoding, draws: ImageNoise) -> SpeechEncoding:
        """With a prior, features of one image in the place of the sentence."""
        if self.prior is None:
            return speech
        draw = partial(
            self.prior.sample,
            steps=self.options.prior_steps,
            mean_scale=self.options.mean_scale,
            guidance_scale=self.options.guidance_scale,
            temperature=self.options.temperature,
        )
        if (count := self.options.num_feature_draws) > 1:
            from speech2img.models.generators.feature_choice import fitting_features

            features = fitting_features(self.prior, draw, self.generator, speech.sentence, draws, count=count)
        else:
            features = draw(speech.sentence, draws.normal("prior", self.prior.components))
        return speech._replace(sentence=features)

    def draws(self, noise: ImageNoise) -> ImageNoise:
        """The same noise with a zero ``condition`` where it is to be the mean, and joint draws out of one stream."""
        sizes: dict[str, int] = {}
        if isinstance(self.generator, DrawsJointly):
            sizes = {**self.generator.joint_draws, "prior": 0 if self.prior is None else self.prior.components}
        joint: dict[str, Tensor] = {}

        def draw(kind: Distribution, name: str, shape: tuple[int, ...]) -> Tensor:
            if name not in sizes:
                drawn = noise.normal(name, *shape) if kind == "normal" else noise.uniform(name, *shape)
            else:
                if not joint:
                    parts = noise.normal("", sum(sizes.values())).split(list(sizes.values()), dim=1)
                    joint.update(zip(sizes, parts, strict=True))
                drawn = joint[name]
            return torch.zeros_like(drawn) if name == "condition" and self.conditioning == "mean" else drawn

        return ImageNoise(draw)
