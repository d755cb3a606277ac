"""Generator of StackGAN-v2 (arXiv:1710.10916), of one to four stages.

S2IGAN (Wang et al., Interspeech 2020) stacks the same generator densely: a later stage doubles the map of the stage
before it twice over, refined and as it came.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.conditioning import ConditioningAugmentation
from speech2img.models.layers.activation_checkpointing import checkpointed

BASE_SIZE = 64
MAX_STAGES = 4

Recompute = Literal["nothing", "gates", "stages"]
"""What the backward pass computes again: nothing, normalisation and gate of each convolution, or also whole stages."""


class GeneratorOutput(NamedTuple):
    """Images of every stage and the Gaussian of the condition."""

    images: list[Tensor]
    """(B, 3, S, S) float32 in -1..1 for S = 64, 128, ..."""
    mu: Tensor
    """(B, condition_dim): what the discriminators take as the condition."""
    logvar: Tensor
    """(B, condition_dim)."""


class GatedConv(nn.Module):
    """3x3 convolution without bias, batch normalisation, gated linear unit; doubles the image first if asked."""

    def __init__(self, in_channels: int, out_channels: int, *, upsample: bool = False) -> None:
        super().__init__()
        self.upsample = upsample
        self.conv = nn.Conv2d(in_channels, 2 * out_channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(2 * out_channels)
        self.recompute = False

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H, W) or (B, out, 2H, 2W)."""
        convolved = upsample_conv(x, self.conv.weight) if self.upsample else self.conv(x)
        return checkpointed(self.norm, self._gated, convolved) if self.recompute else self._gated(convolved)

    def _gated(self, convolved: Tensor) -> Tensor:
        return F.glu(self.norm(convolved), dim=1)


class ResidualBlock(nn.Module):
    """Gated convolution, plain convolution, batch normalisation, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gated = GatedConv(channels, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out as in."""
        return x + self.norm(self.conv(self.gated(x)))


class FirstStage(nn.Module):
    """Condition and noise to the 64 px feature map."""

    def __init__(self, input_dim: int, width: int) -> None:
        super().__init__()
        self.channels = 16 * width
        self.project = nn.Linear(input_dim, 2 * self.channels * 4 * 4, bias=False)
        self.norm = nn.BatchNorm1d(2 * self.channels * 4 * 4)
        self.ups = nn.Sequential(*(GatedConv((16 >> i) * width, (8 >> i) * width, upsample=True) for i in range(4)))

    def forward(self, condition_noise: Tensor) -> Tensor:
        """(B, condition + noise) to (B, width, 64, 64)."""
        x = F.glu(self.norm(self.project(condition_noise)), dim=1)
        return self.ups(x.view(-1, self.channels, 4, 4))


