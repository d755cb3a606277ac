"""Discriminators that look through the frozen teacher, in training: one for each image size (Projected GANs)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from speech2img.device import Precision, adam, restore_optimizer_
from speech2img.distributed.collectives import average_gradients_, joint
from speech2img.features.base import FeatureExtractor
from speech2img.losses.adversarial import discriminator_loss, generator_loss
from speech2img.models.generators.projected_discriminator import ProjectedDiscriminator
from speech2img.models.generators.stackgan import GeneratorOutput, init_stackgan_
from speech2img.models.generators.stackgan_discriminator import DiscriminatorOutput
from speech2img.training.optimization import set_learning_rate
from speech2img.training.stackgan.diff_augment import augment
from speech2img.training.stackgan.discriminators import ADAM_BETAS
from speech2img.training.stackgan.settings import StackGANSettings


class ProjectedDiscriminators:
    """Discriminators of the teacher's maps of generated pictures of all sizes.

    Parameters
    ----------
    settings : StackGANSettings
        How to train.
    teacher : FeatureExtractor
        Whose maps they see; frozen.
    image_sizes : sequence of int
        Sides of the generator's images in pixels, smallest first.
    precision, scaler, device
        As for ``discriminators.Discriminators``.
    """

    def __init__(
        self,
        settings: StackGANSettings,
        teacher: FeatureExtractor,
        image_sizes: Sequence[int],
        *,
        precision: Precision,
        scaler: torch.amp.GradScaler,
        device: torch.device,
    ) -> None:
        self.settings, self.teacher = settings, teacher
        self.precision, self.scaler, self.device = precision, scaler, device
        model, shapes = settings.model, teacher.map_shapes
        self.networks = nn.ModuleList(
            init_stackgan_(
                ProjectedDiscriminator(
                    shapes.channels,
                    [size // stride for stride in shapes.strides],
                    condition_dim=model.condition_dim,
                    width=model.feature_discriminator_width,
                )
            )
            for size in image_sizes
        ).to(device)
        self.optimizer = adam(
            self.networks.parameters(), settings.discriminator_learning_rate, betas=ADAM_BETAS, device=device
        )

    def set_rate(self, rate: float) -> None:
        """Set the learning rate."""
        set_learning_rate(self.optimizer, rate)

    def step(self, real: list[Tensor], wrong: list[Tensor], fake: GeneratorOutput) -> Tensor:
        """Make one Adam step; as ``Discriminators.step``."""
        mu = fake.mu.detach()
        losses = []
        for stage in range(len(self.networks)):
            with torch.no_grad(), self.precision.autocast():
                seen = [self._look(x) for x in (real[stage], wrong[stage], fake.images[stage].detach())]
            scores = [self._score(stage, maps, mu) for maps in seen]
            losses.append(discriminator_loss(*scores, unconditional_weight=self.settings.losses.unconditional))
        loss = torch.stack(losses).sum()
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        average_gradients_(self.networks.parameters())
        self.scaler.step(self.optimizer)
        return loss.detach()

    def generator_term(self, fake: GeneratorOutput) -> Tensor:
        """The generator's adversarial loss over all sizes."""
        self.networks.requires_grad_(False)
        losses = []
        for stage, images in enumerate(fake.images):
            with self.precision.autocast():
                maps = self._look(images)
            score = self._score(stage, maps, fake.mu)
            losses.append(generator_loss(score, unconditional_weight=self.settings.losses.unconditional))
        self.networks.requires_grad_(True)
        return torch.stack(losses).sum()

    def _look(self, images: Tensor) -> list[Tensor]:
        return self.teacher.maps(augment(images, self.settings.discriminator_augmentation))

    def _score(self, stage: int, maps: list[Tensor], mu: Tensor) -> DiscriminatorOutput:
        with self.precision.autocast():
            return joint(self.networks[stage](maps, mu))

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimizer."""
        return {"networks": self.networks.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.networks.load_state_dict(state["networks"])
        restore_optimizer_(self.optimizer, state["optimizer"])
