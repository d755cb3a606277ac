"""The contract of generators: noise by name, the same whatever else is drawn; and what is a generator."""

import torch
from torch import nn

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import DrawsJointly, ImageGenerator, ImageNoise
from speech2img.models.generators.image_sampler import ImageSampler
from speech2img.models.generators.stackgan import StackGenerator


def test_noise_asks_for_distribution_name_and_shape() -> None:
    asked: list[object] = []

    def draw(*what: object) -> torch.Tensor:
        asked.append(what)
        return torch.arange(12.0).view(2, 3, 2)

    noise = ImageNoise(draw)
    noise.normal("step 3", 3, 2)
    noise.uniform("mask", 3, 2)
    assert noise.repeated(3).normal("z", 2).tolist() == torch.arange(12.0).view(6, 2).tolist()
    assert asked == [("normal", "step 3", (3, 2)), ("uniform", "mask", (3, 2)), ("normal", "z", (3, 2))]


def test_generators_and_samplers_keep_the_contract_and_other_networks_do_not() -> None:
    generator = StackGenerator(embedding_dim=8, condition_dim=4, noise_dim=3, width=4, num_stages=2)
    assert isinstance(generator, ImageGenerator) and isinstance(generator, DrawsJointly)
    sampler = ImageSampler(generator)
    assert isinstance(sampler, ImageGenerator) and not isinstance(sampler, DrawsJointly)
    assert (sampler.embedding_dim, sampler.image_sizes, sampler.needs_frames) == (8, (64, 128), False)
    assert not isinstance(nn.Linear(1, 1), ImageGenerator)


def test_sentences_without_time_steps() -> None:
    speech = SpeechEncoding.of_sentences(torch.ones(3, 5))
    assert speech.words.shape == (3, 5, 0) and speech.word_lengths.tolist() == [0, 0, 0]
