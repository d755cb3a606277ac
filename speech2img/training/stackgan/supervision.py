"""What the stacked generator learns from: `build_adversaries`, and `ImageLosses` on the images themselves."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.distributed.collectives import global_mean
from speech2img.features.base import with_maps
from speech2img.losses.generator import color_consistency_loss
from speech2img.models.generators.stackgan import GeneratorOutput
from speech2img.precision import Precision
from speech2img.training.stackgan.adversary import Adversary, StepBatch
from speech2img.training.stackgan.data import FrozenNetworks
from speech2img.training.stackgan.perceptual_loss import PerceptualLoss
from speech2img.training.stackgan.pixel_discriminators import PixelDiscriminators
from speech2img.training.stackgan.projected_discriminators import ProjectedDiscriminators
from speech2img.training.stackgan.relation_supervisor import RelationSupervisor
from speech2img.training.stackgan.settings import StackGANLossSettings, StackGANSettings


def build_adversaries(
    settings: StackGANSettings,
    frozen: FrozenNetworks,
    sizes: tuple[int, ...],
    *,
    precision: Precision,
    scaler: torch.amp.GradScaler,
    device: torch.device,
) -> dict[str, Adversary]:
    """Build what the settings ask for; the order is that of the random draws and of the sums.

    Parameters
    ----------
    settings : StackGANSettings
        How to train.
    frozen : FrozenNetworks
        Networks that look at images.
    sizes : tuple of int
        Sides of the generator's images, pixels.
    precision, scaler, device
        How and where they compute.

    Returns
    -------
    dict of str to Adversary
        By the name under which a checkpoint keeps it.
    """
    adversaries: dict[str, Adversary] = {}
    wanted = settings.model.discriminators
    if wanted != "features":
        adversaries["pixel"] = PixelDiscriminators(settings, sizes, precision=precision, scaler=scaler, device=device)
    if wanted != "pixels":
        network = with_maps(frozen.projection_network or frozen.teacher)
        adversaries["projected"] = ProjectedDiscriminators(
            settings, network, sizes, precision=precision, scaler=scaler, device=device
        )
    if frozen.relation_features is not None:
        adversaries["relation"] = RelationSupervisor(
            settings.relation,
            frozen.relation_features,
            rate=settings.discriminator_learning_rate,
            precision=precision,
            scaler=scaler,
            device=device,
        )
    return adversaries


class ImageLosses:
    """Losses of generated images that no adversary is needed for: colours, features, pixels.

    Parameters
    ----------
    weights : StackGANLossSettings
        Weights of the losses; one whose weight is 0 is left out.
    perceptual : PerceptualLoss
        Likeness to the teacher's features.
    """

    def __init__(self, weights: StackGANLossSettings, perceptual: PerceptualLoss) -> None:
        self.weights, self.perceptual = weights, perceptual

    @property
    def needs_features(self) -> bool:
        """Whether a loss compares with features of the real images."""
        return bool(self.weights.feature) and self.weights.feature_target == "image"

    def __call__(self, batch: StepBatch, fake: GeneratorOutput, progress: float) -> dict[str, Tensor]:
        """Losses by name, weighted, in the order in which they are summed.

        Parameters
        ----------
        batch : StepBatch
            Real images and what belongs to them.
        fake : GeneratorOutput
            Generated images of the same utterances.
        progress : float
            Share of the training that is done, 0 to 1.
        """
        weights, terms = self.weights, {}
        if weights.color and len(fake.images) > 1:
            terms["color"] = weights.color * global_mean(color_consistency_loss(fake.images))
        if weights.feature:
            terms["feature"] = weights.feature * global_mean(self.perceptual(batch, fake.images))
        if weights.reconstruction:
            weight = weights.reconstruction + progress * (weights.reconstruction_floor - weights.reconstruction)
            pairs = zip(fake.images, batch.real, strict=True)
            differences = torch.stack([F.l1_loss(image, real) for image, real in pairs])
            terms["reconstruction"] = weight * global_mean(differences.mean())
        return terms


def build_image_losses(
    settings: StackGANSettings,
    frozen: FrozenNetworks,
    *,
    standard: Mapping[str, Tensor],
    precision: Precision,
    device: torch.device,
) -> ImageLosses:
    """Build the losses of images; nothing is drawn at random.

    Parameters
    ----------
    settings, frozen, precision, device
        As for `build_adversaries`.
    standard : Mapping of str to Tensor
        Tensors of the encoder's release, for the scale of its targets.
    """
    perceptual = PerceptualLoss(
        settings.losses, teacher=frozen.teacher, standard=standard, precision=precision, device=device
    )
    return ImageLosses(settings.losses, perceptual)