class NextStage(nn.Module):
    """Feature map of one stage, joined with the condition, to the doubled map of the next.

    A dense stage doubles the refined map together with the one that came in.
    """

    def __init__(self, channels: int, condition_dim: int, residual_blocks: int, *, dense: bool = False) -> None:
        super().__init__()
        self.dense = dense
        self.joint = GatedConv(channels + condition_dim, channels)
        self.residual = nn.Sequential(*(ResidualBlock(channels) for _ in range(residual_blocks)))
        self.up = GatedConv(2 * channels if dense else channels, channels // 2, upsample=True)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        """(B, C, S, S) and (B, condition_dim) to (B, C / 2, 2S, 2S)."""
        tiled = condition[:, :, None, None].expand(-1, -1, *hidden.shape[2:]).to(hidden.dtype)
        refined = self.residual(self.joint(torch.cat([tiled, hidden], dim=1)))
        return self.up(torch.cat([refined, hidden], dim=1) if self.dense else refined)


class StackGenerator(nn.Module):
    """Speech embedding and noise to images of 64, 128, 256 (and 512) pixels.

    Parameters
    ----------
    embedding_dim, condition_dim, noise_dim : int
        Sizes of the speech embedding, of the drawn condition and of the noise.
    width : int
        Channels of the 64 px map ("gf" of the publication); each stage halves them.
    num_stages : int, 1..4
        Images made: 64, 128, 256, 512 px.
    residual_blocks : int
        Residual blocks in stages 2 and 3; a fourth stage has one, as in the published (untested) code.
    dense : bool
        Stack densely (S2IGAN): each later stage doubles its refined map together with the map of the stage before.

    Raises
    ------
    ValueError
        If ``num_stages`` is out of range or ``width`` cannot be halved that often.
    """

    needs_frames = False

    def __init__(
        self,
        *,
        embedding_dim: int = 1024,
        condition_dim: int = 128,
        noise_dim: int = 100,
        width: int = 64,
        num_stages: int = 3,
        residual_blocks: int = 2,
        dense: bool = False,
    ) -> None:
        super().__init__()
        if not 1 <= num_stages <= MAX_STAGES:
            raise ValueError(f"num_stages must be 1..{MAX_STAGES}, got {num_stages}")
        if width % (1 << (num_stages - 1)):
            raise ValueError(f"width {width} cannot be halved {num_stages - 1} times")
        self.embedding_dim = embedding_dim
        self.condition_dim = condition_dim
        self.noise_dim = noise_dim
        self.num_stages = num_stages
        self.augment = ConditioningAugmentation(embedding_dim=embedding_dim, condition_dim=condition_dim)
        self.first = FirstStage(condition_dim + noise_dim, width)
        self.next = nn.ModuleList(
            NextStage(width >> i, condition_dim, residual_blocks if i < 2 else 1, dense=dense)
            for i in range(num_stages - 1)
        )
        self.to_image = nn.ModuleList(nn.Conv2d(width >> i, 3, 3, padding=1, bias=False) for i in range(num_stages))
        self.recompute: Recompute = "nothing"

    def checkpoint_(self, what: Recompute) -> None:
        """Choose what is computed again in the backward pass instead of being kept; results stay the same bits."""
        self.recompute = what
        for module in self.modules():
            if isinstance(module, GatedConv):
                module.recompute = what != "nothing"

    @property
    def image_sizes(self) -> tuple[int, ...]:
        """Side lengths in pixels of the images made, smallest first."""
        return tuple(BASE_SIZE << i for i in range(self.num_stages))

    @property
    def joint_draws(self) -> dict[str, int]:
        """See `base.DrawsJointly`."""
        return {"noise": self.noise_dim, "condition": self.condition_dim}

    def sample(self, speech: SpeechEncoding, noise: ImageNoise) -> list[Tensor]:
        """Draw an image of each sentence; see `base.ImageGenerator`."""
        eps = noise.normal("condition", self.condition_dim)
        return self(speech.sentence, noise.normal("noise", self.noise_dim), eps=eps).images

    def forward(self, embedding_BD: Tensor, noise_BZ: Tensor, *, eps: Tensor | None = None) -> GeneratorOutput:
        """Draw images.

        Parameters
        ----------
        embedding_BD : Tensor [shape=(B, embedding_dim)]
            Speech embeddings.
        noise_BZ : Tensor [shape=(B, noise_dim)]
            Standard normal noise.
        eps : Tensor [shape=(B, condition_dim)], optional
            Standard normal draw of the condition; None draws one, zeros take its mean.

        Returns
        -------
        GeneratorOutput
        """
        condition = self.augment(embedding_BD, eps)
        hidden = self.first(torch.cat([condition.sample, noise_BZ], dim=1))
        images = [self._image(0, hidden)]
        for i, stage in enumerate(self.next, start=1):
            if self.recompute == "stages":
                hidden = checkpointed(stage, stage, hidden, condition.sample)
            else:
                hidden = stage(hidden, condition.sample)
            images.append(self._image(i, hidden))
        return GeneratorOutput(images, condition.mu, condition.logvar)

    def _image(self, stage: int, hidden: Tensor) -> Tensor:
        return torch.tanh(self.to_image[stage](hidden).float())


def upsample_conv(x_BCHW: Tensor, weight_OC33: Tensor) -> Tensor:
    """Double an image by repeating pixels, pad it by one and convolve it: 16 instead of 36 products a pixel.

    Of the nine weights that meet a doubled image, those that fall on the same pixel of the small one are added up
    first. The result is that of ``conv2d(interpolate(x, scale_factor=2), weight, padding=1)`` up to rounding. Small
    maps go that way, as summing the weights would cost more than it saves.

    Parameters
    ----------
    x_BCHW : Tensor, shape (B, C, H, W)
        Images or feature maps.
    weight_OC33 : Tensor, shape (O, C, 3, 3)
        Weights as of `torch.nn.Conv2d`.

    Returns
    -------
    Tensor, shape (B, O, 2H, 2W)
        The convolved doubled maps.
    """
    if x_BCHW.shape[0] * x_BCHW.shape[2] * x_BCHW.shape[3] < 4 * weight_OC33.shape[0]:
        return F.conv2d(F.interpolate(x_BCHW, scale_factor=2, mode="nearest"), weight_OC33, padding=1)
    edged = F.pad(weight_OC33.flip(2, 3), (1, 1, 1, 1))  # (O, C, 5, 5)
    rows = edged[:, :, :-1] + edged[:, :, 1:]
    summed_CO44 = (rows[..., :-1] + rows[..., 1:]).transpose(0, 1)
    return F.conv_transpose2d(x_BCHW, summed_CO44, stride=2, padding=1)


def init_stackgan_(module: nn.Module) -> nn.Module:
    """Published start, in place: orthogonal convolutions and linear layers, norms N(1, 0.02), all biases 0.

    Parameters
    ----------
    module : nn.Module
        Generator or discriminator.

    Returns
    -------
    nn.Module
        The same module.
    """
    for child in module.modules():
        if isinstance(child, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(child.weight)
            if child.bias is not None:
                nn.init.zeros_(child.bias)
        elif isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(child.weight, 1.0, 0.02)
            nn.init.zeros_(child.bias)
    return module
