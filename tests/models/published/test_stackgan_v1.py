"""Published StackGAN-v1: the PyTorch port's own outputs, and strictness about names, stages and shapes."""

import json
from types import ModuleType
from typing import Any

import pytest
import torch
from helpers.golden import TOLERANCE, difference, published_state, ready

from speech2img.losses.adversarial import averaged_discriminator_loss
from speech2img.models.generators.stackgan_discriminator import DiscriminatorOutput, StackDiscriminator
from speech2img.models.generators.stackgan_v1.generator import StackGANv1
from speech2img.models.published.stackgan_v1 import (
    convert_stackgan_v1_discriminator,
    convert_stackgan_v1_generator,
    stackgan_v1_generator_settings,
)


@pytest.mark.parametrize("stage", [1, 2])
@torch.inference_mode()
def test_generators_give_the_published_images(recipe: ModuleType, stage: int) -> None:
    golden = recipe.values(f"stackgan_v1_stage{stage}")
    published = published_state(recipe, f"stackgan_v1_stage{stage}")
    state = convert_stackgan_v1_generator(published)
    settings = stackgan_v1_generator_settings(state, stage=stage)
    assert settings["width"] == 128 and settings.get("residual_blocks") == (4 if stage == 2 else None)
    generator = ready(StackGANv1(**settings), state)
    assert sum(parameter.numel() for parameter in generator.parameters()) == (10_301_248, 36_591_328)[stage - 1]
    embedding, noise = (torch.from_numpy(value) for value in recipe.stackgan_v1_inputs(stage))
    output = generator(embedding, noise, eps=torch.zeros(2, 128 * stage))
    if stage == 1:
        assert difference(output.images[0], golden["img64"]) < TOLERANCE
    else:
        assert difference(output.images[0][:, :, ::2, ::2], golden["stage1_every2"]) < TOLERANCE
        assert difference(output.images[1][:, :, ::4, ::4], golden["img256_every4"]) < TOLERANCE
    assert difference(output.mu, golden["mu"]) < TOLERANCE
    assert difference(output.logvar, golden["logvar"]) < TOLERANCE
    assert (output.mu >= 0).all() and (output.logvar >= 0).all()


@pytest.mark.parametrize("stage", [1, 2])
@torch.inference_mode()
def test_discriminators_give_the_published_scores_and_loss(recipe: ModuleType, stage: int) -> None:
    golden = recipe.values(f"stackgan_v1_d{stage}")
    state = convert_stackgan_v1_discriminator(published_state(recipe, f"stackgan_v1_d{stage}"))
    network = StackDiscriminator((64, 256)[stage - 1], code_first=True, unconditional=stage == 2)
    discriminator = ready(network, state)
    assert isinstance(discriminator, StackDiscriminator)
    images, mu = (torch.from_numpy(value) for value in recipe.stackgan_v1_discriminator_inputs(stage))
    real, fake = discriminator(images, mu), discriminator(0.9 * images.flip(3), mu)
    assert difference(real.conditional_logits.sigmoid(), golden["conditional"]) < TOLERANCE
    assert difference(real.conditional_logits, golden["conditional_logit"]) < TOLERANCE
    if stage == 2:
        assert difference(real.unconditional_logits.sigmoid(), golden["unconditional"]) < TOLERANCE
    wrong = discriminator.judge_fit(discriminator.encode(images[:-1]), mu[1:])
    assert difference(wrong.sigmoid(), golden["wrong"]) < TOLERANCE
    loss = averaged_discriminator_loss(real, wrong, fake, unconditional=stage == 2)
    assert difference(loss, golden["loss"]) < TOLERANCE


def test_the_averaged_loss_follows_its_formula() -> None:
    values = [torch.tensor([0.3, -1.2, 2.0]) * factor for factor in (1.0, -0.5, 2.0, 0.7, 1.5)]
    real, fake = (DiscriminatorOutput(values[k], values[k + 1], torch.zeros(3)) for k in (0, 2))

    def surprise(logits: torch.Tensor, target: float) -> float:
        probability = 1 / (1 + (-logits.double()).exp())
        return float(-(target * probability.log() + (1 - target) * (1 - probability).log()).mean())

    right = (surprise(values[0], 1), surprise(values[1], 1))
    left = (surprise(values[4], 0), surprise(values[2], 0), surprise(values[3], 0))
    assert float(averaged_discriminator_loss(real, values[4], fake)) == pytest.approx(sum(right) / 2 + sum(left) / 3)
    alone = averaged_discriminator_loss(real, values[4], fake, unconditional=False)
    assert float(alone) == pytest.approx(right[0] + (left[0] + left[1]) / 2)


@pytest.mark.parametrize("convert", [convert_stackgan_v1_generator, convert_stackgan_v1_discriminator])
@pytest.mark.parametrize("key", ["surprise", "encoder.1.weight", "encode_img.4.weight", "STAGE1_G.encoder.0.weight"])
def test_an_unknown_key_is_named(convert: Any, key: str) -> None:
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        convert({key: torch.zeros(1)})


@pytest.mark.parametrize(("stage", "other"), [(1, 2), (2, 1)])
def test_settings_come_back_and_the_other_stage_is_named(stage: int, other: int) -> None:
    sizes = {"embedding_dim": 10, "condition_dim": 6, "noise_dim": 4, "width": 8, "stage": stage}
    state = StackGANv1(**sizes, residual_blocks=3).state_dict()  # type: ignore[arg-type]
    settings = stackgan_v1_generator_settings(state, stage=stage)
    assert json.loads(json.dumps(settings)) == {**sizes, **({"residual_blocks": 3} if stage == 2 else {})}
    with pytest.raises(ValueError, match=rf"use stackgan-v1-stage{stage}"):
        stackgan_v1_generator_settings(state, stage=other)
    with pytest.raises(ValueError, match=r"first\.augment\.project\.weight"):
        stackgan_v1_generator_settings({}, stage=1)
