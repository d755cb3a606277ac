"""Discriminator of a frozen network's maps: what is trained, what it tells apart, what it refuses."""

import pytest
import torch
from torch import Tensor

from speech2img.losses.adversarial import discriminator_loss
from speech2img.models.generators.projected_discriminator import ProjectedDiscriminator
from speech2img.models.vision.attribute_network import MAP_STRIDES, AttributeNetwork
from speech2img.models.vision.googlenet import MAP_CHANNELS, BVLCGoogLeNet, TorchvisionGoogLeNet
from speech2img.models.vision.googlenet import MAP_STRIDES as GOOGLENET_STRIDES


def maps_of(pictures: Tensor) -> list[Tensor]:
    """Two maps of a picture: of a quarter and of an eighth of its side."""
    return [torch.nn.functional.avg_pool2d(pictures, size) for size in (4, 8)]


def small() -> ProjectedDiscriminator:
    torch.manual_seed(0)
    return ProjectedDiscriminator((3, 3), (16, 8), condition_dim=2, width=8)


def test_maps_have_the_channels_and_sides_that_are_named() -> None:
    network = AttributeNetwork({"color": 3}, width=8, feature_dim=12).eval()
    picture = torch.zeros(2, 3, 64, 64)
    found = network.maps(picture)
    assert tuple(x.shape[1] for x in found) == network.map_channels
    assert tuple(64 // x.shape[2] for x in found) == MAP_STRIDES
    torch.testing.assert_close(network.features(picture), found[-1].mean(dim=(2, 3)))
    with torch.no_grad():
        for googlenet in (BVLCGoogLeNet(num_classes=2), TorchvisionGoogLeNet(num_classes=2)):
            seen = googlenet.eval().maps(picture)
            assert tuple(x.shape[1] for x in seen) == MAP_CHANNELS
            assert tuple(64 // x.shape[2] for x in seen) == GOOGLENET_STRIDES


def test_it_judges_each_map_and_its_random_maps_are_not_trained() -> None:
    network = small()
    frozen = {name: value.clone() for name, value in network.named_buffers() if "mixing" in name}
    assert len(frozen) == 2 and not any("mixing" in name for name, _ in network.named_parameters())
    output = network(maps_of(torch.randn(4, 3, 64, 64)), torch.randn(4, 2))
    assert output.conditional_logits.shape == output.unconditional_logits.shape == (8,)
    assert output.code.shape == (4, 2 * 8 * 4 * 4)
    (output.conditional_logits.sum() + output.unconditional_logits.sum()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(torch.equal(value, network.get_buffer(name)) for name, value in frozen.items())


def test_it_learns_what_is_real_and_what_fits() -> None:
    torch.manual_seed(1)
    network, generator = small(), torch.Generator().manual_seed(2)
    optimizer = torch.optim.Adam(network.parameters(), 0.02)

    def draw() -> tuple[list[list[Tensor]], Tensor]:
        """Real ones are of the colour that the condition names, wrong ones of the other, made ones are grey."""
        kind = torch.randint(0, 2, (16,), generator=generator)
        mu = torch.nn.functional.one_hot(kind, 2).float()
        colours = torch.tensor([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])
        noise = torch.randn(3, 16, 3, 64, 64, generator=generator)
        shown = colours[kind], colours[1 - kind], torch.zeros(16, 3)
        return [maps_of(c[:, :, None, None] + x) for c, x in zip(shown, noise, strict=True)], mu

    for _ in range(100):
        seen, mu = draw()
        loss = discriminator_loss(*(network(maps, mu) for maps in seen))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    seen, mu = draw()
    with torch.no_grad():
        real, wrong, fake = (network(maps, mu) for maps in seen)
    assert (real.conditional_logits > 0).float().mean() > 0.8 > 0.2 > (wrong.conditional_logits > 0).float().mean()
    assert (fake.unconditional_logits < 0).float().mean() > 0.8


def test_other_maps_are_refused() -> None:
    with pytest.raises(ValueError, match="one map or more"):
        ProjectedDiscriminator((), ())
    with pytest.raises(ValueError, match="sides"):
        ProjectedDiscriminator((3,), (8, 4))
    with pytest.raises(ValueError, match="expected 2 maps"):
        small()([torch.zeros(1, 3, 8, 8)], torch.zeros(1, 2))
