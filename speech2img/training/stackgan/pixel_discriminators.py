"""Discriminators of images in training: one for each image size, each with its optimizer (StackGAN-v2)."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from speech2img.distributed.collectives import average_gradients_, gather_with_grad
from speech2img.losses.adversarial import discriminator_loss, discriminator_part, generator_loss
from speech2img.losses.generator import class_aware_loss
from speech2img.models.generators.stackgan import GeneratorOutput, init_stackgan_
from speech2img.models.generators.stackgan_discriminator import DiscriminatorOutput, StackDiscriminator
from speech2img.precision import Precision, make_adam, restore_optimizer_, to_channels_last_
from speech2img.training.optimization import set_learning_rate
from speech2img.training.stackgan.adversary import StepBatch
from speech2img.training.stackgan.diff_augment import augment
from speech2img.training.stackgan.settings import StackGANSettings

ADAM_BETAS = (0.5, 0.999)
KINDS: tuple[Literal["real", "wrong", "fake"], ...] = ("real", "wrong", "fake")


class PixelDiscriminators:
    """Discriminators of all image sizes, trained against one generator: an `Adversary`.

    Parameters
    ----------
    settings : StackGANSettings
        How to train.
    image_sizes : sequence of int
        Sides of the generator's images in pixels, smallest first.
    precision : Precision
        Arithmetic of the networks.
    scaler : torch.amp.GradScaler
        Loss scaling that all networks of the run share.
    device : torch.device
        Where they compute.
    """

    def __init__(
        self,
        settings: StackGANSettings,
        image_sizes: Sequence[int],
        *,
        precision: Precision,
        scaler: torch.amp.GradScaler,
        device: torch.device,
    ) -> None:
        self.settings, self.precision, self.scaler, self.device = settings, precision, scaler, device
        model = settings.model
        self.networks = nn.ModuleList(
            init_stackgan_(StackDiscriminator(size, condition_dim=model.condition_dim, width=model.discriminator_width))
            for size in image_sizes
        ).to(device)
        compute = settings.compute
        to_channels_last_(self.networks, compute.channels_last, precision)
        self.forwards = [torch.compile(network) if compute.compile else network for network in self.networks]
        self.optimizers = [
            make_adam(
                network.parameters(),
                settings.discriminator_learning_rate,
                betas=ADAM_BETAS,
                device=device,
                graphs=compute.graphs,
            )
            for network in self.networks
        ]

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of all of them."""
        for optimizer in self.optimizers:
            set_learning_rate(optimizer, rate)

    def discriminator_step(self, batch: StepBatch, fake: GeneratorOutput) -> dict[str, Tensor]:
        """Make one Adam step of each, and give the sum of their losses; see `Adversary`."""
        total = torch.zeros((), device=self.device)
        for stage in range(len(self.networks)):
            images = batch.real[stage], batch.wrong[stage], fake.images[stage].detach()
            total = total + self.step_of(stage, *images, fake.mu)
        return {"discriminator": total}

    def step_of(self, stage: int, real: Tensor, wrong: Tensor, fake: Tensor, mu: Tensor) -> Tensor:
        """Make one Adam step of one of them.

        Parameters
        ----------
        stage : int
            Number of its size.
        real, wrong, fake : Tensor [shape=(B, 3, S, S), range -1..1]
            Images that belong to the utterances, that do not, and generated ones.
        mu : Tensor [shape=(B, condition_dim)]
            The condition.

        Returns
        -------
        Tensor [shape=()]
            Its loss, detached.
        """
        optimizer, mu = self.optimizers[stage], mu.detach()
        weight = self.settings.losses.unconditional

        # Add up the gradients: of one kind of image after the other, or of all at once.
        if self.settings.compute.memory == "low":
            total = torch.zeros((), device=self.device)
            for kind, images in zip(KINDS, (real, wrong, fake), strict=True):
                with self.precision.autocast():
                    score = self._score(stage, images, mu)
                part = discriminator_part(score, kind, unconditional_weight=weight)
                self.scaler.scale(part).backward()
                total = total + part.detach()
        else:
            with self.precision.autocast():
                scores = [self._score(stage, images, mu) for images in (real, wrong, fake)]
            loss = discriminator_loss(*scores, unconditional_weight=weight)
            self.scaler.scale(loss).backward()
            total = loss.detach()

        # Update the weights.
        average_gradients_(self.networks[stage].parameters())
        self.scaler.step(optimizer)
        optimizer.zero_grad(set_to_none=True)
        return total

    def _score(self, stage: int, images: Tensor, mu: Tensor) -> DiscriminatorOutput:
        return gather_with_grad(self.forwards[stage](augment(images, self.settings.discriminator_augmentation), mu))

    def generator_terms(self, batch: StepBatch, fake: GeneratorOutput) -> dict[str, Tensor]:
        """The adversarial loss and, if wanted, the class-aware loss, weighted, over all sizes; see `Adversary`."""
        weights = self.settings.losses
        classes = gather_with_grad(batch.classes_B)
        adversarial = torch.zeros((), device=self.device)
        class_aware = torch.zeros((), device=self.device)

        # Judge the images of every size; the gradient stops before the discriminators' own weights.
        self.networks.requires_grad_(False)
        for stage, images in enumerate(fake.images):
            with self.precision.autocast():
                score = self._score(stage, images, fake.mu)
            adversarial = adversarial + generator_loss(score, unconditional_weight=weights.unconditional)
            if weights.class_aware:
                class_aware = class_aware + weights.class_aware * class_aware_loss(score.code, classes)
        self.networks.requires_grad_(True)

        return {"generator": adversarial, **({"class_aware": class_aware} if weights.class_aware else {})}

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimizers."""
        return {
            "networks": self.networks.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.networks.load_state_dict(state["networks"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            restore_optimizer_(optimizer, saved)
