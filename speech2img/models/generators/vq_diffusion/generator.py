"""``VQDiffusionGenerator``: images by a discrete diffusion over a codec's tokens (arXiv:2111.14822, arXiv:2601.00827).

    masks -> token transformer, step by step -> tokens -> decoder of the codec -> image

Shape letters: B pictures, N = h * h places, K codes, S side of the image.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from speech2img.models.codecs.registry import build_codec
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.vq_diffusion.base import TokenTransformer
from speech2img.models.generators.vq_diffusion.published_transformers import (
    PublishedSpeechTransformer,
    TextTokenTransformer,
)
from speech2img.models.generators.vq_diffusion.reverse import (
    FEWEST_STEPS,
    ReverseStep,
    demand_truncation,
    drawn,
    guided,
    published_steps,
    reveal_counts,
    revealed,
    reverse_steps,
    start_tokens,
    truncated,
)
from speech2img.models.generators.vq_diffusion.schedule import KEPT, MASKED, linear_schedule
from speech2img.models.generators.vq_diffusion.speech_transformer import SpeechTokenTransformer
from speech2img.models.generators.vq_diffusion.transitions import log_posterior, log_predicted

TRANSFORMERS: Mapping[str, Callable[..., nn.Module]] = {
    "corrected": SpeechTokenTransformer,  # projections in every block, attention to the frames, guidance
    "published": PublishedSpeechTransformer,  # S2IVQ-D's: the embedding itself scales and shifts
    "text": TextTokenTransformer,  # VQ-Diffusion's, from states of a text
}
"""Form -> class, a `TokenTransformer`."""
DECODED_AT_ONCE = 32
"""Images: what a codec needs while it decodes grows with their number."""
Order = Literal["posterior", "purity"]
Leaps = Literal["exact", "published"]


@runtime_checkable
class DecodesTokens(Protocol):
    """What a codec must be able to do: images from tokens."""

    stride: int
    """Pixels of an image, along a side, for one token."""

    @property
    def num_codes(self) -> int:
        """K: tokens are 0 to K - 1."""

    def decode_tokens(self, tokens_Bhw: Tensor) -> Tensor:
        """Images (B, 3, h * stride, h * stride), about -1..1, of tokens (B, h, h), int64."""


class TokenState(NamedTuple):
    """Where sampling is after a step."""

    tokens_BN: Tensor
    """Codes, and masks (K) where nothing was decided; none after the last step."""
    estimate_BN: Tensor
    """The same with the likeliest codes instead of masks: a preview."""


class VQDiffusionGenerator(nn.Module):
    """A `GradualGenerator` of images of one size: a token transformer, the codec of its tokens, and how they are drawn.

    Parameters
    ----------
    embedding_dim : int
        Size of the speech embeddings; of the text's states for the form ``text``.
    codec : mapping
        Settings of the codec, with its ``network``, as its release gives them; one with `DecodesTokens`.
    image_size : int
        S; a multiple of the codec's stride.
    form : {"corrected", "published", "text"}
        Row of `TRANSFORMERS`.
    num_steps : int >= 2
        T of the diffusion.
    kept, masked : (float, float)
        Of its schedule, as of `linear_schedule`.
    steps : int, 2 to T
        In how many an image is drawn; by default T.
    leaps : {"exact", "published"}
        How steps are made where there are fewer than T: by the posterior of the whole leap, or as `published_steps`,
        of the shortest stride that takes no more than ``steps`` of them, and perhaps one for step 0.
    order : {"posterior", "purity"}
        What reveals a place: the posterior, or the purity prior.
    purity_weight : float, >= 0
        How much sharper sure places are drawn by the purity prior.
    truncation : float, 0..1
        As of `truncated`: 1 is without; 0.86 is published.
    guidance_scale : float, >= 0
        1 is without; more holds closer to what was said, at twice the work. Only a form that learns an empty condition
        has this attribute.
    **network
        The form's own settings: ``width``, ``depth``, ``num_heads``, ...

    Raises
    ------
    ValueError
        If the codec has no tokens of that size, or the settings contradict each other.
    TypeError
        For a setting that the form does not have.
    """

    guidance_scale: float

    def __init__(
        self,
        *,
        embedding_dim: int,
        codec: Mapping[str, Any],
        image_size: int = 128,
        form: str = "corrected",
        num_steps: int = 100,
        kept: tuple[float, float] = KEPT,
        masked: tuple[float, float] = MASKED,
        steps: int | None = None,
        leaps: Leaps = "exact",
        order: Order = "posterior",
        purity_weight: float = 0.0,
        truncation: float = 0.86,
        guidance_scale: float = 1.0,
        **network: Any,
    ) -> None:
        super().__init__()
        # Check how images are drawn.
        for name, value, allowed in (
            ("form", form, tuple(TRANSFORMERS)),
            ("leaps", leaps, ("exact", "published")),
            ("order", order, ("posterior", "purity")),
        ):
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        demand_truncation(truncation)
        if not guidance_scale >= 0 or not purity_weight >= 0:
            raise ValueError(f"guidance_scale and purity_weight must be 0 or more, got {guidance_scale, purity_weight}")
        self.leaps, self.order = leaps, order
        self.truncation, self.purity_weight = truncation, purity_weight
        # The codec.
        built = build_codec(**codec)
        if not isinstance(built, DecodesTokens):
            raise ValueError(f"the codec {codec['network']!r} has no tokens")
        if image_size < 1 or image_size % built.stride:
            raise ValueError(f"image_size must be a multiple of {built.stride}, got {image_size}")
        self.codec = built
        self.side = image_size // built.stride
        self.embedding_dim, self.image_sizes = embedding_dim, (image_size,)
        # The diffusion.
        self.schedule = linear_schedule(built.num_codes, num_steps, kept=kept, masked=masked)
        most = min(num_steps, self.side**2) if order == "purity" else num_steps
        self.steps_range = FEWEST_STEPS, most
        self.steps = most if steps is None else steps
        self._reverse_steps(self.steps)
        self.transformer = TRANSFORMERS[form](
            embedding_dim=embedding_dim, num_codes=built.num_codes, side=self.side, num_steps=num_steps, **network
        )
        self.needs_frames = bool(self.transformer.needs_frames)
        if self.transformer.has_empty:
            self.guidance_scale = guidance_scale
        elif guidance_scale != 1:
            raise ValueError(f"the form {form!r} learns no empty condition: guidance_scale must be 1")

    @property
    def sampling(self) -> dict[str, str | int | float]:
        """How images are drawn, as reports quote it."""
        drawing: dict[str, str | int | float] = {"steps": self.steps, "truncation": self.truncation}
        drawing["guidance_scale"] = self._guidance
        if self.order == "purity":
            drawing |= {"order": self.order, "purity_weight": self.purity_weight}
        return drawing if self.leaps == "exact" else {**drawing, "leaps": self.leaps}

    def sample(self, speech: SpeechEncoding, noise: ImageNoise) -> list[Tensor]:
        """Contract: `speech2img.models.generators.base.ImageGenerator`."""
        *_, last = self.token_states(speech, noise)
        return [self._decoded(last.tokens_BN)]

    def previews(
        self, speech: SpeechEncoding, noise: ImageNoise, *, steps: int | None = None, every: int = 1
    ) -> Iterator[Tensor]:
        """Contract: `speech2img.models.generators.base.GradualGenerator`; masks are shown as their likeliest codes."""
        count = len(self._reverse_steps(self.steps if steps is None else steps))
        for number, state in enumerate(self.token_states(speech, noise, steps=steps), start=1):
            if number == count or (number - 1) % every == 0:
                yield self._decoded(state.estimate_BN)

    def token_states(
        self, speech: SpeechEncoding, noise: ImageNoise, *, steps: int | None = None
    ) -> Iterator[TokenState]:
        """Tokens after each step; the last have no masks.

        Parameters
        ----------
        speech, noise
            As for `sample`.
        steps : int, optional
            By default as released.

        Yields
        ------
        TokenState

        Raises
        ------
        ValueError
            If ``steps`` is out of range.
        """
        taken = self._reverse_steps(self.steps if steps is None else steps)
        places, codes = self.side**2, self.schedule.num_codes
        schedule = self.schedule.to(speech.sentence.device)
        predict = self._predictor(speech)
        # No picture in particular.
        tokens_BN = start_tokens(schedule, noise.uniform("start", places))
        if self.order == "purity":
            tokens_BN, counts = torch.full_like(tokens_BN, codes), reveal_counts(places, len(taken))
        for number, step in enumerate(taken):
            log_x0_BNK = truncated(predict(tokens_BN, step.seen), self.truncation)
            if self.order == "purity":
                uniform_BNK = noise.uniform(f"codes {step.seen}", places, codes)
                uniform_BN, shown = noise.uniform(f"places {step.seen}", places), [counts[number]] * len(tokens_BN)
                tokens_BN = revealed(tokens_BN, log_x0_BNK, shown, uniform_BNK, uniform_BN, self.purity_weight)
            else:
                time_B, until_B = (torch.full_like(tokens_BN[:, 0], at) for at in (step.time, step.until))
                log_probability_BNM = log_posterior(schedule, log_x0_BNK, tokens_BN, time_B, until_B)
                tokens_BN = drawn(log_probability_BNM, noise.uniform(f"step {step.seen}", places, codes + 1))
            yield TokenState(tokens_BN, torch.where(tokens_BN == codes, log_x0_BNK.argmax(dim=2), tokens_BN))

    @property
    def _guidance(self) -> float:
        return getattr(self, "guidance_scale", 1.0)

    def _reverse_steps(self, count: int) -> list[ReverseStep]:
        """Steps of sampling; ValueError where there cannot be so many."""
        fewest, most = self.steps_range
        if not fewest <= count <= most:
            raise ValueError(f"steps must be {fewest} to {most}, got {count}")
        num_steps = self.schedule.num_steps
        if self.leaps == "exact" or count == num_steps:
            return reverse_steps(num_steps, count)
        return published_steps(num_steps, -(-num_steps // count))

    def _predictor(self, speech: SpeechEncoding) -> Callable[[Tensor, int], Tensor]:
        """``log p(x_0 | x_t)`` of tokens and a step, under guidance."""
        transformer: TokenTransformer = self.transformer  # type: ignore[assignment]
        scale = self._guidance
        if scale == 1:
            spoken = transformer.condition(speech)
        else:
            twice = SpeechEncoding(*(torch.cat([part] * 2) for part in speech))
            rows = torch.arange(len(twice.sentence), device=speech.sentence.device)
            both = transformer.condition(twice, rows < len(speech.sentence))

        def predict(tokens_BN: Tensor, step: int) -> Tensor:
            time_B = torch.full_like(tokens_BN[:, 0], step)
            if scale == 1:
                return log_predicted(transformer(tokens_BN, time_B, spoken))
            logits = transformer(torch.cat([tokens_BN] * 2), time_B.repeat(2), both)
            log_with_BNK, log_without_BNK = log_predicted(logits).chunk(2)
            return guided(log_with_BNK, log_without_BNK, scale)

        return predict

    def _decoded(self, codes_BN: Tensor) -> Tensor:
        grid_Bhh = codes_BN.unflatten(1, (self.side, self.side))
        images = [self.codec.decode_tokens(part) for part in grid_Bhh.split(DECODED_AT_ONCE)]
        return torch.cat(images).clamp(-1, 1)
