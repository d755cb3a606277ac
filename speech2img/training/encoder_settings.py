"""Settings of the speech encoder's training."""

from dataclasses import dataclass, field
from typing import Literal

from speech2img.errors import ConfigError
from speech2img.training.run import LoopSettings
from speech2img.training.task import Schedule


@dataclass(frozen=True)
class EncoderModelSettings:
    """The encoder's architecture; defaults are Li et al. 2020 with the padding taken out of every sum."""

    channels: tuple[int, ...] = (64, 64, 128, 256, 256, 512, 512, 1024)
    """Widths of the eight convolutions."""
    rnn_layers: int = 1
    """LSTM layers."""
    bidirectional: bool = True
    """Two directions of half the embedding's size each."""
    embedding_dim: int = 1024
    """Size of the embedding; the teacher's features have the same."""
    pooling: Literal["masked_mean", "padded_mean"] = "masked_mean"
    """padded_mean is the published mean over padded steps too."""
    dropout: float = 0.5
    """Between LSTM layers."""
    masked: bool = True
    """Keep padding out of every layer; the published network does not."""
    last_stride: int = 2
    """2 as published; 1 gives twice as many time steps."""
    padded_frames: int | None = None
    """Fixed length of every input (published: 2048); unset pads to the batch."""
    pad_value: float | None = None
    """What stands behind an utterance; unset takes the mel preset's floor, published 0.0 is its loudest value."""


@dataclass(frozen=True)
class EncoderLossSettings:
    """What pulls the embedding to the teacher's features (Li et al. 2020, and corrected forms)."""

    form: Literal["corrected", "published"] = "corrected"
    """Formulas of the three losses; see speech2img.losses."""
    joint: float = 1.0
    """Weight of the joint embedding loss."""
    margin: float = 1.0
    """Margin of pairs of different classes."""
    loss_diff: float = 1.0
    """Weight of pairs of different classes."""
    loss_same: float = 0.1
    """Weight of pairs of the same class."""
    scale: float = 10.0
    """Factor on cosines (corrected joint loss and contrastive loss)."""
    l1: float = 5.0
    """Weight of the L1 loss (published 5)."""
    distillation: float = 1.0
    """Weight of the distillation loss (published form: 1000)."""
    temperature: float = 2.0
    """Softening of the distillation."""
    contrastive: float = 0.0
    """Weight of a symmetric contrastive loss between pictures and utterances of the batch (our own extra)."""


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of the speech encoder's training."""

    mel_preset: str = "li2020"
    """Front-end; it travels with the weights."""
    features: str = "teacher"
    """Name of the teacher features, <root>/derived/features-<name>.h5."""
    standardise: bool = False
    """Learn features less their mean, divided by their standard deviation (over the training pictures)."""
    model: EncoderModelSettings = field(default_factory=EncoderModelSettings)
    """Architecture."""
    losses: EncoderLossSettings = field(default_factory=EncoderLossSettings)
    """Losses."""
    batch_size: int = 64
    """Utterances a step."""
    max_frames: int = 2048
    """Longer utterances are cut (20.48 s at 10 ms)."""
    mask_bands: int = 4
    """Most mel bands masked in training; 0 for none."""
    mask_time: float = 0.05
    """Largest part of an utterance masked in training; 0 for none."""
    learning_rate: float = 1e-3
    """Highest rate of Adam."""
    weight_decay: float = 1e-5
    """Weight decay of Adam."""
    schedule: Schedule = "cosine"
    """Course of the rate: cosine, constant or step (published)."""
    warmup: float = 0.02
    """Part of the run in which the rate rises."""
    clip: float = 5.0
    """Largest norm of the gradient."""
    selection: Literal["score", "centroid_accuracy", "recall_at_1", "recall_at_10", "ap_at_50"] = "score"
    """What chooses the best weights on the validation part; score is the mean of centroid_accuracy and recall_at_10."""
    evaluation_captions: int = 2
    """Utterances of each validation picture in an evaluation."""
    workers: int = 2
    """Processes that compute log-mels where they are missing."""
    loop: LoopSettings = field(
        default_factory=lambda: LoopSettings(max_steps=20_000, evaluate_every=1000, grid_every=0)
    )
    """How long and how often."""

    def __post_init__(self) -> None:
        if len(self.model.channels) != 8:
            raise ConfigError.about("model.channels", f"{len(self.model.channels)} widths", "give all eight")
        if not 0 <= self.mask_time < 1 or self.mask_bands < 0:
            raise ConfigError.about("mask_time, mask_bands", "out of range", "use 0..1 and 0 or more")
        if self.evaluation_captions < 1:
            raise ConfigError.about("evaluation_captions", "must be positive", "set it to 1 or more")
