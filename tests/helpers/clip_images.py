"""A small image side of CLIP under its published names: weights and images by a rule."""

import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

BLOCKS, WIDTH, HEADS, EMBEDDING, SIDE = (1, 2, 1, 1), 8, 4, 12, 64
GOLDEN_FILE = Path(__file__).parents[1] / "models" / "published" / "clip_image_golden.npz"


def fill_(state: dict[str, Tensor]) -> None:
    """Draw every array by its name."""
    for name, value in state.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        if not value.is_floating_point():
            continue
        draw = rng.standard_normal(tuple(value.shape))
        if name.endswith("running_var"):
            drawn = rng.uniform(0.5, 1.5, tuple(value.shape))
        elif value.dim() > 1:
            drawn = 1.4 * draw / max(1, value[0].numel()) ** 0.5
        else:
            drawn = 0.1 * draw + (1.0 if name.endswith("weight") else 0.0)
        state[name] = torch.from_numpy(drawn.astype(np.float32))


def image_side_state() -> dict[str, Tensor]:
    """The weights behind the golden values, without ``visual.`` in front."""
    shapes = dict(line.split(" ") for line in np.load(GOLDEN_FILE)["keys"].tolist())
    state = {
        name: torch.zeros([int(size) for size in shape.split("x")] if shape != "-" else [])
        for name, shape in shapes.items()
    }
    state = {name: value.long() if name.endswith("num_batches_tracked") else value for name, value in state.items()}
    fill_(state)
    return state


def images() -> Tensor:
    """(2, 3, SIDE, SIDE), standardised."""
    return torch.from_numpy(np.random.default_rng(3).standard_normal((2, 3, SIDE, SIDE)).astype(np.float32))
