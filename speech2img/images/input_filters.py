"""One picture as Inception takes it: the ways of resizing to 299 px behind published numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from speech2img.errors import ConfigError
from speech2img.models.vision.inception import INPUT_SIZE

_SIZE = (INPUT_SIZE, INPUT_SIZE)


@dataclass(frozen=True)
class InputFilter:
    """A way to 299 px and to the network's range."""

    words: str
    """What it does, for reports."""
    apply: Callable[[Image.Image], NDArray[np.float32]]
    """A picture of mode RGB to (299, 299, 3) float32 in about -1..1."""


def legacy(image: Image.Image) -> NDArray[np.float32]:
    """Resize as pytorch-fid does: bilinear in float without antialiasing, 0..1, then ``2 x - 1``.

    Parameters
    ----------
    image : PIL.Image.Image [mode RGB]
        Any size.

    Returns
    -------
    np.ndarray [shape=(299, 299, 3), float32, range -1..1]
    """
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float().div_(255)
    if image.size != _SIZE:
        pixels = F.interpolate(pixels, size=_SIZE, mode="bilinear", align_corners=False)
    resized: NDArray[np.float32] = pixels[0].mul_(2).sub_(1).permute(1, 2, 0).contiguous().numpy()
    return resized


def clean(image: Image.Image) -> NDArray[np.float32]:
    """Resize as clean-fid does (Parmar et al. 2022, arXiv:2104.11222): antialiased, scaled as in TensorFlow's graph.

    Parameters
    ----------
    image : PIL.Image.Image [mode RGB]
        Any size.

    Returns
    -------
    np.ndarray [shape=(299, 299, 3), float32, range -1..0.993]
        PIL's bicubic filter on each channel in float, cut to 0..255, then ``(x - 128) / 128``.
    """
    channels = [
        np.asarray(Image.fromarray(np.asarray(channel, dtype=np.float32)).resize(_SIZE, Image.Resampling.BICUBIC))
        for channel in image.split()
    ]
    resized: NDArray[np.float32] = np.stack(channels, axis=-1).astype(np.float32, copy=False)
    np.clip(resized, 0, 255, out=resized)
    resized -= 128
    resized /= 128
    return resized


def centre(image: Image.Image) -> NDArray[np.float32]:
    """Scale the shorter side as torchvision does, take the middle square, ``2 x - 1``.

    Parameters
    ----------
    image : PIL.Image.Image [mode RGB]
        Any size.

    Returns
    -------
    np.ndarray [shape=(299, 299, 3), float32, range -1..1]
        PIL's antialiased bilinear filter in 8 bits.
    """
    unit: NDArray[np.float32] = centre_unit(image) * np.float32(2) - np.float32(1)
    return unit


def centre_unit(image: Image.Image) -> NDArray[np.float32]:
    """As ``centre``, left in 0..1: what the retrieval scripts of S2IGAN and of Speak the Art give their network."""
    scale = INPUT_SIZE / min(image.size)
    width, height = (max(INPUT_SIZE, int(side * scale)) for side in image.size)
    left, upper = round((width - INPUT_SIZE) / 2), round((height - INPUT_SIZE) / 2)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    middle = resized.crop((left, upper, left + INPUT_SIZE, upper + INPUT_SIZE))
    pixels: NDArray[np.float32] = np.asarray(middle, dtype=np.float32) / np.float32(255)
    return pixels


INPUT_FILTERS: Mapping[str, InputFilter] = {
    "legacy": InputFilter("bilinear to 299 px without antialiasing, 2x - 1 (as pytorch-fid)", legacy),
    "clean": InputFilter("PIL bicubic to 299 px in float, antialiased, (x - 128) / 128 (as clean-fid)", clean),
    "centre": InputFilter("shorter side to 299 px by PIL's bilinear filter, middle square, 2x - 1", centre),
    "centre-unit": InputFilter(
        "shorter side to 299 px by PIL's bilinear filter, middle square, left in 0..1 (as S2IGAN's retrieval)",
        centre_unit,
    ),
}


def input_filter(name: str) -> InputFilter:
    """The filter of that name; ConfigError lists the names if there is none."""
    try:
        return INPUT_FILTERS[name]
    except KeyError:
        raise ConfigError.about(f"resize filter {name!r}", "unknown", f"use {' or '.join(INPUT_FILTERS)}") from None
