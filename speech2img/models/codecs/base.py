"""What every image codec is: images in, latents of mean 0 and deviation 1 out, and back."""

from abc import abstractmethod

import torch
from torch import Tensor, nn


class ImageCodec(nn.Module):
    """Base of the image codecs.

    A subclass gives `encode_raw` and `decode_raw`, which work with latents as the network itself has them. `encode`
    and `decode` scale them by `latent_mean` and `latent_deviation`. Both are buffers: they are stored with the weights
    and are part of their hash, so that latents of one scale are never taken for those of another.

    Parameters
    ----------
    channels : int
        Channels of the latents.
    stride : int
        Pixels of an image, along a side, for one place of its latents.

    Raises
    ------
    ValueError
        If a number is below 1.
    """

    latent_mean: Tensor
    """(C,): mean of each channel of the raw latents over images."""
    latent_deviation: Tensor
    """(C,): their deviation, above 0."""

    def __init__(self, *, channels: int, stride: int) -> None:
        super().__init__()
        if min(channels, stride) < 1:
            raise ValueError(f"channels and stride must be 1 or more, got {channels} and {stride}")
        self.channels, self.stride = channels, stride
        self.register_buffer("latent_mean", torch.zeros(channels))
        self.register_buffer("latent_deviation", torch.ones(channels))

    @abstractmethod
    def encode_raw(self, images_B3HW: Tensor) -> Tensor:
        """Raw latents (B, C, H / stride, W / stride) of images in -1..1."""

    @abstractmethod
    def decode_raw(self, latents_BChw: Tensor) -> Tensor:
        """Images (B, 3, h * stride, w * stride), about -1..1, from raw latents."""

    def encode(self, images_B3HW: Tensor) -> Tensor:
        """Latents of images.

        Parameters
        ----------
        images_B3HW : Tensor [shape=(B, 3, H, W), float, range -1..1]
            Sides that are multiples of ``stride``.

        Returns
        -------
        Tensor [shape=(B, channels, H / stride, W / stride)]
            Mean 0 and deviation 1 over the images that the codec was made for.

        Raises
        ------
        ValueError
            If the batch is of another shape.
        """
        self.demand_images(images_B3HW)
        scale = self.latent_deviation[:, None, None]
        return (self.encode_raw(images_B3HW) - self.latent_mean[:, None, None]) / scale

    def decode(self, latents_BChw: Tensor) -> Tensor:
        """Images of latents.

        Parameters
        ----------
        latents_BChw : Tensor [shape=(B, channels, h, w), float]
            As `encode` gives them.

        Returns
        -------
        Tensor [shape=(B, 3, h * stride, w * stride)]
            About -1..1; not cut off there, so that gradients pass.

        Raises
        ------
        ValueError
            If the batch is of another shape.
        """
        shape = tuple(latents_BChw.shape)
        if len(shape) != 4 or shape[1] != self.channels or 0 in shape:
            raise ValueError(f"expected latents of shape (B, {self.channels}, h, w), got {shape}")
        scale = self.latent_deviation[:, None, None]
        return self.decode_raw(latents_BChw * scale + self.latent_mean[:, None, None])

    def demand_images(self, images_B3HW: Tensor) -> None:
        """Raise ValueError unless it is a batch of images with sides that are multiples of ``stride``."""
        shape = tuple(images_B3HW.shape)
        if len(shape) != 4 or shape[1] != 3 or 0 in shape or shape[2] % self.stride or shape[3] % self.stride:
            raise ValueError(f"expected images of shape (B, 3, H, W), sides multiples of {self.stride}, got {shape}")
