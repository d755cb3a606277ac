"""Discriminators in training: one for each image size, each with its optimizer, and what they tell the generator."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from speech2img.losses.adversarial import discriminator_loss, generator_loss
from speech2img.losses.class_aware import class_aware_loss
from speech2img.models.stackgan import GeneratorOutput, StackDiscriminator, init_stackgan_
from speech2img.training.augment import augment
from speech2img.training.device import Precision
from speech2img.training.generator_settings import GeneratorSettings
from speech2img.training.parallel import average_gradients_, joint
from speech2img.training.task import set_learning_rate

ADAM_BETAS = (0.5, 0.999)


class Discriminators:
    """Discriminators of all image sizes, trained against one generator.

    Parameters
    ----------
    settings : GeneratorSettings
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
        self, settings: GeneratorSettings, image_sizes: Sequence[int], *, precision: Precision,
        scaler: torch.amp.GradScaler, device: torch.device,
    ) -> None:  # fmt: skip
        self.settings, self.precision, self.scaler, self.device = settings, precision, scaler, device
        model = settings.model
        self.networks = nn.ModuleList(
            init_stackgan_(StackDiscriminator(size, condition_dim=model.condition_dim, width=model.discriminator_width))
            for size in image_sizes
        ).to(device)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), settings.discriminator_learning_rate, ADAM_BETAS)
            for network in self.networks
        ]

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of all of them."""
        for optimizer in self.optimizers:
            set_learning_rate(optimizer, rate)

    def step(self, real: list[Tensor], wrong: list[Tensor], fake: GeneratorOutput) -> Tensor:
        """Make one Adam step of each.

        Parameters
        ----------
        real, wrong : list of Tensor [shape=(B, 3, S, S), range -1..1]
            Real pictures of every size, and real ones that do not belong to the utterances.
        fake : GeneratorOutput
            Generated ones; no gradient goes there.

        Returns
        -------
        Tensor [shape=()]
            Sum of their losses, detached.
        """
        policy = self.settings.discriminator_augmentation
        mu = fake.mu.detach()
        total = torch.zeros((), device=self.device)
        for stage, (network, optimizer) in enumerate(zip(self.networks, self.optimizers, strict=True)):
            shown = (real[stage], wrong[stage], fake.images[stage].detach())
            with self.precision.autocast():
                scores = joint([network(augment(x, policy), mu) for x in shown])
            loss = discriminator_loss(*scores, unconditional_weight=self.settings.losses.unconditional)
            optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            average_gradients_(network.parameters())
            self.scaler.step(optimizer)
            total = total + loss.detach()
        return total

    def generator_terms(self, fake: GeneratorOutput, classes_B: Tensor) -> dict[str, Tensor]:
        """The generator's adversarial loss and, if wanted, the class-aware loss, weighted, over all sizes."""
        want = self.settings.losses
        self.networks.requires_grad_(False)
        classes = joint(classes_B.to(self.device))
        adversarial = torch.zeros((), device=self.device)
        class_aware = torch.zeros((), device=self.device)
        for network, images in zip(self.networks, fake.images, strict=True):
            with self.precision.autocast():
                score = joint(network(augment(images, self.settings.discriminator_augmentation), fake.mu))
            adversarial = adversarial + generator_loss(score, unconditional_weight=want.unconditional)
            if want.class_aware:
                class_aware = class_aware + want.class_aware * class_aware_loss(score.code, classes)
        self.networks.requires_grad_(True)
        terms = {"generator": adversarial}
        if want.class_aware:
            terms["class_aware"] = class_aware
        return terms

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimizers."""
        return {
            "discriminators": self.networks.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave; further keys are left alone."""
        self.networks.load_state_dict(state["discriminators"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
