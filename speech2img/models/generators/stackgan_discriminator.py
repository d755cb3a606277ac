"""Discriminator of StackGAN-v2 (arXiv:1710.10916): one for each size of image, with and without the condition.

Those of StackGAN-v1 and AttnGAN have the same trunk, and the code of the image stands before the condition.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from speech2img.models.generators.stackgan import BASE_SIZE, MAX_STAGES


class DiscriminatorOutput(NamedTuple):
    """Scores before the sigmoid, and the image code they were made from."""

    conditional_logits: Tensor
    """(B,) float32: is the image real and does it fit the condition?"""
    unconditional_logits: Tensor
    """(B,) float32: is the image real? Zeros where the discriminator does not ask."""
    code: Tensor
    """(B, 8 * width * 16): flattened code before the condition joins (class-aware loss)."""


Norm = Literal["batch", "spectral", "none"]
"""Batch normalisation behind a convolution; or the convolution's weights divided by their largest singular value
(Miyato et al. 2018, arXiv:1802.05957), with a bias; or nothing."""


class LeakyConv(nn.Module):
    """Convolution, normalisation, leaky ReLU; halves the image if asked."""

    def __init__(self, in_channels: int, out_channels: int, *, downsample: bool, norm: Norm = "batch") -> None:
        super().__init__()
        kernel, stride = (4, 2) if downsample else (3, 1)
        conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=1, bias=norm == "spectral")
        self.conv = spectral_norm(conv) if norm == "spectral" else conv
        self.norm: nn.Module = nn.BatchNorm2d(out_channels) if norm == "batch" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H, W) or (B, out, H / 2, W / 2)."""
        return F.leaky_relu(self.norm(self.conv(x)), 0.2, inplace=True)


class StackDiscriminator(nn.Module):
    """Real or made, and does it fit the condition: two scores for images of one size.

    Parameters
    ----------
    size : {64, 128, 256, 512}
        Image side in pixels.
    condition_dim : int
        Size of the condition (the generator's ``mu``).
    width : int
        Channels after the first convolution ("df" of the publication).
    code_first : bool
        The code of the image stands before the condition (StackGAN-v1, AttnGAN), not behind it (StackGAN-v2).
    unconditional : bool
        Also ask whether the image alone is real.
    norm : {"batch", "spectral"}
        Of the convolutions; with ``spectral`` images are judged one by one, so that batches may be small.

    Raises
    ------
    ValueError
        For another size.
    """

    def __init__(
        self,
        size: int,
        *,
        condition_dim: int = 128,
        width: int = 64,
        code_first: bool = False,
        unconditional: bool = True,
        norm: Literal["batch", "spectral"] = "batch",
    ) -> None:
        super().__init__()
        sizes = [BASE_SIZE << i for i in range(MAX_STAGES)]
        if size not in sizes:
            raise ValueError(f"discriminator size must be one of {sizes}, got {size}")
        # Halved to 4 x 4 places, then convolved down to as many channels as the smallest has.
        self.size, self.code_first = size, code_first
        extra = sizes.index(size)
        downs = [width << i for i in range(4 + extra)]
        blocks = [LeakyConv(3, width, downsample=True, norm="none" if norm == "batch" else norm)]
        blocks += [LeakyConv(a, 2 * a, downsample=True, norm=norm) for a in downs[:-1]]
        blocks += [LeakyConv(2 * a, a, downsample=False, norm=norm) for a in reversed(downs[3:-1])]
        self.trunk = nn.Sequential(*blocks)
        code_channels = 8 * width
        # Two heads: with the condition, and without.
        self.joint = LeakyConv(condition_dim + code_channels, code_channels, downsample=False, norm=norm)
        self.conditional = nn.Conv2d(code_channels, 1, 4, stride=4)
        self.unconditional = nn.Conv2d(code_channels, 1, 4, stride=4) if unconditional else None

    def forward(self, images: Tensor, mu: Tensor) -> DiscriminatorOutput:
        """Score images.

        Parameters
        ----------
        images : Tensor [shape=(B, 3, size, size), range -1..1]
        mu : Tensor [shape=(B, condition_dim)]

        Returns
        -------
        DiscriminatorOutput

        Raises
        ------
        ValueError
            If the images have another size.
        """
        code = self.encode(images)
        return DiscriminatorOutput(self.judge_fit(code, mu), self.judge_code(code), code.flatten(1))

    def encode(self, images: Tensor) -> Tensor:
        """Codes (B, 8 * width, 4, 4) of images; ValueError if they have another size."""
        if images.shape[1:] != (3, self.size, self.size):
            raise ValueError(f"expected images (B, 3, {self.size}, {self.size}), got {tuple(images.shape)}")
        code: Tensor = self.trunk(images)
        return code

    def judge_fit(self, code: Tensor, mu: Tensor) -> Tensor:
        """Is an image of this code real and does it fit the condition: logits (B,), float32."""
        tiled = mu[:, :, None, None].expand(-1, -1, *code.shape[2:]).to(code.dtype)
        both = [code, tiled] if self.code_first else [tiled, code]
        return self.conditional(self.joint(torch.cat(both, dim=1))).flatten().float()

    def judge_code(self, code: Tensor) -> Tensor:
        """Is an image of this code real: logits (B,), float32; zeros where the discriminator does not ask."""
        if self.unconditional is None:
            return torch.zeros(len(code), device=code.device)
        return self.unconditional(code).flatten().float()
