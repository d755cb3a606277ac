"""Published GoogLeNets: the publishers' own outputs, and strictness about names."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers.golden import TOLERANCE, difference, published_state, ready

from speech2img.models.published.googlenet import convert_caffe_googlenet, convert_torchvision_googlenet
from speech2img.models.vision.googlenet import (
    BVLCGoogLeNet,
    TorchvisionGoogLeNet,
    bvlc_preprocess,
    torchvision_preprocess,
)


def test_torchvision_googlenet_gives_the_published_features(recipe: ModuleType) -> None:
    golden = recipe.values("torchvision_googlenet_strong")
    state = published_state(recipe, "torchvision_googlenet_strong") | {"aux1.fc1.bias": torch.zeros(2)}
    network = ready(TorchvisionGoogLeNet(), convert_torchvision_googlenet(state))
    with torch.no_grad():
        images = recipe.smooth_images("googlenet", 3, 224) * 255
        assert difference(network.features(torchvision_preprocess(images)), golden["pool5"]) < TOLERANCE
        assert difference(network(torchvision_preprocess(images)), golden["logits"]) < TOLERANCE


def test_bvlc_googlenet_gives_opencvs_features(realdata: Path) -> None:
    with np.load(realdata / "weights" / "googlenet_bvlc.npz") as arrays:
        state = convert_caffe_googlenet({key: torch.from_numpy(arrays[key]) for key in arrays.files})
    network = ready(BVLCGoogLeNet(), state)
    with np.load(realdata / "weights" / "googlenet_bvlc_golden.npz") as golden, torch.no_grad():
        images = torch.from_numpy(golden["rgb224"]).permute(0, 3, 1, 2)
        assert difference(network.features(bvlc_preprocess(images)), golden["pool5"]) < 1e-3
        assert difference(network(bvlc_preprocess(images)), golden["logits"]) < 1e-3


@pytest.mark.parametrize("convert", [convert_torchvision_googlenet, convert_caffe_googlenet])
@pytest.mark.parametrize("key", ["surprise", "Conv.3.0.weight", "h_net9.fc.0.weight", "inception9z/1x1/weight"])
def test_an_unknown_key_is_named(convert: Any, key: str) -> None:
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        convert({key: torch.zeros(1)})
