"""Settings that generators have in common that are trained against discriminators of code and condition."""

from dataclasses import dataclass, field

from speech2img.batches.image_pairs import Augmentation
from speech2img.errors import ConfigError
from speech2img.losses.damsm import Smoothing
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges


@dataclass(frozen=True)
class AdversarialSettings:
    """Settings of a generator's training against discriminators."""

    embeddings: str = "encoder"
    """Name of the embeddings, <root>/derived/embeddings/<name>/."""
    features: str | None = None
    """Name of the teacher features, whose teacher reads images in evaluations; none does without."""
    batch_size: int = 24
    """Images a step."""
    learning_rate: float = 2e-4
    """Adam, generator."""
    discriminator_learning_rate: float = 2e-4
    """Adam, discriminators."""
    schedule: Schedule = "constant"
    """Course of both rates."""
    ema_decay: float = 0.999
    """Of the averaged generator, which is what is released; short runs use min(decay, (1 + t) / (10 + t))."""
    augmentation: Augmentation = "crop_flip"
    """Of real images: none, shift, crop or crop_flip (published; wrong where direction is an attribute)."""
    shift: int = 2
    """Largest shift in pixels."""
    grid_utterances: int = 8
    """Rows of the sample grid."""
    grid_noises: int = 4
    """Columns of the sample grid."""
    evaluation_utterances: int = 0
    """Validation utterances that an evaluation generates images of; 0 for none."""
    workers: int = 2
    """Processes that decode images where the store is missing."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=50_000, evaluate_every=2000))
    """How long and how often."""

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ConfigError.about("batch_size", "batch normalisation needs two images or more", "set it to 2 or more")
        if self.evaluation_utterances and self.features is None:
            raise ConfigError.about("evaluation_utterances", "it needs a teacher", "set features, or it to 0")
        demand_ranges(self)


@dataclass(frozen=True)
class SmoothingSettings:
    """How sharply the DAMSM looks and compares: gamma 1, 2 and 3."""

    attention: float = 4.0
    """Of each word's softmax over the regions (published: 4 for birds, 5 in the paper)."""
    words: float = 5.0
    """Of the sum over the words."""
    matching: float = 10.0
    """Of the softmax over the batch."""

    def __post_init__(self) -> None:
        for name in ("attention", "words", "matching"):
            if not getattr(self, name) > 0:
                raise ConfigError.about(f"smoothing.{name}", f"{getattr(self, name)}", "choose more than 0")

    @property
    def factors(self) -> Smoothing:
        """As the losses take them."""
        return Smoothing(self.attention, self.words, self.matching)
