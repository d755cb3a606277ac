"""The generator of a latent flow: the contract of a generator, guidance, previews, and that it can learn."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers.latent_flows import CODEC
from torch import Tensor

from speech2img.losses.flow import rectified_flow_loss
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageGenerator, ImageNoise
from speech2img.models.generators.latent_flow import LatentFlowGenerator
from speech2img.models.generators.registry import build_generator
from speech2img.seeded_noise import seeded_noise

SIZES: dict[str, Any] = {
    "network": "latent-flow",
    "embedding_dim": 6,
    "codec": CODEC,
    "image_size": 32,
    "width": 16,
    "depth": 2,
    "num_heads": 2,
    "steps": 4,
}
NOBODY = torch.zeros(3, dtype=torch.bool)
SPEECH = SpeechEncoding(torch.randn(3, 6), torch.randn(3, 6, 4), torch.tensor([4, 1, 3]))


def generator(**settings: Any) -> LatentFlowGenerator:
    """One whose layers that start at zero are drawn."""
    torch.manual_seed(0)
    made = build_generator(**{**SIZES, **settings})
    assert isinstance(made, LatentFlowGenerator)
    with torch.no_grad():
        for parameter in made.flow.parameters():
            if not parameter.any():
                parameter.normal_(std=0.2)
    return made.eval().requires_grad_(False)


def noise(*numbers: int) -> ImageNoise:
    return seeded_noise([(0, number, 0) for number in numbers])


def test_it_is_a_generator_of_one_size() -> None:
    made = generator()
    assert isinstance(made, ImageGenerator) and made.needs_frames and made.image_sizes == (32,)
    (images,) = made.sample(SPEECH, noise(0, 1, 2))
    assert images.shape == (3, 3, 32, 32) and -1 <= images.min() < images.max() <= 1
    assert not generator(needs_frames=False).needs_frames


def test_an_image_is_the_same_alone_and_in_any_batch() -> None:
    made = generator()
    (images,) = made.sample(SPEECH, noise(0, 1, 2))
    alone = SpeechEncoding(SPEECH.sentence[2:], SPEECH.words[2:, :, :3], SPEECH.word_lengths[2:])
    torch.testing.assert_close(made.sample(alone, noise(2))[0], images[2:], atol=1e-4, rtol=0)
    assert (made.sample(alone, noise(3))[0] - images[2:]).abs().max() > 0.01


def test_guidance_is_the_formula() -> None:
    state, times = torch.randn(3, 32, 4, 4), torch.full((3,), 0.25)
    made = generator()
    spoken = made.flow(state, times, made.flow.condition(SPEECH))
    silent = made.flow(state, times, made.flow.condition(SPEECH, NOBODY))
    assert (spoken - silent).abs().max() > 1e-3
    for scale, until in ((0.0, 1.0), (1.0, 1.0), (3.0, 1.0), (3.0, 0.5), (3.0, 0.0)):
        other = generator(guidance_scale=scale, guidance_until=until)
        seen: list[Tensor] = []
        other.flow.latents.restore = lambda values, seen=seen: seen.append(values) or values  # type: ignore[assignment, func-returns-value, misc]
        start = noise(0, 1, 2).normal("latents", 32, 4, 4)
        other.sample(SPEECH, noise(0, 1, 2))
        expected = start
        for step in range(4):
            time = torch.full((3,), step / 4)
            conditional = made.flow(expected, time, made.flow.condition(SPEECH))
            unconditional = made.flow(expected, time, made.flow.condition(SPEECH, NOBODY))
            guided = scale if step / 4 < until else 1.0
            expected = expected + (unconditional + guided * (conditional - unconditional)) / 4
        torch.testing.assert_close(seen[0], expected, atol=1e-4, rtol=1e-4)


def test_previews_end_in_the_image() -> None:
    made = generator()
    previews = list(made.previews(SPEECH, noise(0, 1, 2)))
    assert len(previews) == 4 and all(image.shape == (3, 3, 32, 32) for image in previews)
    assert torch.equal(previews[-1], made.sample(SPEECH, noise(0, 1, 2))[0])
    distances = [float((image - previews[-1]).abs().mean()) for image in previews]
    assert distances[0] > distances[2] > 0
    assert len(list(made.previews(SPEECH, noise(0, 1, 2), steps=6))) == 6


def test_latents_go_the_same_way_back_as_they_came() -> None:
    """Where the flow would draw the standardised latents of an image, the image is what the codec makes of them."""
    made = generator(guidance_scale=1.0)
    made.flow.latents.fit_(torch.randn(200, 32) * 3 + 1)
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    latents = made.codec.encode(image)
    target = made.flow.latents(latents)
    start = noise(0, 1).normal("latents", 32, 4, 4)
    made.flow.forward = lambda state, time, condition: target - start  # type: ignore[method-assign]
    said = SpeechEncoding(SPEECH.sentence[:2], SPEECH.words[:2], SPEECH.word_lengths[:2])
    torch.testing.assert_close(made.sample(said, noise(0, 1))[0], made.codec.decode(latents).clamp(-1, 1))


def test_what_does_not_fit_is_refused() -> None:
    for settings, message in (
        ({"steps": 3}, "steps must be 4 to 50, got 3"),
        ({"solver": "rk4"}, "solver must be one of"),
        ({"image_size": 36}, "image_size must be a multiple of 8, got 36"),
        ({"guidance_scale": -1.0}, "guidance_scale must be 0 or more"),
        ({"guidance_until": 1.5}, "guidance_until must be 0 to 1, got 1.5"),
        ({"codec": {"network": "vq"}}, "network must be one of taef2"),
    ):
        with pytest.raises(ValueError, match=message):
            build_generator(**{**SIZES, **settings})
    with pytest.raises(ValueError, match="steps must be 4 to 50, got 60"):
        next(generator().previews(SPEECH, noise(0, 1, 2), steps=60))


def test_it_learns_which_latents_belong_to_what_is_said() -> None:
    """Two sentences, latents of +1 and -1 with little noise: the drawn ones have the right sign."""
    torch.manual_seed(0)
    flow = LatentFlowGenerator(**{key: value for key, value in SIZES.items() if key != "network"}).flow.train()
    optimizer = torch.optim.AdamW(flow.parameters(), 5e-3)
    said, signs = torch.eye(6)[[0, 1]], torch.tensor([1.0, -1.0])
    for _ in range(120):
        rows = torch.randint(2, (16,))
        data = signs[rows, None] + 0.1 * torch.randn(16, 512)
        speech = SpeechEncoding(said[rows], said[rows, :, None], torch.ones(16, dtype=torch.int64))
        condition = flow.condition(speech, torch.rand(16) > 0.1)
        loss = rectified_flow_loss(
            lambda state, time, given=condition: flow(state.view(-1, 32, 4, 4), time, given).flatten(1),
            data,
            torch.randn_like(data),
            torch.rand(16),
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 1.2  # from 2; less is not to be had, since 128 numbers a token go through a width of 16
    made = generator(steps=8)
    made.flow = flow.eval()
    spoken = SpeechEncoding(said, said[:, :, None], torch.ones(2, dtype=torch.int64))
    drawn: list[Tensor] = []
    made.codec.decode = lambda latents: drawn.append(latents) or torch.zeros(2, 3, 32, 32)  # type: ignore[assignment, func-returns-value, misc]
    with torch.no_grad():
        made.sample(spoken, noise(0, 1))
    means = drawn[0].flatten(1).mean(dim=1).numpy()
    np.testing.assert_array_equal(np.sign(means), [1, -1])
    assert np.abs(means).min() > 0.5
