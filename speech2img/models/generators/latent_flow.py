"""``LatentFlowGenerator``: images by a rectified flow in the latents of a codec (arXiv:2209.03003, arXiv:2112.10752).

    noise -> FlowTransformer, step by step -> latents -> decoder of the codec -> image

Shape letters: B samples, C channels, h side of the latents, S side of the image.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from speech2img.models.codecs.registry import build_codec
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.flow_solvers import (
    FEWEST_STEPS,
    MOST_STEPS,
    FlowPoint,
    SolverName,
    demand_solver,
    solve_flow,
)
from speech2img.models.generators.flow_transformer import FlowTransformer, Prediction

LATENTS = "latents"
"""Name of the noise that an image is drawn from."""
DECODED_AT_ONCE = 32
"""Images: what a codec needs while it decodes grows with their number."""


class LatentFlowGenerator(nn.Module):
    """A `GradualGenerator` of images of one size: a flow, the codec of its latents, and how images are drawn.

    Parameters
    ----------
    embedding_dim : int
        Size of the speech embeddings.
    codec : mapping
        Settings of the codec, with its ``network``, as its release gives them.
    image_size : int
        S; a multiple of the codec's stride.
    patch, width, depth, num_heads, dropout, needs_frames, cross_attention, value_counts, prediction
        As of `FlowTransformer`.
    solver : {"euler", "heun"}
        How the flow is followed.
    steps : int, 4 to 50
        Steps of the solver.
    guidance_scale : float, >= 0
        1 follows the data; more holds closer to what was said (classifier-free guidance, arXiv:2207.12598, at twice the
        work).
    guidance_until : float, 0..1
        Time from which on the flow follows the data (arXiv:2404.07724): what was said is decided before, and the rest
        is finer at half the work.

    Raises
    ------
    ValueError
        If the codec has no latents of that size, or the settings contradict each other.
    """

    def __init__(
        self,
        *,
        embedding_dim: int,
        codec: Mapping[str, str | bool | int | float],
        image_size: int = 128,
        patch: int = 2,
        width: int = 256,
        depth: int = 6,
        num_heads: int = 4,
        dropout: float = 0.0,
        needs_frames: bool = True,
        cross_attention: bool = True,
        value_counts: Sequence[int] = (),
        prediction: Prediction = "velocity",
        solver: SolverName = "euler",
        steps: int = 25,
        guidance_scale: float = 2.0,
        guidance_until: float = 1.0,
    ) -> None:
        super().__init__()
        self.steps_range = FEWEST_STEPS, MOST_STEPS
        demand_solver(solver, steps)
        if guidance_scale < 0:
            raise ValueError(f"guidance_scale must be 0 or more, got {guidance_scale}")
        if not 0 <= guidance_until <= 1:
            raise ValueError(f"guidance_until must be 0 to 1, got {guidance_until}")
        self.codec = build_codec(**codec)  # type: ignore[arg-type]
        if image_size < 1 or image_size % self.codec.stride:
            raise ValueError(f"image_size must be a multiple of {self.codec.stride}, got {image_size}")
        self.embedding_dim, self.needs_frames, self.image_sizes = embedding_dim, needs_frames, (image_size,)
        self.solver, self.steps = solver, steps
        self.guidance_scale, self.guidance_until = guidance_scale, guidance_until
        self.latent_shape = (self.codec.channels, *(image_size // self.codec.stride,) * 2)
        self.flow = FlowTransformer(
            embedding_dim=embedding_dim,
            channels=self.codec.channels,
            side=self.latent_shape[1],
            patch=patch,
            width=width,
            depth=depth,
            num_heads=num_heads,
            dropout=dropout,
            needs_frames=needs_frames,
            cross_attention=cross_attention,
            value_counts=value_counts,
            prediction=prediction,
        )

    @property
    def sampling(self) -> dict[str, str | int | float]:
        """How images are drawn, as reports quote it."""
        guidance = {"guidance_scale": self.guidance_scale, "guidance_until": self.guidance_until}
        return {"solver": self.solver, "steps": self.steps, **guidance}

    def attribute_logits(self, features_BD: Tensor) -> tuple[Tensor, ...]:
        """Contract: `speech2img.models.generators.feature_choice.AttributeGenerator`."""
        return self.flow.attribute_logits(features_BD)

    def sample(self, speech: SpeechEncoding, noise: ImageNoise) -> list[Tensor]:
        """Contract: `speech2img.models.generators.base.ImageGenerator`."""
        *_, last = self._points(speech, noise, self.steps)
        return [self._decoded(last.state)]

    def previews(
        self, speech: SpeechEncoding, noise: ImageNoise, *, steps: int | None = None, every: int = 1
    ) -> Iterator[Tensor]:
        """Contract: `speech2img.models.generators.base.GradualGenerator`; images to which the flow points.

        ``steps`` are 4 to 50, by default as released. To decode an image takes longer than a step.
        """
        count = self.steps if steps is None else steps
        for number, point in enumerate(self._points(speech, noise, count), start=1):
            if number == count or (number - 1) % every == 0:
                yield self._decoded(point.state if number == count else point.estimate)

    def _points(self, speech: SpeechEncoding, noise: ImageNoise, steps: int) -> Iterator[FlowPoint]:
        start = noise.normal(LATENTS, *self.latent_shape)
        spoken, guidance_scale = self.flow.condition(speech), self.guidance_scale
        if guidance_scale != 1.0:
            twice = SpeechEncoding(*(torch.cat([part] * 2) for part in speech))
            is_spoken = torch.arange(2 * len(start), device=start.device) < len(start)
            both = self.flow.condition(twice, is_spoken)

        def velocity(state: Tensor, time: float) -> Tensor:
            """Velocity; under guidance with speech and without it, evaluated at once."""
            times = torch.full((len(state),), time, device=state.device)
            if guidance_scale == 1.0 or time >= self.guidance_until:
                return self.flow(state, times, spoken)
            with_speech, without = self.flow(torch.cat([state] * 2), times.repeat(2), both).chunk(2)
            return torch.lerp(without, with_speech, guidance_scale)

        return solve_flow(velocity, start, solver=self.solver, steps=steps)

    def _decoded(self, state_BChh: Tensor) -> Tensor:
        latents_BChh = self.flow.latents.restore(state_BChh)
        images = [self.codec.decode(part) for part in latents_BChh.split(DECODED_AT_ONCE)]
        return torch.cat(images).clamp(-1, 1)
