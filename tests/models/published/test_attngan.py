"""Published AttnGAN: the publisher's own outputs of three and four stages, its mask too, and its discriminators'."""

import json
from types import ModuleType

import numpy as np
import pytest
import torch
from helpers.golden import TOLERANCE, difference, published_state, ready

from speech2img.losses.adversarial import averaged_discriminator_loss
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.attngan.generator import AttnGANGenerator
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
from speech2img.models.published.attngan import (
    attngan_discriminator_settings,
    attngan_generator_settings,
    convert_attngan_discriminator,
    convert_attngan_generator,
)


def published(recipe: ModuleType, name: str) -> tuple[AttnGANGenerator, SpeechEncoding, torch.Tensor]:
    """A generator with the published mask, and the inputs that the golden values are of."""
    state = convert_attngan_generator(published_state(recipe, name))
    settings = attngan_generator_settings(state)
    assert settings["form"] == "published" and (settings["width"], settings["residual_blocks"]) == (32, 2)
    generator = ready(AttnGANGenerator(**settings), state)
    assert isinstance(generator, AttnGANGenerator)
    noise, sentence, words, lengths = (torch.from_numpy(value) for value in recipe.attngan_generator_inputs())
    return generator, SpeechEncoding(sentence, words, lengths), noise


@torch.inference_mode()
def test_three_stages_give_the_published_images_with_both_masks(recipe: ModuleType) -> None:
    golden = recipe.values("attngan_generator")
    generator, speech, noise = published(recipe, "attngan_generator")
    assert sum(parameter.numel() for parameter in generator.parameters()) == 7_084_592
    zeros = torch.zeros(3, 100)
    draws = ImageNoise(lambda kind, name, shape: {"noise": noise, "condition": zeros}[name])
    for form, suffix in (("published", "_published"), ("corrected", "")):
        for stage in generator.next:
            stage.attention.form = form
        output = generator(speech, noise, eps=zeros)
        assert difference(output.images[0][:, :, ::2, ::2], golden["img64_every2"]) < TOLERANCE
        assert difference(output.images[1][:, :, ::4, ::4], golden[f"img128_every4{suffix}"]) < TOLERANCE
        assert difference(output.images[2][:, :, ::8, ::8], golden[f"img256_every8{suffix}"]) < TOLERANCE
        maps = generator.attention_maps(speech, draws)
        assert difference(maps[0][:, :, ::8, ::8], golden[f"attention64_every8{suffix}"]) < TOLERANCE
    assert difference(output.mu, golden["mu"]) < TOLERANCE and difference(output.logvar, golden["logvar"]) < TOLERANCE
    # The two masks are told apart by more than the tolerance.
    assert np.abs(golden["img128_every4"] - golden["img128_every4_published"]).max() > 100 * TOLERANCE


@torch.inference_mode()
def test_four_stages_give_the_golden_images(recipe: ModuleType) -> None:
    golden = recipe.values("attngan_generator_512")
    generator, speech, noise = published(recipe, "attngan_generator_512")
    assert sum(parameter.numel() for parameter in generator.parameters()) == 7_352_592
    for stage in generator.next:
        stage.attention.form = "corrected"
    images = generator(speech, noise, eps=torch.zeros(3, 100)).images
    assert generator.image_sizes == (64, 128, 256, 512)
    assert difference(images[3][:, :, ::16, ::16], golden["img512_every16"]) < TOLERANCE


@pytest.mark.parametrize("size", [64, 128, 256, 512])
@torch.inference_mode()
def test_discriminators_give_the_published_scores_and_loss(recipe: ModuleType, size: int) -> None:
    golden = recipe.values(f"attngan_d{size}")
    state = convert_attngan_discriminator(published_state(recipe, f"attngan_d{size}"))
    settings = attngan_discriminator_settings(state)
    width = 16 if size == 512 else 64
    assert settings == {"size": size, "condition_dim": 256, "width": width, "code_first": True, "unconditional": True}
    discriminator = ready(StackDiscriminator(**settings), state)
    assert isinstance(discriminator, StackDiscriminator)
    images, sentence = (torch.from_numpy(value) for value in recipe.attngan_discriminator_inputs(size))
    real, fake = discriminator(images, sentence), discriminator(0.9 * images.flip(3), sentence)
    assert difference(real.conditional_logits, golden["conditional_logit"]) < TOLERANCE
    assert difference(real.unconditional_logits, golden["unconditional_logit"]) < TOLERANCE
    wrong = discriminator.judge_fit(discriminator.encode(images[:-1]), sentence[1:])
    assert difference(wrong.sigmoid(), golden["wrong"]) < TOLERANCE
    assert difference(averaged_discriminator_loss(real, wrong, fake), golden["loss"]) < TOLERANCE


@pytest.mark.parametrize("key", ["surprise", "h_net2.jointConv.0.weight", "h_net5.att.conv_context.weight"])
def test_an_unknown_key_of_the_generator_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        convert_attngan_generator({key: torch.zeros(1)})


@pytest.mark.parametrize("key", ["surprise", "jointConv.0.weight", "img_code_s8.0.weight"])
def test_an_unknown_key_of_a_discriminator_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        convert_attngan_discriminator({key: torch.zeros(1)})


def test_settings_come_back_and_those_of_other_networks_are_refused() -> None:
    sizes = {"embedding_dim": 10, "condition_dim": 6, "noise_dim": 4, "width": 2, "num_stages": 4, "residual_blocks": 1}
    state = AttnGANGenerator(**sizes).state_dict()  # type: ignore[arg-type]
    assert json.loads(json.dumps(attngan_generator_settings(state))) == {**sizes, "form": "published"}
    with pytest.raises(ValueError, match="it has no attention"):
        attngan_generator_settings({key: value for key, value in state.items() if ".attention." not in key})
