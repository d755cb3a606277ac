"""Discriminators of images in training, one for each size, whose code is judged with conditions right and wrong."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from speech2img.distributed.collectives import average_gradients_, gather_with_grad
from speech2img.losses.adversarial import averaged_discriminator_loss, generator_loss
from speech2img.models.generators.stackgan_discriminator import DiscriminatorOutput, StackDiscriminator
from speech2img.precision import Precision, make_adam, restore_optimizer_
from speech2img.training.optimization import set_learning_rate

ADAM_BETAS = (0.5, 0.999)


class ImageDiscriminators:
    """Discriminators of several sizes, each with its optimizer.

    Parameters
    ----------
    networks : sequence of StackDiscriminator
        One a size, with their first weights.
    learning_rate : float
        Of Adam.
    precision, scaler, device
        How and where they compute; all networks of a run share one scaler.
    """

    def __init__(
        self,
        networks: Sequence[StackDiscriminator],
        *,
        learning_rate: float,
        precision: Precision,
        scaler: torch.amp.GradScaler,
        device: torch.device,
    ) -> None:
        self.precision, self.scaler, self.device = precision, scaler, device
        self.networks = nn.ModuleList(networks).to(device)
        self.optimizers = [
            make_adam(network.parameters(), learning_rate, betas=ADAM_BETAS, device=device) for network in networks
        ]

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of all of them."""
        for optimizer in self.optimizers:
            set_learning_rate(optimizer, rate)

    def step(self, real: Sequence[Tensor], fake: Sequence[Tensor], condition: Tensor, wrong: Tensor) -> Tensor:
        """Make one Adam step of each.

        Parameters
        ----------
        real, fake : sequence of Tensor [shape=(B, 3, S, S), range -1..1]
            Real and generated images of every size; no gradient goes to the generated ones.
        condition, wrong : Tensor [shape=(B, C)]
            Conditions of the images, and such as do not belong to them; no gradient goes there.

        Returns
        -------
        Tensor [shape=()]
            The sum of their losses, detached.
        """
        total = torch.zeros((), device=self.device)
        condition, wrong = condition.detach(), wrong.detach()
        for network, optimizer, true, made in zip(self._networks, self.optimizers, real, fake, strict=True):
            # Real images are encoded once, and judged with both conditions.
            with self.precision.autocast():
                code = network.encode(true)
                right = gather_with_grad(_judged(network, code, condition))
                mismatched = gather_with_grad(network.judge_fit(code, wrong))
                generated = gather_with_grad(_judged(network, network.encode(made.detach()), condition))
            loss = averaged_discriminator_loss(
                right, mismatched, generated, unconditional=network.unconditional is not None
            )
            optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            average_gradients_(network.parameters())
            self.scaler.step(optimizer)
            total = total + loss.detach()
        return total

    def generator_loss(self, fake: Sequence[Tensor], condition: Tensor) -> Tensor:
        """Adversarial loss of the generator, summed over the sizes; no gradient goes to the discriminators' weights.

        Parameters
        ----------
        fake : sequence of Tensor [shape=(B, 3, S, S), range -1..1]
            Generated images of every size.
        condition : Tensor [shape=(B, C)]
            Their conditions; the caller says whether a gradient goes there.
        """
        total = torch.zeros((), device=self.device)
        self.networks.requires_grad_(False)
        for network, images in zip(self._networks, fake, strict=True):
            with self.precision.autocast():
                score = gather_with_grad(_judged(network, network.encode(images), condition))
            weight = float(network.unconditional is not None)
            total = total + generator_loss(score, unconditional_weight=weight)
        self.networks.requires_grad_(True)
        return total

    @property
    def _networks(self) -> list[StackDiscriminator]:
        return [network for network in self.networks if isinstance(network, StackDiscriminator)]

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


def _judged(network: StackDiscriminator, code: Tensor, condition: Tensor) -> DiscriminatorOutput:
    return DiscriminatorOutput(network.judge_fit(code, condition), network.judge_code(code), code.flatten(1))
