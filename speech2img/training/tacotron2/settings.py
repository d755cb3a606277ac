"""Settings of Tacotron 2's training."""

from dataclasses import dataclass, field
from typing import Literal

from speech2img.errors import ConfigError
from speech2img.losses.tacotron2 import FrameLoss
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges


@dataclass(frozen=True)
class Tacotron2ModelSettings:
    """The network's sizes; the defaults are the published ones."""

    encoder_dim: int = 512
    """Width of embedding and encoder; even."""
    encoder_layers: int = 3
    """Convolutions of the encoder."""
    attention_dim: int = 128
    """Space in which query and text are compared."""
    location_filters: int = 32
    """Filters over the earlier attention weights."""
    location_kernel: int = 31
    """Their length in symbols; odd."""
    prenet_dim: int = 256
    """Width of the prenet."""
    attention_rnn_dim: int = 1024
    """Attention LSTM."""
    decoder_rnn_dim: int = 1024
    """Decoder LSTM."""
    postnet_dim: int = 512
    """Width of the postnet."""
    postnet_layers: int = 5
    """Convolutions of the postnet."""
    dropout: float = 0.5
    """Behind the convolutions."""
    prenet_dropout: float = 0.5
    """In the prenet, in use as well."""
    rnn_dropout: float = 0.1
    """Behind the decoder's LSTMs."""
    frames_per_step: int = 1
    """Frames a decoder step gives; more make training faster and the attention easier to learn."""
    masked: bool = True
    """Keep padding out of every layer; the published training does not."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name.endswith("dropout") and not 0.0 <= value < 1.0:
                raise ConfigError.about(f"model.{name}", f"{value} is no share", "use 0 up to, not including, 1")
            if type(value) is int and value < 1:
                raise ConfigError.about(f"model.{name}", f"{value} is not positive", "set it to 1 or more")
        if self.encoder_dim % 2:
            raise ConfigError.about("model.encoder_dim", f"{self.encoder_dim} is odd", "use an even number")
        if self.location_kernel % 2 == 0:
            raise ConfigError.about("model.location_kernel", f"{self.location_kernel} is even", "use an odd number")


@dataclass(frozen=True)
class Tacotron2Settings:
    """Settings of Tacotron 2's training; the defaults are the published ones."""

    mel_preset: str = "tacotron2"
    """Front-end; it travels with the weights."""
    cleaner: Literal["english", "transliteration", "basic"] = "english"
    """What texts go through; it travels with the weights."""
    model: Tacotron2ModelSettings = field(default_factory=Tacotron2ModelSettings)
    """The network."""
    frame_loss: FrameLoss = "mse"
    """Difference of frames before and after the postnet: mse, l1 or mse+l1."""
    stop_positive: float = 1.0
    """Weight of an utterance's last step in the stop loss."""
    guided_attention: float = 0.0
    """Weight of the guided attention loss (arXiv:1710.08969); 0 as published, more for small data."""
    guided_width: float = 0.2
    """Breadth of its free band, as a share of the text."""
    batch_size: int = 64
    """Clips a step."""
    held_out: int = 0
    """Clips at the end of the list that are kept for evaluation; 0 evaluates on the first training clips."""
    evaluation_clips: int = 8
    """Most clips in an evaluation."""
    learning_rate: float = 1e-3
    """Highest rate of Adam."""
    weight_decay: float = 1e-6
    """Weight decay of Adam."""
    schedule: Schedule = "constant"
    """Course of the rate: constant (published), cosine or step."""
    warmup: float = 0.0
    """Part of the run in which the rate rises."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=100_000, precision="fp32"))
    """How long and how often; fp32, because the attention's many small steps gain nothing from less."""

    def __post_init__(self) -> None:
        for name in ("stop_positive", "guided_width", "clip"):
            if not getattr(self, name) > 0:
                raise ConfigError.about(name, f"{getattr(self, name)} is not positive", "raise it")
        for name in ("guided_attention", "held_out"):
            if getattr(self, name) < 0:
                raise ConfigError.about(name, f"{getattr(self, name)} is negative", "set it to 0 or more")
        for name in ("batch_size", "evaluation_clips"):
            if getattr(self, name) < 1:
                raise ConfigError.about(name, f"{getattr(self, name)} is not positive", "set it to 1 or more")
        demand_ranges(self)
