"""Make ``efficientnet_lite_golden.npz``: what the published port computes with weights and images made by a rule.

    python tests/models/published/make_efficientnet_golden.py

In an environment with this package's torch and ``efficientnet-lite-pytorch`` 0.1.0. The values of the real weights of
Lite0 are in the data folder.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-not-found]

sys.path.append(str(Path(__file__).parents[2]))
from helpers.efficientnet_states import GOLDEN_FILE, LAST_OF_A_STRIDE, SIDES, filled, images


def values(variant: str, side: int) -> dict[str, np.ndarray]:
    """Outputs of one variant, thinned out, and the names of its arrays."""
    network = EfficientNet.from_name(f"efficientnet-{variant}", image_size=side).eval()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict(filled(shapes))
    # What blocks and head give while the scores are computed.
    inside: list[torch.Tensor] = []
    layers = [network._blocks[number] for number in LAST_OF_A_STRIDE[variant]]
    for layer in (*layers, network._avg_pooling):
        layer.register_forward_hook(lambda _, __, output: inside.append(output))
    with torch.inference_mode():
        logits = network(images(variant))
    *maps, pooled = inside
    return {
        "keys": np.array([f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items()], dtype=np.str_),
        "maps": np.concatenate([some[:, ::4].mean(dim=3).numpy().ravel() for some in maps]),
        "pooled": pooled[:, ::10, 0, 0].numpy(),
        "logits": logits[:, ::10].numpy(),
    }


def main() -> None:
    """Run the variants and write their values."""
    golden = {
        f"{variant}/{name}": value for variant, side in SIDES.items() for name, value in values(variant, side).items()
    }
    np.savez_compressed(GOLDEN_FILE, **golden)


if __name__ == "__main__":
    main()
