"""Our own autoencoder: its shapes and bounds, that it can be learned, and that parts of an image are encoded alike."""

import pytest
import torch
from torch.nn import functional as F

from speech2img.models.codecs.conv_autoencoder import LATENT_BOUND, ConvAutoencoder
from speech2img.models.codecs.registry import CODECS, build_codec


def network(**settings: int) -> ConvAutoencoder:
    torch.manual_seed(0)
    return ConvAutoencoder(**{"latent_channels": 6, "width": 8, "blocks": 1, **settings})


def test_it_is_a_codec_of_an_eighth_of_the_side() -> None:
    codec = build_codec(network="conv-autoencoder", latent_channels=6, width=8, blocks=1)
    assert isinstance(codec, ConvAutoencoder) and CODECS["conv-autoencoder"]() is ConvAutoencoder
    latents = codec.encode(torch.rand(2, 3, 32, 48) * 2 - 1)
    assert latents.shape == (2, 6, 4, 6) and codec.decode(latents).shape == (2, 3, 32, 48)
    assert {"latent_mean", "latent_deviation"} <= codec.state_dict().keys()


def test_latents_are_bounded_softly() -> None:
    codec = network()
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    inside = codec.encode_raw(images)
    assert 0.1 < inside.std() < LATENT_BOUND
    with torch.no_grad():
        codec.analysis.weight.mul_(1e4)
    outside = codec.encode_raw(images)
    assert outside.abs().max() <= LATENT_BOUND and outside.abs().median() > 0.99 * LATENT_BOUND
    far = 100 * torch.sign(inside)
    torch.testing.assert_close(codec.decode_raw(far), codec.decode_raw(LATENT_BOUND * torch.sign(inside)))


def test_small_values_pass_the_bound_nearly_as_they_are() -> None:
    values = torch.linspace(-0.3, 0.3, 7).view(1, 1, 1, 7)
    torch.testing.assert_close(network().bound(values), values, atol=1e-3, rtol=0)


def test_what_lies_far_away_changes_nothing() -> None:
    codec = network().double()
    for parameter in codec.encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    images = torch.rand(1, 3, 16, 192, dtype=torch.float64) * 2 - 1
    other = images.clone()
    other[..., 96:] *= -1
    latents, changed = codec.encode_raw(images), codec.encode_raw(other)
    torch.testing.assert_close(latents[..., :6], changed[..., :6], atol=0, rtol=0)
    assert not torch.allclose(latents[..., 11:], changed[..., 11:])


def test_it_learns_one_image_by_heart() -> None:
    codec = network(width=16)
    image = F.interpolate(torch.rand(1, 3, 4, 4) * 2 - 1, size=(32, 32), mode="bilinear")
    optimizer = torch.optim.Adam(codec.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        loss = F.l1_loss(codec.decode(codec.encode(image)), image)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.25 * losses[0]


def test_it_begins_as_principal_components() -> None:
    """Images of three patterns come back whole through three channels, which have mean 0 and deviation 1."""
    codec = network(latent_channels=4)
    rng = torch.Generator().manual_seed(1)
    patterns = torch.randn(3, 192, generator=rng)
    squares = torch.randn(2000, 3, generator=rng) @ patterns * 0.05 + 0.1
    images = F.pixel_shuffle(squares.view(5, 20, 20, 192).permute(0, 3, 1, 2), 8)
    codec.fit_linear_(images)
    with torch.no_grad():
        latents = codec.analysis(F.pixel_unshuffle(images, 8))
        again = F.pixel_shuffle(codec.synthesis(latents), 8)
    torch.testing.assert_close(again, images, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(latents.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-3, rtol=0)
    spread = latents.std(dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(spread, torch.tensor([1.0, 1.0, 1.0, 0.0]), atol=1e-3, rtol=0)
    # The convolutions have nothing to say yet; the bound alone is between.
    assert torch.equal(codec.encode_raw(images), codec.bound(latents))


def test_no_linear_map_is_better() -> None:
    images = F.interpolate(torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(2)), size=(32, 32)) * 2 - 1
    codec = network(latent_channels=8)
    codec.fit_linear_(images)
    squares = F.pixel_unshuffle(images, 8).movedim(1, -1).flatten(0, -2)
    _, values, _ = torch.linalg.svd(squares - squares.mean(dim=0), full_matrices=False)
    with torch.no_grad():
        again = F.pixel_shuffle(codec.synthesis(codec.analysis(F.pixel_unshuffle(images, 8))), 8)
    least = values[8:].square().sum() / images.numel()
    torch.testing.assert_close((again - images).square().mean(), least, atol=1e-5, rtol=1e-3)


def test_plain_images_have_no_components() -> None:
    codec = network()
    codec.fit_linear_(torch.full((2, 3, 16, 16), 0.25))
    again = codec.decode_raw(codec.encode_raw(torch.full((1, 3, 8, 8), 0.25)))
    torch.testing.assert_close(again, torch.full((1, 3, 8, 8), 0.25))


def test_settings_out_of_range_are_refused() -> None:
    for settings in ({"width": 0}, {"blocks": 0}, {"blocks": 17}, {"latent_channels": 0}):
        with pytest.raises(ValueError, match="must be"):
            network(**settings)
    for shape in ((1, 3, 20, 16), (3, 16, 16)):
        with pytest.raises(ValueError, match="multiples of 8"):
            network().encode(torch.zeros(shape))
    with pytest.raises(ValueError, match=r"\(B, 6, h, w\)"):
        network().decode(torch.zeros(1, 5, 2, 2))
