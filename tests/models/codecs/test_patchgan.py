"""PatchGAN as published: its layers one by one in float64, batch statistics, and what it refuses."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.models.codecs.patchgan import NLayerDiscriminator


def published(state: dict[str, Tensor], x: Tensor, *, strides: list[int]) -> Tensor:
    """The layer table: conv 4x4, batch norm (but after the first), leaky ReLU of 0.2; conv 4x4 to one score."""
    state = {name: value.double() for name, value in state.items()}
    x = F.conv2d(x, state["layers.0.weight"], state["layers.0.bias"], stride=2, padding=1)
    place = 2
    for stride in strides:
        x = F.conv2d(F.leaky_relu(x, 0.2), state[f"layers.{place}.weight"], stride=stride, padding=1)
        mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
        x = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
        x = x * state[f"layers.{place + 1}.weight"][:, None, None] + state[f"layers.{place + 1}.bias"][:, None, None]
        place += 3
    last = F.leaky_relu(x, 0.2)
    return F.conv2d(last, state[f"layers.{place}.weight"], state[f"layers.{place}.bias"], padding=1)


@pytest.mark.parametrize(("num_layers", "strides"), [(1, [1]), (2, [2, 1]), (3, [2, 2, 1])])
def test_it_computes_the_published_layers(num_layers: int, strides: list[int]) -> None:
    torch.manual_seed(0)
    network = NLayerDiscriminator(4, num_layers)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.3, 0.5)
    images = torch.rand(3, 3, 40, 32) * 2 - 1
    scores = network(images)
    assert scores.shape == (3, 1, 40 // 2**num_layers - 2, 32 // 2**num_layers - 2) and scores.dtype == torch.float32
    wanted = published(network.state_dict(), images.double(), strides=strides)
    torch.testing.assert_close(scores.double(), wanted, atol=1e-3, rtol=1e-3)


def test_weights_are_drawn_as_published_and_channels_grow_eightfold() -> None:
    torch.manual_seed(0)
    network = NLayerDiscriminator(16, 5)
    convs = [layer for layer in network.layers if isinstance(layer, torch.nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [16, 32, 64, 128, 128, 128, 1]
    assert [conv.bias is None for conv in convs] == [False, True, True, True, True, True, False]
    assert convs[3].weight.std().item() == pytest.approx(0.02, rel=0.05)
    norms = [layer.weight for layer in network.layers if isinstance(layer, torch.nn.BatchNorm2d)]
    assert torch.cat(norms).mean().item() == pytest.approx(1.0, abs=0.01)


def test_the_smallest_image_has_one_score_and_others_are_refused() -> None:
    network = NLayerDiscriminator(2, 2)
    assert network(torch.zeros(2, 3, 12, 12)).shape == (2, 1, 1, 1)
    for shape in ((2, 3, 11, 12), (2, 1, 12, 12), (3, 12, 12)):
        with pytest.raises(ValueError, match="sides 12 or more"):
            network(torch.zeros(shape))
    with pytest.raises(ValueError, match="1 or more"):
        NLayerDiscriminator(4, 0)
