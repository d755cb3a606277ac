"""What the stacked generator learns from: discriminators, the relation supervisor, and its losses in their order."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.batches.image_pairs import PairBatch
from speech2img.device import Precision
from speech2img.distributed.collectives import joint, joint_mean
from speech2img.features.base import with_maps
from speech2img.losses.generator import color_consistency_loss, kl_to_standard_normal
from speech2img.models.generators.stackgan import GeneratorOutput
from speech2img.training.stackgan.data import FrozenNetworks
from speech2img.training.stackgan.discriminators import Discriminators
from speech2img.training.stackgan.feature_loss import PerceptualLoss
from speech2img.training.stackgan.projected_discriminators import ProjectedDiscriminators
from speech2img.training.stackgan.relation_supervisor import PairEmbeddings, RelationSupervisor
from speech2img.training.stackgan.settings import StackGANLossSettings, StackGANSettings


class Supervision(NamedTuple):
    """All that gives the generator a loss; None for what the settings do not ask for."""

    losses: StackGANLossSettings
    """Weights of the losses."""
    pixel: Discriminators | None
    """Discriminators of images."""
    projected: ProjectedDiscriminators | None
    """Discriminators of a frozen network's features."""
    feature_loss: PerceptualLoss
    """Likeness to the teacher's features."""
    relation: RelationSupervisor | None
    """Classifier of how two images are related."""

    def trained(self) -> list[Discriminators | ProjectedDiscriminators | RelationSupervisor]:
        """Those that learn beside the generator."""
        return [judge for judge in (self.pixel, self.projected, self.relation) if judge is not None]

    def generator_terms(
        self,
        batch: PairBatch | None,
        embeddings: Tensor,
        classes: Tensor,
        fake: GeneratorOutput,
        real: list[Tensor],
        pairs: PairEmbeddings | None,
        *,
        progress: float,
    ) -> dict[str, Tensor]:
        """Losses of the generator by name, weighted, in the order in which they are summed.

        Parameters
        ----------
        batch : PairBatch, optional
            Whose images they are; the feature loss is left out without it.
        embeddings : Tensor [shape=(B, D)]
            What the generator was given.
        classes : Tensor [shape=(B,)]
            Classes of the images.
        fake : GeneratorOutput
            Generated images and the distribution of their condition.
        real : list of Tensor [shape=(B, 3, S, S), range -1..1]
            Real images of every size.
        pairs : PairEmbeddings, optional
            What the relation supervisor sees; its loss is left out without it.
        progress : float
            Share of the training that is done, 0 to 1.
        """
        want = self.losses
        terms = {"kl": want.kl * kl_to_standard_normal(*joint((fake.mu, fake.logvar)))}
        # What the discriminators and the relation classifier say.
        if progress >= want.adversarial_from:
            if self.pixel is not None:
                terms |= self.pixel.generator_terms(fake, classes)
            if self.projected is not None:
                terms["feature_generator"] = self.projected.generator_term(fake)
        if self.relation is not None and pairs is not None:
            terms["relation"] = self.relation.generator_term(pairs)
        # What the images themselves should be.
        if want.color and len(fake.images) > 1:
            terms["color"] = want.color * joint_mean(color_consistency_loss(fake.images))
        if want.feature and batch is not None:
            terms["feature"] = want.feature * joint_mean(self.feature_loss(batch, embeddings, fake.images))
        if want.reconstruction:
            weight = want.reconstruction + progress * (want.reconstruction_floor - want.reconstruction)
            both = zip(fake.images, real, strict=True)
            terms["reconstruction"] = weight * joint_mean(torch.stack([F.l1_loss(a, b) for a, b in both]).mean())
        return terms


def build_supervision(
    settings: StackGANSettings,
    frozen: FrozenNetworks,
    sizes: tuple[int, ...],
    *,
    standard: Mapping[str, Tensor],
    precision: Precision,
    scaler: torch.amp.GradScaler,
    device: torch.device,
) -> Supervision:
    """Make what the settings ask for; the order is that of the random draws.

    Parameters
    ----------
    settings : StackGANSettings
        How to train.
    frozen : FrozenNetworks
        Networks that look at images.
    sizes : tuple of int
        Sides of the generator's images, pixels.
    standard : Mapping of str to Tensor
        Tensors of the encoder's release, for the scale of its targets.
    precision, scaler, device
        How and where it computes.
    """
    sight, teacher, looks_at = frozen.sight, frozen.teacher, settings.model.discriminators
    pixel, projected, relation = None, None, None
    if looks_at != "features":
        pixel = Discriminators(settings, sizes, precision=precision, scaler=scaler, device=device)
    if looks_at != "pixels":
        network = with_maps(frozen.seen_through or teacher)
        projected = ProjectedDiscriminators(settings, network, sizes, precision=precision, scaler=scaler, device=device)
    feature_loss = PerceptualLoss(
        settings.losses,
        teacher=teacher,
        features=frozen.features,
        standard=standard,
        precision=precision,
        device=device,
    )
    if sight is not None:
        rate = settings.discriminator_learning_rate
        relation = RelationSupervisor(
            settings.relation, sight, rate=rate, precision=precision, scaler=scaler, device=device
        )
    return Supervision(settings.losses, pixel, projected, feature_loss, relation)
