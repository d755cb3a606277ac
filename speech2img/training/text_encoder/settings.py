"""Settings of the text encoder's training."""

from dataclasses import dataclass, field
from typing import Literal

from speech2img.errors import ConfigError
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges


@dataclass(frozen=True)
class TextEncoderSettings:
    """Settings of the text encoder's training."""

    embeddings: str = "encoder"
    """Name of the stored embeddings that it learns to give of a caption: those of a speech encoder (extract --run), so
    that the generator of that encoder takes them, or features of images (extract --features)."""
    network: Literal["word-lstm", "char-cnn-rnn"] = "word-lstm"
    """Over words (AttnGAN), unknown ones are passed over; or over letters (Reed et al. 2016)."""
    word_dim: int = 128
    """Of word-lstm: size of what is looked up for a word."""
    width: int = 256
    """Of char-cnn-rnn: channels behind the convolutions."""
    dropout: float = 0.2
    """Of word-lstm."""
    batch_size: int = 64
    """Captions a step."""
    learning_rate: float = 2e-3
    """Highest rate of Adam."""
    weight_decay: float = 1e-5
    """Weight decay of Adam."""
    schedule: Schedule = "cosine"
    """Course of the rate: cosine, constant or step."""
    warmup: float = 0.05
    """Part of the run in which the rate rises."""
    clip: float = 5.0
    """Largest norm of the gradient."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=3000, evaluate_every=500, grid_every=0))
    """How long and how often."""

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError.about("batch_size", f"{self.batch_size} is not positive", "set it to 1 or more")
        if not self.clip > 0:
            raise ConfigError.about("clip", f"{self.clip} is not positive", "raise it")
        demand_ranges(self)
