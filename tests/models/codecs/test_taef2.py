"""TAEF2: its graph by the published names, the published values, and how well it keeps pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.taef2_files import POOL, WIDTH, published_graph, published_state

from speech2img.models.codecs.registry import CODECS, build_codec
from speech2img.models.codecs.taef2 import LATENT_DEVIATION, TAEF2
from speech2img.models.published.taef2 import convert_taef2_decoder, convert_taef2_encoder, taef2_settings


def converted(encoder: dict[str, torch.Tensor], decoder: dict[str, torch.Tensor]) -> TAEF2:
    state = convert_taef2_encoder(encoder) | convert_taef2_decoder(decoder)
    network = TAEF2(**taef2_settings(state))
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def published(realdata: Path) -> TAEF2:
    """The real weights."""
    states = [
        torch.load(realdata / "weights" / f"taef2_{part}.pth", weights_only=True) for part in ("encoder", "decoder")
    ]
    return converted(*states)


def test_a_converted_network_computes_what_the_published_names_mean() -> None:
    encoder, decoder = published_state("encoder"), published_state("decoder")
    network = converted(encoder, decoder).double()  # so that no processor's rounding counts
    images = torch.rand(2, 3, 32, 48, dtype=torch.float64)
    raw = published_graph("encoder", encoder, images)
    assert raw.shape == (2, 32, 4, 6) and raw.std() > 0.1
    latents = network.encode(2 * images - 1)
    torch.testing.assert_close(latents * LATENT_DEVIATION, raw, atol=1e-6, rtol=1e-6)
    again = network.decode(latents)
    torch.testing.assert_close((again + 1) / 2, published_graph("decoder", decoder, raw), atol=1e-6, rtol=1e-6)


def test_latents_far_outside_stay_within_bounds() -> None:
    network = converted(published_state("encoder"), published_state("decoder"))
    far = torch.full((1, 32, 2, 2), 100.0)
    torch.testing.assert_close(network.decode(far), network.decode(2 * far))


def test_the_scale_is_part_of_the_weights() -> None:
    network = build_codec(network="taef2", width=WIDTH, pool_width=POOL)
    assert {"latent_mean", "latent_deviation"} <= network.state_dict().keys()
    images = torch.rand(1, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        raw = network.encode_raw(images)
        network.latent_mean.copy_(raw.mean(dim=(0, 2, 3)))
        network.latent_deviation.copy_(raw.std(dim=(0, 2, 3)))
        latents = network.encode(images)
        assert latents.mean().abs() < 1e-5 and abs(float(latents.std(dim=(0, 2, 3)).mean()) - 1) < 1e-4
        torch.testing.assert_close(network.decode(latents), network.decode_raw(raw), atol=1e-5, rtol=1e-4)


def test_a_gradient_passes_from_pixels_to_latents() -> None:
    network = converted(published_state("encoder"), published_state("decoder"))
    latents = torch.randn(1, 32, 2, 2, requires_grad=True)
    network.decode(latents).square().mean().backward()
    assert latents.grad is not None and bool((latents.grad != 0).any())


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 1, 16, 16), (1, 3, 20, 16), (0, 3, 16, 16), (1, 3, 0, 16)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    network = TAEF2(width=WIDTH, pool_width=POOL)
    with pytest.raises(ValueError, match="multiples of 8"):
        network.encode(torch.zeros(shape))
    with pytest.raises(ValueError, match=r"\(B, 32, h, w\)"):
        network.decode(torch.zeros(shape))


def test_settings_that_contradict_each_other_are_refused() -> None:
    for settings in ({"pool_width": 6}, {"width": 0}, {"latent_channels": 0}):
        with pytest.raises(ValueError, match="must be"):
            TAEF2(**settings)
    with pytest.raises(ValueError, match="one of taef2"):
        build_codec(network="vq")
    assert CODECS["taef2"]() is TAEF2


def test_the_published_weights_give_the_published_values(published: TAEF2, realdata: Path) -> None:
    golden = {name: torch.from_numpy(value) for name, value in np.load(realdata / "weights/taef2_golden.npz").items()}
    images = golden["rgb64"].permute(0, 3, 1, 2)
    with torch.inference_mode():
        latents = published.encode(2 * images - 1)
        again = published.decode(golden["latent"] / LATENT_DEVIATION)
    torch.testing.assert_close(latents * LATENT_DEVIATION, golden["latent"], atol=1e-4, rtol=0)
    torch.testing.assert_close((again + 1) / 2, golden["decoded"], atol=1e-4, rtol=0)
