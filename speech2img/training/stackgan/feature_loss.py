"""Feature loss in training: the frozen teacher looks at generated pictures and compares them with what was wanted."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.batches.image_pairs import PairBatch
from speech2img.device import Precision, sent
from speech2img.errors import ConfigError
from speech2img.features.base import FeatureExtractor
from speech2img.losses.generator import feature_consistency_loss
from speech2img.training.stackgan.settings import StackGANLossSettings


class PerceptualLoss:
    """Teacher's features of generated pictures against the speech embedding, or against those of the real picture.

    Parameters
    ----------
    losses : StackGANLossSettings
        The target, and through what noise the teacher looks.
    teacher : FeatureExtractor, optional
        The frozen teacher.
    features : ndarray of float32, shape (pictures, D), optional
        Its features of the real pictures.
    standard : Mapping of str to Tensor
        ``target.mean`` and ``target.std`` (D,) of the encoder's targets; features stay as they are without them.
    precision : Precision
        Arithmetic of the teacher.
    device : torch.device
        Where the pictures are.
    """

    def __init__(
        self,
        losses: StackGANLossSettings,
        *,
        teacher: FeatureExtractor | None,
        features: np.ndarray | None,
        standard: Mapping[str, Tensor],
        precision: Precision,
        device: torch.device,
    ) -> None:
        self.losses, self.teacher, self.features = losses, teacher, features
        self.standard = {
            name: value.to(device) for name, value in standard.items() if name in ("target.mean", "target.std")
        }
        self.precision = precision

    def __call__(self, batch: PairBatch, embeddings: Tensor, images: list[Tensor]) -> Tensor:
        """Mean over the sizes of the generated pictures, before its weight.

        Parameters
        ----------
        batch : PairBatch
            Whose pictures they are.
        embeddings : Tensor [shape=(B, D)]
            What the generator was given.
        images : list of Tensor [shape=(B, 3, S, S), range -1..1]
            Generated pictures of every size.

        Raises
        ------
        ConfigError
            If speech is the target and has another size than the features.
        """
        assert self.teacher is not None and self.features is not None
        if self.losses.feature_target == "speech":
            target = embeddings
        else:
            target = self.standardised(*sent([torch.from_numpy(self.features[batch.indices_B])], embeddings.device))
        total = torch.zeros((), device=embeddings.device)
        for stage in images:
            with self.precision.autocast():
                seen = self.teacher.features(self._blurred_sight(stage)).float()
            if seen.shape[1] != target.shape[1]:
                raise ConfigError.about(
                    "losses.feature_target",
                    f"the teacher has {seen.shape[1]} features, the speech {target.shape[1]}",
                    "set it to image",
                )
            total = total + feature_consistency_loss(self.standardised(seen), target)
        return total / len(images)

    def standardised(self, features: Tensor) -> Tensor:
        """Features (B, D) as the encoder learned to give them."""
        if "target.mean" not in self.standard:
            return features
        mean, std = (self.standard[f"target.{name}"].to(features.device) for name in ("mean", "std"))
        return (features - mean) / std

    def _blurred_sight(self, images: Tensor) -> Tensor:
        want = self.losses
        if want.feature_shift:
            down, right = (int(n) for n in torch.randint(0, 2 * want.feature_shift + 1, (2,)))
            height, width = images.shape[2:]
            images = F.pad(images, [want.feature_shift] * 4, mode="replicate")
            images = images[:, :, down : down + height, right : right + width]
        if want.feature_noise:
            images = images + want.feature_noise * torch.randn_like(images)
        return images
