"""Settings of the discrete diffusion's training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from speech2img.errors import ConfigError
from speech2img.losses.vq_diffusion import AUXILIARY_WEIGHTS
from speech2img.models.generators.vq_diffusion.generator import Leaps, Order
from speech2img.models.generators.vq_diffusion.reverse import demand_truncation, reverse_steps
from speech2img.models.generators.vq_diffusion.schedule import KEPT, MASKED, linear_schedule
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges

Form = Literal["corrected", "published", "text"]
_OWN = {
    "corrected": ("width", "depth", "num_heads", "dropout", "needs_frames", "cross_attention"),
    "published": ("width", "depth", "num_heads", "table_side"),
    "text": ("width", "depth", "num_heads", "table_side", "empty_length"),
}
"""Form -> the settings that it has."""


@dataclass(frozen=True)
class TokenModelSettings:
    """The transformer's form and sizes."""

    form: Form = "corrected"
    """corrected: what was said is projected in every block and attended to; published: S2IVQ-D's, whose norms the
    embedding itself scales and shifts; text: VQ-Diffusion's, which attends to the states of a text."""
    width: int = 256
    """Width of the network (published 512, from text 1,024); half of the embeddings' for the form published."""
    depth: int = 6
    """Blocks (published 24, from text 19)."""
    num_heads: int = 4
    """Heads of each attention (published 16)."""
    dropout: float = 0.0
    """In the blocks; corrected form."""
    needs_frames: bool = True
    """Attend to the frames of the speech (extract --frames); otherwise to the sentence alone; corrected form."""
    cross_attention: bool = True
    """Attend to what was said; false, where needs_frames is too, leaves it to the norms; corrected form."""
    table_side: int | None = None
    """Rows of the tables of places, by default those of the grid; S2IVQ-D's have 32 for a grid of 16 and are read
    wrongly; forms published and text."""
    empty_length: int = 0
    """Steps of the learned empty text, as many as the texts have (published 77); 0 learns none; form text."""

    def __post_init__(self) -> None:
        for name, least, most in (("depth", 1, 64), ("num_heads", 1, 64), ("empty_length", 0, 4096)):
            if not least <= getattr(self, name) <= most:
                reason = f"{getattr(self, name)} is out of range"
                raise ConfigError.about(f"model.{name}", reason, f"use {least} to {most}")
        if self.needs_frames and not self.cross_attention:
            raise ConfigError.about("model.cross_attention", "frames are attended to", "set needs_frames to false too")
        if self.width % self.num_heads:
            raise ConfigError.about(
                "model.num_heads", f"{self.num_heads} divides not the width {self.width}", "change it"
            )
        foreign = ({name for names in _OWN.values() for name in names}) - set(_OWN[self.form])
        chosen = sorted(name for name in foreign if getattr(self, name) != getattr(type(self), name))
        if chosen:
            raise ConfigError.about(f"model.{chosen[0]}", f"the form {self.form} has no such setting", "leave it out")

    @property
    def looks_at_frames(self) -> bool:
        """Whether the form, with these settings, looks at frames of the speech."""
        return self.form == "text" or (self.form == "corrected" and self.needs_frames)

    @property
    def has_empty(self) -> bool:
        """Whether it learns an empty condition, which guidance needs."""
        return self.form == "corrected" or (self.form == "text" and self.empty_length > 0)

    def arguments(self) -> dict[str, Any]:
        """What the generator takes of them."""
        return {"form": self.form, **{name: getattr(self, name) for name in _OWN[self.form]}}


@dataclass(frozen=True)
class DiffusionSettings:
    """The mask-and-replace schedule."""

    num_steps: int = 100
    """Steps of the diffusion."""
    kept: tuple[float, float] = KEPT
    """Share of tokens that are as they were after the first and after the last step."""
    masked: tuple[float, float] = MASKED
    """Share that is masked by then; what is left is replaced by others: with the published values one in a million."""

    def __post_init__(self) -> None:
        try:
            linear_schedule(2, self.num_steps, kept=self.kept, masked=self.masked)
        except ValueError as error:
            raise ConfigError.about("diffusion", str(error), "choose others") from error


