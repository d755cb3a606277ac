"""Generators by name: releases without one are StackGAN's, and what is no generator is refused."""

import pytest
from torch import nn

from speech2img.models.generators.registry import GENERATORS, build_generator
from speech2img.models.generators.stackgan import StackGenerator

SMALL = {"embedding_dim": 8, "condition_dim": 4, "noise_dim": 3, "width": 4, "num_stages": 1}


def test_a_release_without_a_name_is_stackgan() -> None:
    assert isinstance(build_generator(**SMALL), StackGenerator)
    assert isinstance(build_generator(network="stackgan", **SMALL), StackGenerator)


def test_unknown_generators_and_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ValueError, match="one of stackgan, stackgan-v1, attngan, latent-flow, vq-diffusion, got 'pixelcnn'"
    ):
        build_generator(network="pixelcnn")
    with pytest.raises(TypeError, match="colour"):
        build_generator(colour=3)
    monkeypatch.setitem(GENERATORS, "linear", lambda: nn.Linear)
    with pytest.raises(TypeError, match="'linear' is no ImageGenerator"):
        build_generator(network="linear", in_features=1, out_features=1)
