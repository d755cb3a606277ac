"""Settings of the training of a codec with a codebook."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from speech2img.errors import ConfigError
from speech2img.models.codecs.quantizers import CodebookForm
from speech2img.models.codecs.token_codec import MOST_CODES
from speech2img.models.codecs.vqgan_networks import VQGANSizes
from speech2img.training.codec.settings import CodecTrainingSettings, SharedLossSettings

Quantizer = Literal["nearest", "gumbel", "ema"]
NETWORKS: dict[Quantizer, str] = {"nearest": "vqgan", "gumbel": "gumbel-vq", "ema": "ema-vq"}
"""Quantiser -> name of the codec."""


@dataclass(frozen=True)
class VQModelSettings:
    """The network's sizes; the published ones are those of VQGAN's ImageNet model."""

    quantizer: Quantizer = "nearest"
    """The nearest code, a Gumbel softmax, or the nearest code of a codebook that follows the latents (ema)."""
    num_codes: int = 512
    """Codes of the codebook (published 16,384 or 1,024; 8,192 with Gumbel)."""
    code_dim: int = 64
    """Numbers of a code (published 256)."""
    width: int = 32
    """Channels of the finest level (published 128)."""
    multipliers: tuple[int, ...] = (1, 2, 2, 4)
    """Channels of each level, the finest first, as multiples of the width; all but the last halve the sides."""
    blocks: int = 1
    """Residual blocks of each level of the encoder (published 2); the decoder has one more."""
    attention_levels: tuple[int, ...] = (3,)
    """Levels with attention, 0 for the finest (published: the last one)."""
    latent_channels: int = 64
    """Channels between encoder and decoder (published 256)."""
    groups: int = 8
    """Of the group normalisation (published 32, of 128 channels and more)."""

    def __post_init__(self) -> None:
        if not 2 <= self.num_codes <= MOST_CODES:
            raise ConfigError.about("model.num_codes", f"{self.num_codes} is out of range", f"use 2 to {MOST_CODES:,}")
        try:
            self.sizes()
        except ValueError as error:
            raise ConfigError.about("model", error, "choose others") from error

    def sizes(self) -> VQGANSizes:
        """Of encoder and decoder."""
        levels = self.multipliers, self.blocks, self.attention_levels
        return VQGANSizes(self.width, *levels, self.latent_channels, self.groups)


@dataclass(frozen=True)
class NearestSettings:
    """Of the nearest code."""

    commitment: float = 0.25
    """Weight of the latents' way to their codes, beside that of the codes to the latents (published 1 with ema)."""
    form: CodebookForm = "paper"
    """Which of the two has that weight: published has it the other way round; nothing with ema."""
    decay: float = 0.99
    """With ``model.quantizer`` ema: share of a code's mean that stays at each step."""
    revive_every: int = 100
    """Steps after which codes that were not used in them become latents of the batch, as all do at the first step;
    0 for never, and codes that begin at random."""
    revive_until: float = 0.75
    """Part of the run, 0..1, in which they do."""

    def __post_init__(self) -> None:
        if not 0 <= self.revive_until <= 1:
            raise ConfigError.about("nearest.revive_until", f"{self.revive_until}", "choose 0 to 1")
        if not 0 <= self.decay < 1:
            raise ConfigError.about("nearest.decay", f"{self.decay}", "choose 0 or more and less than 1")


@dataclass(frozen=True)
class GumbelSettings:
    """Of the Gumbel softmax."""

    divergence: float = 5e-4
    """Weight of the divergence of a place's codes from the uniform distribution."""
    temperature_start: float = 0.9
    """At the beginning."""
    temperature_end: float = 0.0625
    """At the end, after a cosine (published 1e-6, where nothing is learned any more)."""

    def __post_init__(self) -> None:
        if not 0 < self.temperature_end <= self.temperature_start:
            reason = f"{self.temperature_start} to {self.temperature_end} is no falling course above 0"
            raise ConfigError.about("gumbel.temperature_end", reason, "choose more than 0, and no more than the start")


@dataclass(frozen=True)
class VQLossSettings(SharedLossSettings):
    """The same, and of codes."""

    codebook: float = 1.0
    """Weight of what the nearest code adds; that of the Gumbel softmax is ``gumbel.divergence``."""
    adaptive: bool = True
    """Multiply the discriminator's weight by the ratio of both gradients at the last convolution, as published."""


@dataclass(frozen=True)
class VQCodecSettings(CodecTrainingSettings):
    """Settings of ``train codec --set family=vqgan``."""

    family: Literal["vqgan"] = "vqgan"
    """Which codec: VQGAN, with any of its quantisers."""
    model: VQModelSettings = field(default_factory=VQModelSettings)
    """Network."""
    losses: VQLossSettings = field(default_factory=VQLossSettings)
    """Losses."""
    nearest: NearestSettings = field(default_factory=NearestSettings)
    """With ``model.quantizer`` nearest or ema."""
    gumbel: GumbelSettings = field(default_factory=GumbelSettings)
    """With ``model.quantizer`` gumbel."""

    @property
    def stride(self) -> int:
        """A factor of 2 for each level but the last."""
        return self.model.sizes().stride

    def codec_config(self) -> dict[str, Any]:
        """Of `VQGAN`, `GumbelVQ` or `EMAVQ`."""
        sizes = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self.model).items()}
        del sizes["quantizer"]
        network = NETWORKS[self.model.quantizer]
        if self.model.quantizer == "gumbel":
            return {"network": network, **sizes}
        own = {"form": self.nearest.form} if self.model.quantizer == "nearest" else {"decay": self.nearest.decay}
        return {"network": network, **sizes, "commitment": self.nearest.commitment, **own}

    def codec_summary(self) -> str:
        """Codes and stride."""
        how = "a code by Gumbel softmax" if self.model.quantizer == "gumbel" else "the nearest code"
        place = f"each square of {self.stride} x {self.stride} px"
        return f"A VQGAN: {how} of {self.model.num_codes} for {place}."
