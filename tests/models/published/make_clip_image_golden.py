"""Make ``clip_image_golden.npz``: what open_clip's ResNet of CLIP gives for weights and images made by a rule.

    python tests/models/published/make_clip_image_golden.py

In an environment with this package's torch and ``open-clip-torch`` 3.3. The real weights could not be had.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from open_clip.modified_resnet import ModifiedResNet  # type: ignore[import-not-found]

sys.path.append(str(Path(__file__).parents[2]))
from helpers.clip_images import BLOCKS, EMBEDDING, GOLDEN_FILE, HEADS, SIDE, WIDTH, fill_, images


def main() -> None:
    """Run it and write vectors, and names of arrays, beside this file."""
    network = ModifiedResNet(list(BLOCKS), EMBEDDING, HEADS, image_size=SIDE, width=WIDTH).eval()
    state = dict(network.state_dict())
    fill_(state)
    network.load_state_dict(state)
    with torch.inference_mode():
        vectors = network(images()).numpy()
    keys = [f"{name} {'x'.join(map(str, value.shape)) or '-'}" for name, value in state.items()]
    np.savez_compressed(GOLDEN_FILE, vectors=vectors, keys=np.array(keys))


if __name__ == "__main__":
    main()