@dataclass(frozen=True)
class TokenLossSettings:
    """What the loss weighs."""

    auxiliary: float = AUXILIARY_WEIGHTS["vq-diffusion"]
    """Weight of the surprise by the clean tokens (published 5e-4, S2IVQ-D 1e-3)."""
    adaptive: bool = True
    """Times 2 at the first step, falling to 1 at the last; both ways are published."""
    masked_weight: float = 1.0
    """Weight of places that are masked (published 1)."""
    unmasked_weight: float = 1.0
    """Weight of the other places (published 1)."""
    importance: bool = True
    """Learn steps whose loss is large more often; false draws all as often."""


@dataclass(frozen=True)
class TokenSamplerSettings:
    """How images are drawn."""

    steps: int = 25
    """In how many steps, 2 to diffusion.num_steps (published 100, fast 25)."""
    leaps: Leaps = "exact"
    """Fewer steps: by the posterior of the whole leap; published takes one short step from a later place."""
    order: Order = "posterior"
    """What reveals a place: the posterior, or the purity prior, sure places first (arXiv:2205.16007)."""
    purity_weight: float = 0.0
    """How much sharper sure places are drawn, with order = "purity"."""
    truncation: float = 0.86
    """Likeliest codes of a place, by the sum of their probabilities; 1 leaves all (published 0.86)."""
    guidance_scale: float = 1.0
    """How closely images hold to what was said (1: as learned, at half the work); not for the form published."""

    def __post_init__(self) -> None:
        try:
            demand_truncation(self.truncation)
        except ValueError as error:
            raise ConfigError.about("sampler", str(error), "choose within it") from error
        if not 0 <= self.guidance_scale <= 100:
            raise ConfigError.about("sampler.guidance_scale", f"{self.guidance_scale} is out of range", "use 0 to 100")


