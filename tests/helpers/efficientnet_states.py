"""Weights and images by a rule, so that golden values of EfficientNet-Lite need no weights beside them."""

import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

GOLDEN_FILE = Path(__file__).parents[1] / "models" / "published" / "efficientnet_lite_golden.npz"
SIDES = {"lite0": 65, "lite1": 76, "lite2": 70}
"""Variant -> side of the images behind its golden values: odd and even ones on the way down."""
LAST_OF_A_STRIDE = {"lite0": (2, 4, 10, 15), "lite1": (3, 6, 14, 20), "lite2": (3, 6, 14, 20)}
"""Variant -> published numbers of the blocks after which the side is a quarter, an eighth, ... of the image's."""


def filled(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Every array drawn by its name: weights of a scale that keeps activations alive, statistics around 0 and 1."""
    state = {}
    for name, shape in shapes.items():
        draw = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
            continue
        if name.endswith("running_var"):
            draw = 0.5 + 0.2 * np.abs(draw)
        elif len(shape) > 1:
            draw = draw * (2.0 / fan_in) ** 0.5
        else:
            draw = 0.1 * draw + float("_bn" in name and name.endswith("weight"))
        state[name] = torch.from_numpy(np.asarray(draw, dtype=np.float32))
    return state


def published_shapes(variant: str) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays by the names of the published port."""
    lines = np.load(GOLDEN_FILE)[f"{variant}/keys"].tolist()
    parts = (line.partition(" ")[::2] for line in lines)
    return {name: tuple(int(size) for size in shape.split("x") if size) for name, shape in parts}


def published_state(variant: str) -> dict[str, Tensor]:
    """The weights behind the golden values."""
    return filled(published_shapes(variant))


def without_values(variant: str) -> dict[str, Tensor]:
    """Zeros in the published shapes, which take no time to draw or to compress."""
    return {name: torch.zeros(shape, dtype=torch.float16) for name, shape in published_shapes(variant).items() if shape}


def images(variant: str) -> Tensor:
    """Two images (2, 3, S, S) of waves, as the network takes them."""
    side = SIDES[variant]
    rows, columns = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    waves = [
        np.sin(0.07 * (1 + color + 2 * number) * rows + 0.11 * (color + 1) * columns + number)
        for number in range(2)
        for color in range(3)
    ]
    return torch.from_numpy(np.stack(waves).reshape(2, 3, side, side).astype(np.float32))


def demand_same(values: np.ndarray, published: np.ndarray) -> None:
    """Equal but for rounding: of rule-made weights, kernels of one machine differ by up to 1.6e-4 of the largest value.

    Values near 0 are sums of large ones: the error does not shrink with them. A wrong layer changes all of them.
    """
    assert np.abs(values - published).max() < 3e-4 * np.abs(published).max()
