"""Settings of StackGAN-v1's two trainings; the published system: ``speech2img.systems.stackgan_v1``."""

from dataclasses import dataclass, field
from typing import Any, Literal

from speech2img.errors import ConfigError
from speech2img.models.generators.conditioning import Activation
from speech2img.training.adversarial.settings import AdversarialSettings


@dataclass(frozen=True)
class StackGANv1ModelSettings:
    """The networks' sizes."""

    stage: Literal[1, 2] = 1
    """1: 64 px from the embedding; 2: 256 px from the embedding and the image of stage I, which stays as it is."""
    width: int = 128
    """Base width of the generator, a multiple of 4."""
    discriminator_width: int = 64
    """Base width of the discriminator."""
    condition_dim: int = 128
    """Size of the conditions drawn from the embedding; discriminators see their means, the compressed embedding."""
    noise_dim: int = 100
    """Size of the noise."""
    residual_blocks: int = 4
    """Of stage II."""
    conditioning: Activation = "relu"
    """relu: mean and logarithm of the variance are never negative (published); glu: they may be."""

    def __post_init__(self) -> None:
        if self.stage not in (1, 2):
            raise ConfigError.about("model.stage", f"{self.stage}", "choose 1 or 2")
        if self.width < 4 or self.width % 4:
            raise ConfigError.about("model.width", f"{self.width} is no multiple of 4", "change it")

    def generator_config(self, *, embedding_dim: int) -> dict[str, Any]:
        """Arguments of ``StackGANv1``, as the release holds them."""
        names = ("condition_dim", "noise_dim", "width", "stage", "residual_blocks", "conditioning")
        return {"embedding_dim": embedding_dim, **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True)
class StackGANv1Settings(AdversarialSettings):
    """Settings of one of the two trainings."""

    family: Literal["stackgan-v1"] = "stackgan-v1"
    """Kind of generator, which decides what else can be set."""
    initial: str | None = None
    """Of stage 2: the run or release of stage I whose images are drawn again; its sizes are taken over."""
    model: StackGANv1ModelSettings = field(default_factory=StackGANv1ModelSettings)
    """Networks."""
    kl: float = 2.0
    """Weight of the conditions' divergence from the standard normal."""

    def __post_init__(self) -> None:
        if self.model.stage == 2 and self.initial is None:
            raise ConfigError.about("initial", "stage 2 draws on stage I", "name the run or release of a stage I")
        if self.model.stage == 1 and self.initial is not None:
            raise ConfigError.about("initial", "stage 1 starts afresh", "omit it, or set model.stage to 2")
        super().__post_init__()
