"""Noise of images that depends on nothing but their own keys: the same image alone, in any batch, on any device."""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from speech2img.models.generators.base import Distribution, ImageNoise


def seeded_noise(keys: Sequence[tuple[int, int, int]], device: torch.device | str = "cpu") -> ImageNoise:
    """Noise of a batch whose rows depend on nothing but their own keys.

    All numbers are drawn on the CPU, so that they are the same for every device.

    Parameters
    ----------
    keys : sequence of (int, int, int)
        Seed, index of the utterance and number of the image, all >= 0, one for each row.
    device : torch.device
        Where the draws are wanted.

    Returns
    -------
    ImageNoise
        Draws of the name "" come from ``np.random.default_rng(key)`` itself, those of others from a child of it whose
        ``spawn_key`` is a hash of distribution and name.
    """

    def draw(distribution: Distribution, name: str, shape: tuple[int, ...]) -> Tensor:
        digest = hashlib.sha256(f"{distribution} {name}".encode()).digest()
        spawned = (int.from_bytes(digest[:16], "little"),) if name else ()
        generators = [np.random.default_rng(np.random.SeedSequence(key, spawn_key=spawned)) for key in keys]
        if distribution == "normal":
            rows = [generator.standard_normal(shape, dtype=np.float32) for generator in generators]
        else:
            rows = [generator.random(shape, dtype=np.float32) for generator in generators]
        return torch.from_numpy(np.stack(rows)).to(device)

    return ImageNoise(draw)