@dataclass(frozen=True)
class VQDiffusionSettings:
    """Settings of the discrete diffusion's training."""

    family: Literal["vq-diffusion"] = "vq-diffusion"
    """Kind of generator, which decides what else can be set."""
    embeddings: str = "encoder"
    """Name of the speech embeddings, <root>/derived/embeddings/<name>/; with frames where model.needs_frames."""
    initial: str | None = None
    """Discrete diffusion to start from, its released weights only: a run, a release, a name of shipped weights; none
    starts afresh. The sizes of its network are taken over; codec and image_size must be its own."""
    codec: str = "weights/vqgan"
    """Image codec with codes, in any form that features --codec takes; its tokens of the corpus must be there."""
    image_size: int = 128
    """Side of the images in pixels."""
    mirrored: bool = False
    """Draw mirror images too, from tokens made with features --codec --mirrored."""
    features: str | None = "teacher"
    """Name of the teacher features, whose teacher reads images in evaluations; none does without."""
    model: TokenModelSettings = field(default_factory=TokenModelSettings)
    """Network."""
    diffusion: DiffusionSettings = field(default_factory=DiffusionSettings)
    """Diffusion."""
    losses: TokenLossSettings = field(default_factory=TokenLossSettings)
    """Losses."""
    sampler: TokenSamplerSettings = field(default_factory=TokenSamplerSettings)
    """How images are drawn."""
    reads_attributes: bool = False
    """With embeddings = "picture": attend to the attributes that the teacher reads off the features; corrected form."""
    condition_dropout: float = 0.1
    """Part of the training pairs without speech, which guidance needs; nothing where no empty condition is learned."""
    embedding_noise: float = 0.0
    """Noise added to training sentences and frames, as part of their spread; corrected form."""
    batch_size: int = 64
    """Images a step (published 32, from text 4 a device)."""
    learning_rate: float = 8e-4
    """Highest rate of AdamW (published 4.5e-4)."""
    betas: tuple[float, float] = (0.9, 0.96)
    """Of AdamW."""
    weight_decay: float = 0.01
    """Weight decay of AdamW (published 0.045)."""
    schedule: Schedule = "cosine"
    """Course of the rate."""
    warmup: float = 0.02
    """Part of the run in which the rate rises."""
    clip: float = 1.0
    """Largest norm of the gradient (published 0.5)."""
    ema_decay: float = 0.999
    """Of the averaged network, which is what is released; short runs use min(decay, (1 + t) / (10 + t))."""
    ema_every: int = 1
    """Steps between updates of the average (published: a decay of 0.99 every 25)."""
    grid_utterances: int = 8
    """Rows of the sample grid."""
    grid_noises: int = 4
    """Columns of the sample grid."""
    evaluation_utterances: int = 256
    """Validation utterances that an evaluation generates images of; 0 for none."""
    workers: int = 2
    """Processes that decode images where their store is missing."""
    compile: bool = False
    """Compile the network first (torch.compile; on a CPU it needs a C++ compiler): a minute, then quicker steps."""
    memory: Literal["normal", "low"] = "normal"
    """low: activations are computed again when they are needed, and the average lies in the host's memory."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=20_000, evaluate_every=2000))
    """How long and how often."""

    def __post_init__(self) -> None:
        self._demand_sampler()
        # What only one form, or one way to compute, has.
        if (self.reads_attributes or self.embedding_noise) and self.model.form != "corrected":
            name = "reads_attributes" if self.reads_attributes else "embedding_noise"
            raise ConfigError.about(name, f"the form {self.model.form} has no such setting", "leave it out")
        if self.reads_attributes and (self.features is None or self.model.needs_frames):
            fix = "name the teacher in features, and set model.needs_frames to false"
            raise ConfigError.about("reads_attributes", "it takes a teacher, and features of pictures", fix)
        if self.memory == "low" and (self.compile or self.model.dropout):
            name = "compile" if self.compile else "model.dropout"
            raise ConfigError.about("memory", f"low does not go with {name}", "choose one of them")
        # Numbers.
        if not self.clip > 0:
            raise ConfigError.about("clip", f"{self.clip} is not positive", "choose more than 0")
        if self.ema_every < 1:
            raise ConfigError.about("ema_every", f"{self.ema_every} is not positive", "choose 1 or more")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError.about("betas", f"{list(self.betas)} are not all 0 to below 1", "choose within it")
        demand_ranges(self)

    def _demand_sampler(self) -> None:
        """Check that network and diffusion can do what the sampler wants."""
        sampler, num_steps = self.sampler, self.diffusion.num_steps
        try:
            reverse_steps(num_steps, sampler.steps)
        except ValueError as error:
            raise ConfigError.about("sampler", str(error), "choose within it") from error
        if sampler.guidance_scale != 1 and not (self.condition_dropout and self.model.has_empty):
            reason = f"{sampler.guidance_scale}, and no empty condition is learned"
            fix = "set it to 1, or train with condition_dropout (form text: and model.empty_length)"
            raise ConfigError.about("sampler.guidance_scale", reason, fix)

    def generator_config(
        self, *, embedding_dim: int, codec: Mapping[str, Any], value_counts: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Arguments of ``VQDiffusionGenerator``, as the release holds them."""
        diffusion = {
            name: list(part) if isinstance(part, tuple) else part for name, part in asdict(self.diffusion).items()
        }
        sampler = asdict(self.sampler)
        return {
            "embedding_dim": embedding_dim,
            **({"value_counts": list(value_counts)} if value_counts else {}),
            "codec": dict(codec),
            "image_size": self.image_size,
            **self.model.arguments(),
            **diffusion,
            **sampler,
        }
