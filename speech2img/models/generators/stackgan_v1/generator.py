"""Generator of StackGAN-v1 (arXiv:1612.03242): stage I draws 64 px, stage II reads that image and draws 256 px.

Each stage has conditioning of its own. Stage I is trained alone, and frozen while stage II is.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.conditioning import Activation, Condition, ConditioningAugmentation
from speech2img.models.generators.stackgan import GeneratorOutput, upsample_conv

Stage = Literal[1, 2]
SIZES = {1: 64, 2: 256}
"""Stage -> side of its images in pixels."""


class RectifiedConv(nn.Module):
    """Convolution without bias, batch normalisation, ReLU; doubles or halves the image if asked."""

    def __init__(
        self, in_channels: int, out_channels: int, *, resize: Literal["double", "halve", "keep"] = "keep"
    ) -> None:
        super().__init__()
        self.doubles = resize == "double"
        kernel, stride = (4, 2) if resize == "halve" else (3, 1)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H, W), twice or half as high and wide."""
        # Doubling and convolving are one operation, which computes less than half of the two.
        convolved = upsample_conv(x, self.conv.weight) if self.doubles else self.conv(x)
        return F.relu(self.norm(convolved))


class RectifiedResidual(nn.Module):
    """Two convolutions with batch normalisation, added to the input; ReLU between them and behind the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = RectifiedConv(channels, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out as in."""
        return F.relu(x + self.norm(self.conv(self.first(x))))


def _doublings(channels: int) -> nn.Sequential:
    """Four convolutions, each of which doubles the image and halves the channels."""
    return nn.Sequential(*(RectifiedConv(channels >> i, channels >> i + 1, resize="double") for i in range(4)))


