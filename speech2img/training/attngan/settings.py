"""Settings of AttnGAN's training; the published system: ``speech2img.systems.attngan``."""

from dataclasses import dataclass, field
from typing import Any, Literal

from speech2img.errors import ConfigError
from speech2img.training.adversarial.settings import AdversarialSettings, SmoothingSettings


@dataclass(frozen=True)
class AttnGANModelSettings:
    """The networks' sizes."""

    num_stages: int = 3
    """1: 64 px; 2: and 128 px; 3: and 256 px; 4: and 512 px."""
    width: int = 32
    """Channels of every map of the generator."""
    condition_dim: int = 100
    """Size of the condition drawn from the sentence."""
    noise_dim: int = 100
    """Size of the noise."""
    residual_blocks: int = 2
    """Of each stage behind the first."""
    attention: bool = True
    """Look at the frames of the speech (extract --frames); otherwise at the sentence alone."""
    recompute: bool = False
    """Compute the generator's stages again in the backward pass: less memory, about a fifth more time."""
    standardise: bool = True
    """Start the first layers so that sentences and frames come in with deviation 1; published: as they are."""
    discriminator_width: int = 64
    """Base width of the discriminators up to 256 px."""
    discriminator_width_512: int = 16
    """That of the one of 512 px: with 64 it has 281 million parameters."""
    discriminator_norm: Literal["batch", "spectral"] = "batch"
    """Normalisation in the discriminators: of the batch (published), or spectral, which suits small batches."""

    def __post_init__(self) -> None:
        if not 1 <= self.num_stages <= 4:
            raise ConfigError.about("model.num_stages", f"{self.num_stages}", "choose 1 to 4")

    def generator_config(self, *, embedding_dim: int) -> dict[str, Any]:
        """Arguments of ``AttnGANGenerator``, as the release holds them."""
        names = ("condition_dim", "noise_dim", "width", "num_stages", "residual_blocks", "attention")
        return {"embedding_dim": embedding_dim, **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True)
class AttnGANSettings(AdversarialSettings):
    """Settings of AttnGAN's training."""

    family: Literal["attngan"] = "attngan"
    """Kind of generator, which decides what else can be set."""
    model: AttnGANModelSettings = field(default_factory=AttnGANModelSettings)
    """Networks."""
    kl: float = 1.0
    """Weight of the condition's divergence from the standard normal."""
    damsm: str | None = None
    """Run or release of a DAMSM of the same embeddings that judges the last image; none does without."""
    damsm_weight: float = 5.0
    """Weight of its losses (published: 5 for birds, 50 for COCO)."""
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    """Of the DAMSM."""

    def __post_init__(self) -> None:
        if self.damsm is not None and not self.model.attention:
            fix = "set model.attention to true, or damsm to none"
            raise ConfigError.about("damsm", "it compares frames, which are not read", fix)
        super().__post_init__()
