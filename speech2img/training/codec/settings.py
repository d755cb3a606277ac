"""Settings of an image codec's training: what all families share, and those of the autoencoder."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from speech2img.errors import ConfigError
from speech2img.models.codecs.conv_autoencoder import LEVELS, MOST_BLOCKS
from speech2img.models.codecs.patchgan import smallest_side
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges

STRIDE = 2**LEVELS
"""Pixels of an image, along a side, for one place of its latents."""
MOST_CHANNELS = 1024
_SMALLEST_SEEN = 64
"""Smallest side of images that every frozen network takes."""


@dataclass(frozen=True)
class CodecModelSettings:
    """The network's sizes; its latents have an eighth of the image's side."""

    latent_channels: int = 32
    """Channels of the latents: a sixth of the numbers of an image with 32, a twelfth with 16."""
    width: int = 32
    """Channels of the finest level; the next two have twice and four times as many."""
    blocks: int = 2
    """Residual blocks of each level, in the encoder and in the decoder."""

    def __post_init__(self) -> None:
        for name, most in (("latent_channels", MOST_CHANNELS), ("blocks", MOST_BLOCKS)):
            if not 1 <= getattr(self, name) <= most:
                raise ConfigError.about(f"model.{name}", f"{getattr(self, name)} is out of range", f"use 1 to {most}")


@dataclass(frozen=True)
class SharedLossSettings:
    """Weights of the losses beside the mean absolute difference, whose weight is 1 (images are -1..1)."""

    perceptual: float = 0.1
    """Maps of the frozen network ``perceptual``; nothing without one."""
    adversarial: float = 0.0
    """A discriminator of patches, which sharpens what is lost and costs decibels; 0 for none."""
    adversarial_from: float = 0.5
    """Part of the run, 0..1, that the codec learns without it."""

    def __post_init__(self) -> None:
        if not 0 <= self.adversarial_from <= 1:
            raise ConfigError.about("losses.adversarial_from", f"{self.adversarial_from}", "choose 0 to 1")


@dataclass(frozen=True)
class CodecLossSettings(SharedLossSettings):
    """The same, and of latents."""

    latent: float = 0.01
    """Divergence of each latent channel's spread from the standard normal: keeps latents in a flow's reach."""


@dataclass(frozen=True)
class CodecTrainingSettings(ABC):
    """What every family of ``train codec`` has."""

    image_size: int = 128
    """Side of the images in pixels, a multiple of the codec's stride; the codec encodes other sizes as well."""
    crop: int | None = None
    """Side of the random part of an image that a step sees, a multiple of the stride; none for the whole image."""
    mirrored: bool = False
    """Mirror half of what a step sees: a codec is not asked which side is left."""
    perceptual: str | None = None
    """Frozen network of the perceptual loss: the name of teacher features of the corpus (teacher), or a network in any
    form that features --teacher takes; none does without. It must not judge what is made with the codec."""
    losses: SharedLossSettings = field(default_factory=SharedLossSettings)
    """Losses."""
    discriminator: Literal["own", "published"] = "own"
    """Which discriminator of patches: own normalises each image by itself, published (PatchGAN) the batch."""
    discriminator_width: int = 32
    """Channels of the discriminator's first convolution (published 64)."""
    discriminator_layers: int = 3
    """Convolutions of the published one that halve the sides: 3, or 2 in the model of 16,384 codes."""
    discriminator_learning_rate: float = 2e-4
    """Rate of the discriminator's Adam."""
    batch_size: int = 16
    """Images a step."""
    learning_rate: float = 1e-3
    """Highest rate of AdamW."""
    weight_decay: float = 0.0
    """Weight decay of AdamW."""
    schedule: Schedule = "cosine"
    """Course of the rate."""
    warmup: float = 0.05
    """Part of the run in which the rate rises."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema_decay: float = 0.999
    """Of the averaged network, which is what is released; short runs use min(decay, (1 + t) / (10 + t))."""
    evaluation_images: int = 256
    """Most validation images that an evaluation and the release measure."""
    grid_images: int = 8
    """Columns of the sample grid: a real image, below it what comes back."""
    workers: int = 2
    """Processes that decode images where their store is missing."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=20_000, evaluate_every=1000))
    """How long and how often."""

    @property
    @abstractmethod
    def stride(self) -> int:
        """Pixels of an image, along a side, for one place of its latents."""

    @abstractmethod
    def codec_config(self) -> dict[str, Any]:
        """What `build_codec` makes the network from, as the release holds it."""

    @abstractmethod
    def codec_summary(self) -> str:
        """What the network is, for the card of its release."""

    def __post_init__(self) -> None:
        # Sides must be whole numbers of latents.
        for name, side in (("image_size", self.image_size), ("crop", self.crop)):
            if side is not None and (side < self.stride or side % self.stride):
                fix = f"choose one, such as {-(-128 // self.stride) * self.stride}"
                raise ConfigError.about(name, f"{side} is no multiple of {self.stride}, the codec's stride", fix)
        if self.crop is not None and self.crop > self.image_size:
            reason = f"{self.crop} is more than image_size {self.image_size}"
            raise ConfigError.about("crop", reason, "make it smaller, or omit it")
        if self.perceptual is not None and self.crop is not None and self.crop < _SMALLEST_SEEN:
            fix = f"choose {_SMALLEST_SEEN} or more, or omit perceptual"
            raise ConfigError.about("crop", f"{self.crop} px are too few for the perceptual loss's network", fix)
        # What would have no effect, or none that is wanted.
        if self.perceptual is not None and not self.losses.perceptual:
            raise ConfigError.about("perceptual", "losses.perceptual is 0", "omit it, or give it a weight")
        seen, least = self.crop or self.image_size, smallest_side(self.discriminator_layers)
        if self.losses.adversarial and self.discriminator == "published" and seen < least:
            fix = f"choose fewer, or images of {least} px or more"
            raise ConfigError.about("discriminator_layers", f"{self.discriminator_layers} want {least} px", fix)
        if not self.clip > 0:
            raise ConfigError.about("clip", f"{self.clip} is not positive", "choose more than 0")
        if not 1 <= self.evaluation_images:
            raise ConfigError.about("evaluation_images", f"{self.evaluation_images}", "choose 1 or more")
        demand_ranges(self)


@dataclass(frozen=True)
class CodecSettings(CodecTrainingSettings):
    """Settings of ``train codec``: the autoencoder."""

    family: Literal["autoencoder"] = "autoencoder"
    """Which codec: this one, or vqgan, whose latents are codes of a codebook."""
    model: CodecModelSettings = field(default_factory=CodecModelSettings)
    """Network."""
    losses: CodecLossSettings = field(default_factory=CodecLossSettings)
    """Losses."""
    latent_noise: float = 0.05
    """Noise on latents in training, whose deviation is about 1: the decoder forgives what a flow gets wrong."""

    @property
    def stride(self) -> int:
        """Of the autoencoder, always."""
        return STRIDE

    def codec_config(self) -> dict[str, Any]:
        """Of `ConvAutoencoder`."""
        return {"network": "conv-autoencoder", **asdict(self.model)}

    def codec_summary(self) -> str:
        """Channels and stride."""
        return f"A convolutional autoencoder: {self.model.latent_channels} channels at an eighth of the side."
