"""Settings of a DAMSM's training, in its speech form and in its text form."""

from dataclasses import dataclass, field
from typing import Literal

from speech2img.batches.image_pairs import Augmentation
from speech2img.errors import ConfigError
from speech2img.training.adversarial.settings import SmoothingSettings
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges


@dataclass(frozen=True)
class CommonDAMSMSettings:
    """What both forms have; defaults are AttnGAN's, but for the trunk."""

    trunk: str = "weights/efficientnet-lite0"
    """Release of the frozen network of images: of import efficientnet-lite0, or of import torchvision-inception
    (published), which computes fifteen times as much."""
    embedding_dim: int = 256
    """Size of the space in which images and speech or text are compared."""
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    """How sharply it looks and compares."""
    image_size: int = 256
    """Side of the training images in pixels, before they are scaled to what the trunk takes."""
    batch_size: int = 48
    """Images a step, among which each must find its description: fewer are easier, and teach less."""
    learning_rate: float = 2e-3
    """Highest rate of Adam."""
    schedule: Schedule = "cosine"
    """Course of the rate."""
    warmup: float = 0.0
    """Part of the run in which the rate rises."""
    clip: float = 0.25
    """Largest norm of the gradient."""
    augmentation: Augmentation = "crop_flip"
    """Of images: none, shift, crop or crop_flip (published; wrong where direction is an attribute)."""
    shift: int = 2
    """Largest shift in pixels."""
    evaluation_utterances: int = 256
    """Validation images, with an utterance each, on which R-precision is measured; 0 for none."""
    workers: int = 2
    """Processes that decode images where the store is missing."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=20_000, evaluate_every=1000))
    """How long and how often."""

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ConfigError.about("batch_size", "there is nothing to choose among", "set it to 2 or more")
        if not self.clip > 0:
            raise ConfigError.about("clip", f"{self.clip} is not positive", "choose more than 0")
        demand_ranges(self)


@dataclass(frozen=True)
class DAMSMSettings(CommonDAMSMSettings):
    """Settings of ``train damsm``: images and frames of speech."""

    family: Literal["speech"] = "speech"
    """What images are compared with: speech, or text (of AttnGAN as published)."""
    embeddings: str = "encoder"
    """Name of the speech embeddings, <root>/derived/embeddings/<name>/, with frames (extract --frames)."""


@dataclass(frozen=True)
class TextDAMSMSettings(CommonDAMSMSettings):
    """Settings of ``train damsm --set family=text``: images and captions, whose words come from the corpus."""

    family: Literal["text"] = "text"
    """What images are compared with."""
    word_dim: int = 300
    """Size of what is looked up for a word."""
    dropout: float = 0.5
    """Of what is looked up, in training."""
    most_words: int = 18
    """Of a longer caption so many words are drawn, in their order; evaluation reads all."""

    def __post_init__(self) -> None:
        if self.embedding_dim % 2:
            reason = f"{self.embedding_dim} is odd, and half of it is read forwards, half backwards"
            raise ConfigError.about("embedding_dim", reason, "set it to an even number")
        if self.most_words < 1:
            raise ConfigError.about("most_words", f"{self.most_words} leaves nothing", "set it to 1 or more")
        super().__post_init__()
