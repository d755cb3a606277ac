"""The discriminator of a codec's training, with its optimizer."""

from typing import Any

import torch
from torch import Tensor, nn

from speech2img.distributed.collectives import global_mean
from speech2img.losses.hinge import hinge_discriminator_loss, hinge_generator_loss
from speech2img.models.codecs.patch_discriminator import PatchDiscriminator
from speech2img.models.codecs.patchgan import NLayerDiscriminator
from speech2img.precision import Precision, make_adam
from speech2img.training.codec.settings import CodecTrainingSettings
from speech2img.training.optimization import OptimizerStep

_ADAM_BETAS = (0.5, 0.9)


class PatchAdversary:
    """Tells real images from what comes back of them, patch by patch, and learns to.

    Parameters
    ----------
    settings : CodecTrainingSettings
        Which network, and its rate.
    precision : Precision
        Arithmetic of the networks.
    device : torch.device
        Where it computes.
    """

    def __init__(self, settings: CodecTrainingSettings, *, precision: Precision, device: torch.device) -> None:
        network: nn.Module = PatchDiscriminator(settings.discriminator_width)
        if settings.discriminator == "published":
            network = NLayerDiscriminator(settings.discriminator_width, settings.discriminator_layers)
        self.network, self.precision = network.to(device), precision
        rate = settings.discriminator_learning_rate
        self.optimizer_step = OptimizerStep(
            self.network,
            make_adam(self.network.parameters(), rate, betas=_ADAM_BETAS, device=device),
            precision,
            base=rate,
            schedule="constant",
            warmup=0.0,
            clip=settings.clip,
        )

    def generator_loss(self, made: Tensor) -> Tensor:
        """Loss (a scalar) of reconstructions (B, 3, S, S); the gradient goes to them and to nothing of the network."""
        self.network.requires_grad_(False)
        with self.precision.autocast():
            scores = self.network(made)
        self.network.requires_grad_(True)
        return global_mean(hinge_generator_loss(scores))

    def step(self, real: Tensor, made: Tensor, progress: float) -> Tensor:
        """Learn from real images and their reconstructions (B, 3, S, S), without gradient; gives the loss, detached."""
        self.optimizer_step.start(progress)
        with self.precision.autocast():
            scores = self.network(real), self.network(made)
        loss = global_mean(hinge_discriminator_loss(*scores))
        self.optimizer_step.step(loss)
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """Network, optimizer and scaler."""
        return {"network": self.network.state_dict(), **self.optimizer_step.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.network.load_state_dict(state["network"])
        self.optimizer_step.load_state_dict(state)
