"""Settings of the prior's training."""

from dataclasses import dataclass, field

from speech2img.errors import ConfigError
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges


@dataclass(frozen=True)
class PriorSettings:
    """Settings of the prior's training."""

    generator: str = "generator"
    """Run or release folder of a generator that was trained on image features; it goes into the whole model."""
    embeddings: str = "encoder"
    """Name of the speech embeddings, <root>/derived/embeddings/<name>/, of an encoder with standardised features."""
    features: str = "teacher"
    """Name of the teacher features."""
    components: int = 96
    """Principal components of the features that the flow works in."""
    width: int = 512
    """Width of the network."""
    blocks: int = 3
    """Residual layers."""
    dropout: float = 0.3
    """In the residual layers."""
    weight_decay: float = 0.05
    """Weight decay of AdamW; high, because a small corpus overfits."""
    ridge: float | None = 0.05
    """Penalty of the linear mean; none leaves all to the flow."""
    condition_dropout: float = 0.0
    """Part of the training pairs without speech, which guidance needs."""
    embedding_noise: float = 0.4
    """Noise added to training embeddings, as part of their spread: those of new utterances are less exact."""
    mean_scale: float = 1.0
    """Factor on the linear mean when an image is generated (1: as in the data)."""
    guidance_scale: float = 1.0
    """How closely the flow holds to what was said (1: as learned)."""
    temperature: float = 1.0
    """Factor on what the flow draws; less than 1 holds closer to what was said, and images differ less."""
    steps: int = 8
    """Steps of the solver when an image is generated."""
    candidates: int = 1
    """Images generated for each one that is kept: the one in which the teacher sees most of what was said."""
    feature_draws: int = 1
    """Features drawn for each image, of which those are taken off which most of what was said is read; for a generator
    that reads attributes (reads_attributes)."""
    batch_size: int = 256
    """Utterances a step."""
    learning_rate: float = 1e-3
    """Highest rate of AdamW."""
    schedule: Schedule = "cosine"
    """Course of the rate."""
    ema_decay: float = 0.998
    """Of the averaged prior, which is what is released."""
    evaluation_utterances: int = 512
    """Validation utterances for which features are drawn in an evaluation."""
    grid_utterances: int = 8
    """Rows of the sample grid."""
    grid_noises: int = 8
    """Columns of the sample grid."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=8000, evaluate_every=1000))
    """How long and how often."""

    def __post_init__(self) -> None:
        if self.ridge is not None and not self.ridge > 0:
            raise ConfigError.about("ridge", f"{self.ridge}", "choose more than 0, or none")
        if not 0 <= self.condition_dropout < 1 or (self.guidance_scale != 1 and not self.condition_dropout):
            reason = f"{self.condition_dropout} with guidance_scale {self.guidance_scale}"
            raise ConfigError.about("condition_dropout", reason, "guidance needs more than 0, less than 1")
        factors = self.mean_scale, self.guidance_scale, self.temperature, self.embedding_noise
        if min(self.steps, self.candidates, self.feature_draws) < 1 or min(factors) < 0:
            names = "steps, candidates, feature_draws, mean_scale, guidance_scale, temperature, embedding_noise"
            raise ConfigError.about(names, "out of range", "see their documentation")
        demand_ranges(self)
