"""Settings of the latent flow's training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from speech2img.errors import ConfigError
from speech2img.models.generators.flow_solvers import SolverName, demand_solver
from speech2img.models.generators.flow_transformer import Prediction
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges

TimeSampling = Literal["uniform", "logit-normal"]


@dataclass(frozen=True)
class FlowModelSettings:
    """The transformer's sizes: with patch 2 a picture of 128 px is 64 tokens of TAEF2's latents."""

    patch: int = 2
    """Places of the latents along the side of a patch."""
    width: int = 256
    """Width of the network."""
    depth: int = 6
    """Blocks."""
    num_heads: int = 4
    """Heads of each attention."""
    dropout: float = 0.0
    """In the blocks."""
    needs_frames: bool = True
    """Attend to the frames of the speech (extract --frames); otherwise to the sentence alone."""
    cross_attention: bool = True
    """Attend to what was said; false, where needs_frames is too, leaves it to the norms: two thirds of the weights."""
    prediction: Prediction = "velocity"
    """data: the network gives latents, and velocities follow from them (arXiv:2511.13720). Patches of 4, of which a
    picture of 128 px has 16, need it; twice as many pictures a second, in equal time no better (experiments/LOG.md)."""

    def __post_init__(self) -> None:
        for name, most in (("patch", 16), ("depth", 64), ("num_heads", 64)):
            if not 1 <= getattr(self, name) <= most:
                raise ConfigError.about(f"model.{name}", f"{getattr(self, name)} is out of range", f"use 1 to {most}")
        if self.needs_frames and not self.cross_attention:
            raise ConfigError.about("model.cross_attention", "frames are attended to", "set needs_frames to false too")
        if self.width % self.num_heads:
            raise ConfigError.about(
                "model.num_heads", f"{self.num_heads} divides not the width {self.width}", "change it"
            )


@dataclass(frozen=True)
class FlowSamplerSettings:
    """How images are drawn."""

    solver: SolverName = "euler"
    """euler: one evaluation a step; heun: two, and more exact."""
    steps: int = 25
    """Steps of the solver, 4 to 50."""
    guidance_scale: float = 2.0
    """How closely images hold to what was said (1: as learned, at half the work)."""
    guidance_until: float = 1.0
    """Time, 0..1, from which on images are drawn as learned."""

    def __post_init__(self) -> None:
        try:
            demand_solver(self.solver, self.steps)
        except ValueError as error:
            raise ConfigError.about("sampler", str(error), "choose within it") from error
        if not 0 <= self.guidance_scale <= 100:
            raise ConfigError.about("sampler.guidance_scale", f"{self.guidance_scale} is out of range", "use 0 to 100")
        if not 0 <= self.guidance_until <= 1:
            raise ConfigError.about("sampler.guidance_until", f"{self.guidance_until} is out of range", "use 0 to 1")


@dataclass(frozen=True)
class LatentFlowSettings:
    """Settings of the latent flow's training."""

    family: Literal["latent-flow"] = "latent-flow"
    """Kind of generator, which decides what else can be set."""
    embeddings: str = "encoder"
    """Name of the speech embeddings, <root>/derived/embeddings/<name>/; with frames where model.needs_frames."""
    initial: str | None = None
    """Latent flow to start from, its released weights only: a run, a release, a name of shipped weights; none starts
    afresh. The sizes of its network are taken over; codec and image_size must be its own."""
    codec: str = "weights/taef2"
    """Image codec, in any form that features --codec takes; its latents of the corpus must be there."""
    image_size: int = 128
    """Side of the images in pixels."""
    mirrored: bool = False
    """Draw mirror images too, from latents made with features --codec --mirrored."""
    features: str | None = "teacher"
    """Name of the teacher features, whose teacher reads images in evaluations; none does without."""
    model: FlowModelSettings = field(default_factory=FlowModelSettings)
    """Network."""
    sampler: FlowSamplerSettings = field(default_factory=FlowSamplerSettings)
    """How images are drawn."""
    reads_attributes: bool = False
    """With embeddings = "picture": attend to the attributes that the teacher reads off the features. They are painted
    right long before a flow finds them in the features by itself."""
    condition_dropout: float = 0.1
    """Part of the training pairs without speech, which guidance needs."""
    embedding_noise: float = 0.0
    """Noise added to training sentences and frames, as part of their spread: those of new utterances are less exact."""
    time_sampling: TimeSampling = "uniform"
    """Times that are learned: uniform, or logit-normal, which favours the middle (arXiv:2403.03206)."""
    time_mean: float = 0.0
    """Mean of the normal draws behind logit-normal times: below 0 more is learned near noise, where shapes begin."""
    batch_size: int = 64
    """Images a step."""
    learning_rate: float = 8e-4
    """Highest rate of AdamW."""
    weight_decay: float = 0.01
    """Weight decay of AdamW."""
    schedule: Schedule = "cosine"
    """Course of the rate."""
    warmup: float = 0.02
    """Part of the run in which the rate rises."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema_decay: float = 0.999
    """Of the averaged network, which is what is released; short runs use min(decay, (1 + t) / (10 + t))."""
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
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=20_000, evaluate_every=2000))
    """How long and how often."""

    def __post_init__(self) -> None:
        if self.sampler.guidance_scale != 1 and not self.condition_dropout:
            reason = f"{self.condition_dropout} with sampler.guidance_scale {self.sampler.guidance_scale}"
            raise ConfigError.about("condition_dropout", reason, "guidance needs more than 0")
        if self.reads_attributes and (self.features is None or self.model.needs_frames):
            fix = "name the teacher in features, and set model.needs_frames to false"
            raise ConfigError.about("reads_attributes", "it takes a teacher, and features of pictures", fix)
        if not self.clip > 0:
            raise ConfigError.about("clip", f"{self.clip} is not positive", "choose more than 0")
        demand_ranges(self)

    def generator_config(
        self, *, embedding_dim: int, codec: Mapping[str, Any], value_counts: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Arguments of ``LatentFlowGenerator``, as the release holds them."""
        return {
            "embedding_dim": embedding_dim,
            **({"value_counts": list(value_counts)} if value_counts else {}),
            "codec": dict(codec),
            "image_size": self.image_size,
            **asdict(self.model),
            **asdict(self.sampler),
        }
