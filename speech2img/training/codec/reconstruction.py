"""Images through a codec and back, and how its latents are spread over images."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from speech2img.generation import to_uint8
from speech2img.images.pyramid import normalised
from speech2img.models.codecs.base import ImageCodec
from speech2img.models.codecs.code_usage import count_codes
from speech2img.models.codecs.token_codec import TokenCodec

_PIXELS_AT_ONCE = 1 << 18
_SMALLEST_DEVIATION = 1e-3


def _normalised_batches(network: ImageCodec, images_NHWC: np.ndarray) -> Iterator[Tensor]:
    """Images in -1..1, some at a time, where the network is."""
    device = network.latent_mean.device
    count = max(1, _PIXELS_AT_ONCE // (images_NHWC.shape[1] * images_NHWC.shape[2]))
    for start in range(0, len(images_NHWC), count):
        batch = torch.from_numpy(images_NHWC[start : start + count]).permute(0, 3, 1, 2)
        yield normalised(batch.to(device))


@torch.inference_mode()
def reconstruct(network: ImageCodec, images_NHWC: np.ndarray) -> np.ndarray:
    """What comes back of images.

    Parameters
    ----------
    network : ImageCodec
        In evaluation mode.
    images_NHWC : np.ndarray [shape=(N, S, S, 3), uint8, RGB]
        Squares of a side that is a multiple of the codec's stride; N may be 0.

    Returns
    -------
    np.ndarray [shape=(N, S, S, 3), uint8]
    """
    parts = [to_uint8(network.decode(network.encode(images))) for images in _normalised_batches(network, images_NHWC)]
    return np.concatenate(parts) if parts else images_NHWC


@torch.inference_mode()
def token_counts(network: TokenCodec, images_NHWC: np.ndarray) -> Tensor:
    """How often each code occurs in images.

    Parameters
    ----------
    network : TokenCodec
        In evaluation mode.
    images_NHWC
        As for `reconstruct`.

    Returns
    -------
    Tensor [shape=(num_codes,), int64]
        On the CPU.
    """
    counts = torch.zeros(network.num_codes, dtype=torch.int64)
    for images in _normalised_batches(network, images_NHWC):
        counts += count_codes(network.encode_tokens(images), network.num_codes).cpu()
    return counts


@torch.inference_mode()
def latent_scale(network: ImageCodec, images_NHWC: np.ndarray) -> dict[str, Tensor]:
    """Mean and deviation of each channel of the raw latents over images: the codec's buffers of these names.

    Parameters
    ----------
    network, images_NHWC
        As for `reconstruct`; at least one image.

    Returns
    -------
    dict of str to Tensor [shape=(C,), float32]
        ``latent_mean`` and ``latent_deviation``; a channel that hardly varies counts as one of deviation 0.001.
    """
    total = torch.zeros(2, network.channels, dtype=torch.float64)
    places = 0
    for images in _normalised_batches(network, images_NHWC):
        values_CP = network.encode_raw(images).double().transpose(0, 1).flatten(1).cpu()
        total += torch.stack([values_CP.sum(dim=1), values_CP.square().sum(dim=1)])
        places += values_CP.shape[1]
    mean, square = total / places
    deviation = (square - mean.square()).clamp_min(_SMALLEST_DEVIATION**2).sqrt()
    return {"latent_mean": mean.float(), "latent_deviation": deviation.float()}
