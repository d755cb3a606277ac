"""Discriminators in training: one for each image size, each with its optimizer, and what they tell the generator."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from speech2img.device import Precision, adam, lay_out_, restore_optimizer_
from speech2img.distributed.collectives import average_gradients_, joint
from speech2img.losses.adversarial import discriminator_loss, discriminator_part, generator_loss
from speech2img.losses.generator import class_aware_loss
from speech2img.models.generators.stackgan import GeneratorOutput, init_stackgan_
from speech2img.models.generators.stackgan_discriminator import DiscriminatorOutput, StackDiscriminator
from speech2img.training.optimization import set_learning_rate
from speech2img.training.stackgan.diff_augment import augment
from speech2img.training.stackgan.settings import StackGANSettings

ADAM_BETAS = (0.5, 0.999)
KINDS: tuple[Literal["real", "wrong", "fake"], ...] = ("real", "wrong", "fake")


class Discriminators:
    """Discriminators of all image sizes, trained against one generator.

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
        lay_out_(self.networks, compute.channels_last, precision)
        self.forwards = [torch.compile(network) if compute.compile else network for network in self.networks]
        self.optimizers = [
            adam(
                network.parameters(),
                settings.discriminator_learning_rate,
                betas=ADAM_BETAS,
                device=device,
                graphs=compute.graphs,
            )
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
        total = torch.zeros((), device=self.device)
        for stage in range(len(self.networks)):
            total = total + self.step_of(stage, real[stage], wrong[stage], fake.images[stage].detach(), fake.mu)
        return total

    def step_of(self, stage: int, real: Tensor, wrong: Tensor, fake: Tensor, mu: Tensor) -> Tensor:
        """Make one Adam step of one of them and give its loss, detached; see `step`."""
        optimizer, mu = self.optimizers[stage], mu.detach()
        weight = self.settings.losses.unconditional
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
        average_gradients_(self.networks[stage].parameters())
        self.scaler.step(optimizer)
        optimizer.zero_grad(set_to_none=True)
        return total

    def _score(self, stage: int, images: Tensor, mu: Tensor) -> DiscriminatorOutput:
        return joint(self.forwards[stage](augment(images, self.settings.discriminator_augmentation), mu))

    def generator_terms(self, fake: GeneratorOutput, classes_B: Tensor) -> dict[str, Tensor]:
        """The generator's adversarial loss and, if wanted, the class-aware loss, weighted, over all sizes."""
        want = self.settings.losses
        self.networks.requires_grad_(False)
        classes = joint(classes_B.to(self.device))
        adversarial = torch.zeros((), device=self.device)
        class_aware = torch.zeros((), device=self.device)
        for stage, images in enumerate(fake.images):
            with self.precision.autocast():
                score = self._score(stage, images, fake.mu)
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
            restore_optimizer_(optimizer, saved)
