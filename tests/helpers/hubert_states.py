"""Weights and a waveform by a rule, so that golden values of HuBERT need no weights beside them."""

import zlib
from collections.abc import MutableMapping

import numpy as np
import torch
from torch import Tensor

WIDTH, LAYERS, CONV_WIDTH = 64, 3, 32


def fill_(state: MutableMapping[str, Tensor]) -> None:
    """Draw every array by its name: weights around 0 of a scale that keeps activations alive, norms around 1."""
    for name, value in state.items():
        draw = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(value.shape)).astype(np.float32)
        fan_in = max(1, value[0].numel()) if value.dim() > 1 else 1
        if name.endswith(("weight_g", "original0")):
            drawn = 1 + 0.1 * np.abs(draw)
        elif value.dim() > 1:
            drawn = draw / fan_in**0.5
        else:
            drawn = 0.1 * draw + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        state[name] = torch.from_numpy(drawn.astype(np.float32))


def waveform(samples: int = 9_000) -> np.ndarray:
    """A gliding tone under noise."""
    time = np.arange(samples) / 16_000
    noise = np.random.default_rng(5).standard_normal(samples)
    return (0.3 * np.sin(2 * np.pi * (200 * time + 900 * time**2)) + 0.05 * noise).astype(np.float32)
