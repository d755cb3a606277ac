"""Discriminators of a frozen network's feature maps in training: one for each image size (Projected GANs)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from speech2img.distributed.collectives import average_gradients_, gather_with_grad
from speech2img.features.base import FeatureExtractor
from speech2img.losses.adversarial import discriminator_loss, generator_loss
from speech2img.models.generators.projected_discriminator import ProjectedDiscriminator
from speech2img.models.generators.stackgan import GeneratorOutput, init_stackgan_
from speech2img.models.generators.stackgan_discriminator import DiscriminatorOutput
from speech2img.precision import Precision, make_adam, restore_optimizer_
from speech2img.training.optimization import set_learning_rate
from speech2img.training.stackgan.adversary import StepBatch
from speech2img.training.stackgan.diff_augment import augment
from speech2img.training.stackgan.pixel_discriminators import ADAM_BETAS
from speech2img.training.stackgan.settings import StackGANSettings


class ProjectedDiscriminators:
    """Discriminators of a frozen network's maps of images of all sizes: an `Adversary`.

    Parameters
    ----------
    settings : StackGANSettings
        How to train.
    network : FeatureExtractor
        Whose maps they see; frozen.
    image_sizes : sequence of int
        Sides of the generator's images in pixels, smallest first.
    precision, scaler, device
        As for `PixelDiscriminators`.
    """

    def __init__(
        self,
        settings: StackGANSettings,
        network: FeatureExtractor,
        image_sizes: Sequence[int],
        *,
        precision: Precision,
        scaler: torch.amp.GradScaler,
        device: torch.device,
    ) -> None:
        self.settings, self.network = settings, network
        self.precision, self.scaler, self.device = precision, scaler, device
        model, shapes = settings.model, network.map_shapes
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
        self.optimizer = make_adam(
            self.networks.parameters(), settings.discriminator_learning_rate, betas=ADAM_BETAS, device=device
        )

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate."""
        set_learning_rate(self.optimizer, rate)

    def discriminator_step(self, batch: StepBatch, fake: GeneratorOutput) -> dict[str, Tensor]:
        """Make one Adam step on the sum of the losses of all sizes; see `Adversary`."""
        # Look at the images of every size and score them.
        mu = fake.mu.detach()
        losses = []
        for stage in range(len(self.networks)):
            images = batch.real[stage], batch.wrong[stage], fake.images[stage].detach()
            with torch.no_grad(), self.precision.autocast():
                maps = [self._maps(kind) for kind in images]
            scores = [self._score(stage, of_kind, mu) for of_kind in maps]
            losses.append(discriminator_loss(*scores, unconditional_weight=self.settings.losses.unconditional))
        loss = torch.stack(losses).sum()

        # Update the weights.
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        average_gradients_(self.networks.parameters())
        self.scaler.step(self.optimizer)
        return {"feature_discriminator": loss.detach()}

    def generator_terms(self, batch: StepBatch, fake: GeneratorOutput) -> dict[str, Tensor]:
        """The adversarial loss over all sizes; see `Adversary`."""
        self.networks.requires_grad_(False)
        losses = []
        for stage, images in enumerate(fake.images):
            with self.precision.autocast():
                maps = self._maps(images)
            score = self._score(stage, maps, fake.mu)
            losses.append(generator_loss(score, unconditional_weight=self.settings.losses.unconditional))
        self.networks.requires_grad_(True)
        return {"feature_generator": torch.stack(losses).sum()}

    def _maps(self, images: Tensor) -> list[Tensor]:
        return self.network.maps(augment(images, self.settings.discriminator_augmentation))

    def _score(self, stage: int, maps: list[Tensor], mu: Tensor) -> DiscriminatorOutput:
        with self.precision.autocast():
            return gather_with_grad(self.networks[stage](maps, mu))

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimizer."""
        return {"networks": self.networks.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.networks.load_state_dict(state["networks"])
        restore_optimizer_(self.optimizer, state["optimizer"])