class FirstStage(nn.Module):
    """Embedding and noise to images of 64 px.

    Parameters
    ----------
    embedding_dim, condition_dim, noise_dim : int
        Sizes of the embedding, of the drawn condition and of the noise.
    width : int, even
        "gf" of the publication; the map of 4 px has eight times as many channels.
    conditioning : {"relu", "glu"}
        See `conditioning.Activation`.
    """

    def __init__(
        self, *, embedding_dim: int, condition_dim: int, noise_dim: int, width: int, conditioning: Activation
    ) -> None:
        super().__init__()
        # From a map of 4 x 4 places, doubled four times.
        self.channels = 8 * width
        self.augment = ConditioningAugmentation(
            embedding_dim=embedding_dim, condition_dim=condition_dim, activation=conditioning
        )
        self.project = nn.Linear(condition_dim + noise_dim, self.channels * 4 * 4, bias=False)
        self.norm = nn.BatchNorm1d(self.channels * 4 * 4)
        self.ups = _doublings(self.channels)
        self.to_image = nn.Conv2d(self.channels // 16, 3, 3, padding=1, bias=False)

    def forward(self, embedding_BD: Tensor, noise_BZ: Tensor, eps: Tensor | None = None) -> tuple[Tensor, Condition]:
        """Images (B, 3, 64, 64) in -1..1, float32, and the condition; ``eps`` as of `ConditioningAugmentation`."""
        condition = self.augment(embedding_BD, eps)
        # The noise stands before the condition, as published.
        x = F.relu(self.norm(self.project(torch.cat([noise_BZ, condition.sample], dim=1))))
        hidden = self.ups(x.view(-1, self.channels, 4, 4))
        return torch.tanh(self.to_image(hidden).float()), condition


class SecondStage(nn.Module):
    """Embedding and images of 64 px to images of 256 px; parameters as of `FirstStage`."""

    def __init__(
        self, *, embedding_dim: int, condition_dim: int, width: int, residual_blocks: int, conditioning: Activation
    ) -> None:
        super().__init__()
        self.augment = ConditioningAugmentation(
            embedding_dim=embedding_dim, condition_dim=condition_dim, activation=conditioning
        )
        # The image of stage I is read down to 16 x 16 places, where the condition comes in.
        self.from_image = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.downs = nn.Sequential(*(RectifiedConv(width << i, width << i + 1, resize="halve") for i in range(2)))
        self.joint = RectifiedConv(4 * width + condition_dim, 4 * width)
        self.residual = nn.Sequential(*(RectifiedResidual(4 * width) for _ in range(residual_blocks)))
        self.ups = _doublings(4 * width)
        self.to_image = nn.Conv2d(width // 4, 3, 3, padding=1, bias=False)

    def forward(self, embedding_BD: Tensor, images_B3SS: Tensor, eps: Tensor | None = None) -> tuple[Tensor, Condition]:
        """Images (B, 3, 256, 256) in -1..1, float32, and the condition of this stage."""
        condition = self.augment(embedding_BD, eps)
        code = self.downs(F.relu(self.from_image(images_B3SS)))
        # Here it is the image that stands before the condition.
        tiled = condition.sample[:, :, None, None].expand(-1, -1, *code.shape[2:]).to(code.dtype)
        hidden = self.ups(self.residual(self.joint(torch.cat([code, tiled], dim=1))))
        return torch.tanh(self.to_image(hidden).float()), condition


class StackGANv1(nn.Module):
    """Speech embedding and noise to images of 64 px, and with stage II also of 256 px.

    Parameters
    ----------
    embedding_dim, condition_dim, noise_dim : int
        Sizes of the embedding, of the drawn conditions and of the noise.
    width : int, a multiple of 4
        "gf" of the publication.
    stage : {1, 2}
        1: stage I alone.
    residual_blocks : int
        Of stage II.
    conditioning : {"relu", "glu"}
        See `conditioning.Activation`; published: ``relu``.

    Raises
    ------
    ValueError
        If ``stage`` is another number, or 4 does not divide ``width``.
    """

    needs_frames = False

    def __init__(
        self,
        *,
        embedding_dim: int = 1024,
        condition_dim: int = 128,
        noise_dim: int = 100,
        width: int = 128,
        stage: Stage = 1,
        residual_blocks: int = 4,
        conditioning: Activation = "relu",
    ) -> None:
        super().__init__()
        if stage not in SIZES:
            raise ValueError(f"stage must be 1 or 2, got {stage}")
        if width < 4 or width % 4:
            raise ValueError(f"width must be a multiple of 4, got {width}")
        self.embedding_dim, self.condition_dim, self.noise_dim = embedding_dim, condition_dim, noise_dim
        self.stage = stage
        sizes = {"embedding_dim": embedding_dim, "condition_dim": condition_dim, "width": width}
        # Each stage has a conditioning of its own.
        self.first = FirstStage(noise_dim=noise_dim, conditioning=conditioning, **sizes)
        self.second = (
            SecondStage(residual_blocks=residual_blocks, conditioning=conditioning, **sizes) if stage == 2 else None
        )

    @property
    def image_sizes(self) -> tuple[int, ...]:
        """Sides in pixels of the images of each stage."""
        return tuple(SIZES[stage] for stage in range(1, self.stage + 1))

    def sample(self, speech: SpeechEncoding, noise: ImageNoise) -> list[Tensor]:
        """Draw an image of each sentence; see `base.ImageGenerator`."""
        eps = noise.normal("condition", self.stage * self.condition_dim)
        return self(speech.sentence, noise.normal("noise", self.noise_dim), eps=eps).images

    def forward(self, embedding_BD: Tensor, noise_BZ: Tensor, *, eps: Tensor | None = None) -> GeneratorOutput:
        """Draw images.

        Parameters
        ----------
        embedding_BD : Tensor [shape=(B, embedding_dim)]
            Embeddings.
        noise_BZ : Tensor [shape=(B, noise_dim)]
            Standard normal noise.
        eps : Tensor [shape=(B, stage * condition_dim)], optional
            Standard normal draws of the conditions, stage I first; None draws them, zeros take the means.

        Returns
        -------
        GeneratorOutput
            Images of each stage; the Gaussian is that of the last stage.
        """
        first_eps, second_eps = (
            (None, None) if eps is None else (eps[:, : self.condition_dim], eps[:, self.condition_dim :])
        )
        # Stage I, and what stage II makes of it.
        image, condition = self.first(embedding_BD, noise_BZ, first_eps)
        images = [image]
        if self.second is not None:
            image, condition = self.second(embedding_BD, image, second_eps)
            images.append(image)
        return GeneratorOutput(images, condition.mu, condition.logvar)


def init_stackgan_v1_(module: nn.Module) -> nn.Module:
    """Published start, in place: weights N(0, 0.02), those of norms N(1, 0.02), biases 0.

    Returns
    -------
    nn.Module
        The same module.
    """
    for child in module.modules():
        if isinstance(child, nn.Conv2d | nn.Linear):
            nn.init.normal_(child.weight, 0.0, 0.02)
        elif isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(child.weight, 1.0, 0.02)
        else:
            continue
        if child.bias is not None:
            nn.init.zeros_(child.bias)
    return module
