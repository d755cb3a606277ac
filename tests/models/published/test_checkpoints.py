"""Conversions of published checkpoints: the publishers' own outputs, and strictness about names and shapes."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.models.generators.stackgan import StackDiscriminator, StackGenerator
from speech2img.models.published import checkpoints as published
from speech2img.models.vision.googlenet import (
    BVLCGoogLeNet,
    TorchvisionGoogLeNet,
    bvlc_preprocess,
    torchvision_preprocess,
)

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def recipe(realdata: Path) -> ModuleType:
    """The rule that made the golden weights and inputs, as a module."""
    path = realdata / "golden_peers" / "recipe.py"
    spec = importlib.util.spec_from_file_location("golden_recipe", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def published_state(recipe: ModuleType, name: str) -> dict[str, Tensor]:
    return {key: torch.from_numpy(np.asarray(value)) for key, value in recipe.weights(name).items()}


def difference(ours: Tensor, golden: Any) -> float:
    return float(np.abs(ours.detach().numpy() - golden).max())


def ready(module: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    module.load_state_dict(state)
    return module.eval()


@pytest.mark.parametrize("name", ["li2020_encoder_bi", "li2020_encoder_uni"])
def test_li2020_encoder_gives_the_published_embeddings(recipe: ModuleType, name: str) -> None:
    golden = recipe.values(name)
    state = published.convert_li2020_encoder(published_state(recipe, name))
    settings = published.li2020_encoder_settings(state)
    assert settings["embedding_dim"] == 1024 and settings["bidirectional"] is name.endswith("bi")
    encoder = ready(Li2020Encoder(**settings), state)
    mel = torch.from_numpy(recipe.li2020_mel(name, golden["lengths"]))
    with torch.no_grad():
        encoding = encoder(mel, torch.from_numpy(golden["lengths"]))
        longest = int(golden["lengths"][1:].max())
        cut = encoder(mel[1:, :, :longest], torch.from_numpy(golden["lengths"][1:]))
    assert difference(encoding.sentence, golden["sentence"]) < TOLERANCE
    assert difference(encoding.words.mean(2), golden["words_mean"]) < TOLERANCE
    assert difference(cut.sentence, golden["sentence"][1:]) < TOLERANCE, "the module pads to 2048 frames by itself"


@pytest.mark.parametrize("name", ["stackgan_v2_generator", "s2igan_rdg_generator"])
def test_stacked_generators_give_the_published_images(recipe: ModuleType, name: str) -> None:
    golden = recipe.values(name)
    state = published.convert_stackgan_v2_generator(published_state(recipe, name))
    settings = published.stackgan_v2_generator_settings(state)
    assert settings["dense"] is name.startswith("s2igan")
    generator = ready(StackGenerator(**settings), state)
    with torch.no_grad():
        embedding, noise = torch.from_numpy(golden["embedding"]), torch.from_numpy(golden["z"])
        output = generator(embedding, noise, eps=torch.zeros(2, 128))
    assert difference(output.images[0], golden["img64"]) < TOLERANCE
    assert difference(output.images[1][:, :, ::4, ::4], golden["img128_every4"]) < TOLERANCE
    assert difference(output.images[2][:, :, ::8, ::8], golden["img256_every8"]) < TOLERANCE
    assert difference(output.mu, golden["mu"]) < TOLERANCE
    assert difference(output.logvar, golden["logvar"]) < TOLERANCE


@pytest.mark.parametrize("size", [64, 128, 256])
def test_stackgan_v2_discriminators_give_the_published_scores(recipe: ModuleType, size: int) -> None:
    golden = recipe.values(f"stackgan_v2_d{size}")
    state = published.convert_stackgan_v2_discriminator(published_state(recipe, f"stackgan_v2_d{size}"))
    settings = published.stackgan_v2_discriminator_settings(state)
    assert settings == {"size": size, "condition_dim": 128, "width": 64}
    discriminator = ready(StackDiscriminator(**settings), state)
    with torch.no_grad():
        images = torch.from_numpy(recipe.discriminator_images(f"d{size}", size))
        output = discriminator(images, torch.from_numpy(golden["mu"]))
    assert difference(output.conditional_logits.sigmoid(), golden["conditional"]) < TOLERANCE
    assert difference(output.unconditional_logits.sigmoid(), golden["unconditional"]) < TOLERANCE


def test_torchvision_googlenet_gives_the_published_features(recipe: ModuleType) -> None:
    golden = recipe.values("torchvision_googlenet")
    state = published_state(recipe, "torchvision_googlenet") | {"aux1.fc1.bias": torch.zeros(2)}
    network = ready(TorchvisionGoogLeNet(), published.convert_torchvision_googlenet(state))
    with torch.no_grad():
        images = recipe.smooth_images("googlenet", 3, 224) * 255
        assert difference(network.features(torchvision_preprocess(images)), golden["pool5"]) < TOLERANCE
        assert difference(network(torchvision_preprocess(images)), golden["logits"]) < TOLERANCE


def test_bvlc_googlenet_gives_opencvs_features(realdata: Path) -> None:
    with np.load(realdata / "weights" / "googlenet_bvlc.npz") as arrays:
        state = published.convert_caffe_googlenet({key: torch.from_numpy(arrays[key]) for key in arrays.files})
    network = ready(BVLCGoogLeNet(), state)
    with np.load(realdata / "weights" / "googlenet_bvlc_golden.npz") as golden, torch.no_grad():
        images = torch.from_numpy(golden["rgb224"]).permute(0, 3, 1, 2)
        assert difference(network.features(bvlc_preprocess(images)), golden["pool5"]) < 1e-3
        assert difference(network(bvlc_preprocess(images)), golden["logits"]) < 1e-3


def test_unwrap_finds_the_state_in_the_published_wrappings() -> None:
    weight = torch.ones(2)
    wrapped = {"meta": {"epoch": 3}, "state_dict": {"module.a.weight": weight}}
    assert list(published.unwrap_state(wrapped)) == ["a.weight"]
    assert published.unwrap_state({"a": weight}) == {"a": weight}
    for wrong in ({}, {"state_dict": {}}, {"a": 3}, {3: weight}, {"state_dict": {"optimizer": {}}}):
        with pytest.raises(ValueError, match="tensor"):
            published.unwrap_state(wrong)


@pytest.mark.parametrize(
    "convert",
    [
        published.convert_li2020_encoder,
        published.convert_stackgan_v2_generator,
        published.convert_stackgan_v2_discriminator,
        published.convert_torchvision_googlenet,
        published.convert_caffe_googlenet,
    ],
)
@pytest.mark.parametrize("key", ["surprise", "Conv.3.0.weight", "h_net9.fc.0.weight", "inception9z/1x1/weight"])
def test_an_unknown_key_is_named(convert: Any, key: str) -> None:
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        convert({key: torch.zeros(1)})


def test_settings_of_a_maimed_state_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rnn\.weight_hh_l0"):
        published.li2020_encoder_settings({})
    with pytest.raises(ValueError, match="no LSTM"):
        published.li2020_encoder_settings({"rnn.weight_hh_l0": torch.zeros(12, 4)})
    with pytest.raises(ValueError, match=r"augment\.project\.weight"):
        published.stackgan_v2_generator_settings({})
    with pytest.raises(ValueError, match="0 layers"):
        published.stackgan_v2_discriminator_settings({})
    with pytest.raises(ValueError, match="one-dimensional"):
        published.convert_li2020_encoder({"Conv.2.0.weight": torch.zeros(4, 4, 3, 3)})


def test_a_small_state_survives_the_round_trip_of_settings() -> None:
    generator = StackGenerator(embedding_dim=10, condition_dim=6, noise_dim=4, width=8, num_stages=2, residual_blocks=1)
    settings = published.stackgan_v2_generator_settings(generator.state_dict())
    assert json.loads(json.dumps(settings)) == {
        "embedding_dim": 10,
        "condition_dim": 6,
        "noise_dim": 4,
        "width": 8,
        "num_stages": 2,
        "residual_blocks": 1,
        "dense": False,
    }
    encoder = Li2020Encoder(n_mels=8, channels=(4,) * 8, embedding_dim=6, rnn_layers=2)
    settings = published.li2020_encoder_settings(encoder.state_dict())
    assert (settings["n_mels"], settings["channels"], settings["rnn_layers"]) == (8, (4,) * 8, 2)
    discriminator = StackDiscriminator(512, condition_dim=6, width=2)
    settings = published.stackgan_v2_discriminator_settings(discriminator.state_dict())
    assert settings == {"size": 512, "condition_dim": 6, "width": 2}


def test_counters_missing_in_old_checkpoints_are_added() -> None:
    converted = published.convert_stackgan_v2_discriminator({"jointConv.1.running_mean": torch.zeros(3)})
    assert converted["joint.norm.num_batches_tracked"].dtype == torch.int64
