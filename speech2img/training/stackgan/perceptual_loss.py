"""Perceptual loss: a frozen network's features of generated images against those of what was wanted."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.errors import ConfigError
from speech2img.features.base import FeatureExtractor
from speech2img.losses.generator import feature_consistency_loss
from speech2img.precision import Precision
from speech2img.training.stackgan.adversary import StepBatch
from speech2img.training.stackgan.settings import StackGANLossSettings


class PerceptualLoss:
    """Teacher's features of generated images against the speech embedding, or against those of the real image.

    Parameters
    ----------
    losses : StackGANLossSettings
        The target, and through what noise the teacher looks.
    teacher : FeatureExtractor, optional
        The frozen teacher.
    standard : Mapping of str to Tensor
        ``target.mean`` and ``target.std`` (D,) of the encoder's targets; features stay as they are without them.
    precision : Precision
        Arithmetic of the teacher.
    device : torch.device
        Where the images are.
    """

    def __init__(
        self,
        losses: StackGANLossSettings,
        *,
        teacher: FeatureExtractor | None,
        standard: Mapping[str, Tensor],
        precision: Precision,
        device: torch.device,
    ) -> None:
        self.losses, self.teacher = losses, teacher
        self.standard = {
            name: value.to(device) for name, value in standard.items() if name in ("target.mean", "target.std")
        }
        self.precision = precision

    def __call__(self, batch: StepBatch, images: list[Tensor]) -> Tensor:
        """Mean over the sizes of the generated images, before its weight.

        Parameters
        ----------
        batch : StepBatch
            What the images were made of, and the features of the real ones where they are the target.
        images : list of Tensor [shape=(B, 3, S, S), range -1..1]
            Generated images of every size.

        Raises
        ------
        ConfigError
            If speech is the target and has another size than the features.
        """
        # What is wanted.
        assert self.teacher is not None
        target = batch.embeddings_BD
        if self.losses.feature_target == "image":
            assert batch.features_BF is not None
            target = self.standardised(batch.features_BF)

        # What the teacher sees.
        total = torch.zeros((), device=target.device)
        for stage in images:
            with self.precision.autocast():
                features = self.teacher.features(self._disturbed(stage)).float()
            if features.shape[1] != target.shape[1]:
                raise ConfigError.about(
                    "losses.feature_target",
                    f"the teacher has {features.shape[1]} features, the speech {target.shape[1]}",
                    "set it to image",
                )
            total = total + feature_consistency_loss(self.standardised(features), target)
        return total / len(images)

    def standardised(self, features: Tensor) -> Tensor:
        """Features (B, D) as the encoder learned to give them."""
        if "target.mean" not in self.standard:
            return features
        mean, std = (self.standard[f"target.{name}"].to(features.device) for name in ("mean", "std"))
        return (features - mean) / std

    def _disturbed(self, images: Tensor) -> Tensor:
        """Images moved and with noise, as the settings say."""
        losses = self.losses
        if losses.feature_shift:
            down, right = (int(n) for n in torch.randint(0, 2 * losses.feature_shift + 1, (2,)))
            height, width = images.shape[2:]
            images = F.pad(images, [losses.feature_shift] * 4, mode="replicate")
            images = images[:, :, down : down + height, right : right + width]
        if losses.feature_noise:
            images = images + losses.feature_noise * torch.randn_like(images)
        return images
