"""``Reranker``: the teacher reads generated images, so that of several candidates the one that fits best is kept.

To generate several candidates and keep one is what DALL-E does with CLIP (arXiv:2102.12092, section 2.6). Speech
embeddings were learned as the teacher's features (Li et al. 2020), or as what an image head makes of them (S2IGAN), so
the cosine of both says how well an image fits what was said.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.image_head import ImageHead
from speech2img.models.vision.attribute_network import AttributeNetwork


class Reranker(nn.Module):
    """The teacher's features of an image as the speech embeddings were learned: standardised, or by an image head.

    Parameters
    ----------
    heads : Mapping[str, int]
        As for `AttributeNetwork`.
    width, feature_dim : int
        As for `AttributeNetwork`.
    image_size : int
        Side that images are resized to, in pixels.
    head_dim : int, optional
        Size of the speech embeddings where an image head was trained with them.

    Raises
    ------
    ValueError
        If the side is not 8 to 2048 px.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        heads: Mapping[str, int],
        width: int = 32,
        feature_dim: int = 1024,
        image_size: int = 64,
        head_dim: int | None = None,
    ) -> None:
        super().__init__()
        if not 8 <= image_size <= 2048:
            raise ValueError(f"image_size must be 8..2048, got {image_size}")
        self.network = AttributeNetwork(heads, width=width, feature_dim=feature_dim)
        self.feature_dim, self.image_size = feature_dim, image_size
        self.embedding_dim = head_dim or feature_dim
        self.head = None if head_dim is None else ImageHead(feature_dim, head_dim)
        self.register_buffer("mean", torch.zeros(feature_dim))
        self.register_buffer("std", torch.ones(feature_dim))

    def forward(self, images_B3SS: Tensor) -> Tensor:
        """Images in -1..1 to what speech embeddings are compared with, (B, embedding_dim)."""
        size = self.image_size
        if images_B3SS.shape[-1] != size:
            images_B3SS = F.interpolate(images_B3SS, size=(size, size), mode="bilinear", antialias=True)
        features = self.network.features(images_B3SS)
        return (features - self.mean) / self.std if self.head is None else self.head(features)
