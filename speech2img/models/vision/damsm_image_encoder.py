"""Image encoder of the DAMSM (AttnGAN, arXiv:1711.10485): regions and the whole image in the space of the words.

Two layers are trained on a frozen network of images: Inception-v3 as published, or EfficientNet-Lite0, which computes
a fifteenth of that.
"""

from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.vision.efficientnet_lite import FEATURE_DIM, EfficientNetLite, preprocess
from speech2img.models.vision.inception import InceptionV3

Trunk = Literal["inception", "efficientnet-lite0"]
SIDES: dict[Trunk, int] = {"inception": 299, "efficientnet-lite0": 224}
"""Side in pixels of what a trunk is given."""
_INCEPTION_MAP, _INCEPTION_DIM, _START = 768, 2048, 0.1


class EncodedImages(NamedTuple):
    """Images in the space of the words."""

    regions: Tensor
    """(B, D, H, W) float32: 17 x 17 of Inception's map 6e, 14 x 14 of EfficientNet-Lite0's at a 16th of the side."""
    image: Tensor
    """(B, D) float32."""


class DAMSMImageEncoder(nn.Module):
    """Regions and whole images.

    Parameters
    ----------
    trunk : {"inception", "efficientnet-lite0"}
        The frozen network: its weights get no gradient, and its normalisations stand still.
    embedding_dim : int
        D.
    align_corners : bool
        How images are enlarged: True as the release's PyTorch did, so that published weights want it.
    """

    def __init__(self, *, trunk: Trunk = "inception", embedding_dim: int = 256, align_corners: bool = False) -> None:
        super().__init__()
        self.side, self.align_corners = SIDES[trunk], align_corners
        network: InceptionV3 | EfficientNetLite
        if trunk == "inception":
            network = InceptionV3(build="torchvision", num_classes=None)
            channels, features = _INCEPTION_MAP, _INCEPTION_DIM
        else:
            network = EfficientNetLite(variant="lite0")
            channels, features = network.map_channels[2], FEATURE_DIM
        self.trunk = network.requires_grad_(False).eval()
        self.project_regions = nn.Conv2d(channels, embedding_dim, 1, bias=False)
        self.project_image = nn.Linear(features, embedding_dim)
        nn.init.uniform_(self.project_regions.weight, -_START, _START)
        nn.init.uniform_(self.project_image.weight, -_START, _START)

    def train(self, mode: bool = True) -> "DAMSMImageEncoder":
        """Training mode of the two layers; the trunk stays as it is."""
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, images_B3SS: Tensor) -> EncodedImages:
        """Encode images.

        Parameters
        ----------
        images_B3SS : Tensor [shape=(B, 3, S, S), range -1..1]
            Of any size; gradients flow to them.

        Returns
        -------
        EncodedImages
        """
        size = (self.side, self.side)
        images = images_B3SS.float()
        if images.shape[2:] != size:
            images = F.interpolate(images, size=size, mode="bilinear", align_corners=self.align_corners)
        if isinstance(self.trunk, InceptionV3):
            maps, pooled = self.trunk.regions_and_pool(images)
        else:
            levels = self.trunk.maps(preprocess((images + 1) * 127.5))
            maps, pooled = levels[2], self.trunk.head(levels[-1]).mean(dim=(2, 3))
        return EncodedImages(self.project_regions(maps).float(), self.project_image(pooled).float())
