"""Published stacked generators and discriminators: the publishers' own outputs, strictness about names and shapes."""

import json
from types import ModuleType
from typing import Any

import pytest
import torch
from helpers.golden import TOLERANCE, difference, published_state, ready

from speech2img.models.generators.stackgan import StackGenerator
from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
from speech2img.models.published.stackgan_v2 import (
    convert_stackgan_v2_discriminator,
    convert_stackgan_v2_generator,
    stackgan_v2_discriminator_settings,
    stackgan_v2_generator_settings,
)


@pytest.mark.parametrize("name", ["stackgan_v2_generator", "s2igan_rdg_generator"])
def test_stacked_generators_give_the_published_images(recipe: ModuleType, name: str) -> None:
    golden = recipe.values(name)
    state = convert_stackgan_v2_generator(published_state(recipe, name))
    settings = stackgan_v2_generator_settings(state)
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
    state = convert_stackgan_v2_discriminator(published_state(recipe, f"stackgan_v2_d{size}"))
    settings = stackgan_v2_discriminator_settings(state)
    assert settings == {"size": size, "condition_dim": 128, "width": 64}
    discriminator = ready(StackDiscriminator(**settings), state)
    with torch.no_grad():
        images = torch.from_numpy(recipe.discriminator_images(f"d{size}", size))
        output = discriminator(images, torch.from_numpy(golden["mu"]))
    assert difference(output.conditional_logits.sigmoid(), golden["conditional"]) < TOLERANCE
    assert difference(output.unconditional_logits.sigmoid(), golden["unconditional"]) < TOLERANCE


@pytest.mark.parametrize("convert", [convert_stackgan_v2_generator, convert_stackgan_v2_discriminator])
@pytest.mark.parametrize("key", ["surprise", "Conv.3.0.weight", "h_net9.fc.0.weight", "inception9z/1x1/weight"])
def test_an_unknown_key_is_named(convert: Any, key: str) -> None:
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        convert({key: torch.zeros(1)})


def test_settings_of_a_maimed_state_are_refused() -> None:
    with pytest.raises(ValueError, match=r"augment\.project\.weight"):
        stackgan_v2_generator_settings({})
    with pytest.raises(ValueError, match="0 layers"):
        stackgan_v2_discriminator_settings({})


def test_a_small_state_survives_the_round_trip_of_settings() -> None:
    generator = StackGenerator(embedding_dim=10, condition_dim=6, noise_dim=4, width=8, num_stages=2, residual_blocks=1)
    settings = stackgan_v2_generator_settings(generator.state_dict())
    assert json.loads(json.dumps(settings)) == {
        "embedding_dim": 10,
        "condition_dim": 6,
        "noise_dim": 4,
        "width": 8,
        "num_stages": 2,
        "residual_blocks": 1,
        "dense": False,
    }
    discriminator = StackDiscriminator(512, condition_dim=6, width=2)
    settings = stackgan_v2_discriminator_settings(discriminator.state_dict())
    assert settings == {"size": 512, "condition_dim": 6, "width": 2}


def test_counters_missing_in_old_checkpoints_are_added() -> None:
    converted = convert_stackgan_v2_discriminator({"jointConv.1.running_mean": torch.zeros(3)})
    assert converted["joint.norm.num_batches_tracked"].dtype == torch.int64
