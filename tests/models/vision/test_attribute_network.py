"""The attribute network: outputs, cost, sense of place, precision."""

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from speech2img.models.vision.attribute_network import AttributeNetwork

HEADS = {"species": 5, "size": 2, "type": 3}


@pytest.mark.parametrize("side", [64, 96, 227])
def test_outputs(side: int) -> None:
    network = AttributeNetwork(HEADS, width=8).eval()
    features, logits = network(torch.rand(2, 3, side, side) * 2 - 1)
    assert features.shape == (2, 1024) and features.min() >= 0
    assert list(logits) == list(HEADS) and [value.shape[1] for value in logits.values()] == [5, 2, 3]
    assert torch.equal(network.features(torch.zeros(1, 3, side, side)), network(torch.zeros(1, 3, side, side))[0])


def test_cost_at_64_pixels() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        AttributeNetwork(HEADS)(torch.zeros(1, 3, 64, 64))
    assert counter.get_total_flops() <= 62e6


def test_pooled_features_tell_left_from_right() -> None:
    torch.manual_seed(0)
    network = AttributeNetwork({"direction": 2}, width=8)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(12):
        labels = torch.randint(0, 2, (32,))
        images = torch.zeros(32, 3, 64, 64)
        for row, label in enumerate(labels.tolist()):
            top, left = int(torch.randint(0, 50, ())), int(torch.randint(0, 16, ())) + 34 * label
            images[row, 0, top : top + 8, left : left + 8] = 1
        loss = F.cross_entropy(network(images)[1]["direction"], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3


def test_bfloat16_autocast_gives_float32() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        features, logits = AttributeNetwork(HEADS, width=8, dropout=0.1)(torch.zeros(2, 3, 64, 64))
    assert features.dtype == logits["size"].dtype == torch.float32


def test_what_cannot_be() -> None:
    for heads in ({}, {"one": 1}):
        with pytest.raises(ValueError, match="two classes"):
            AttributeNetwork(heads)
    with pytest.raises(ValueError, match="expected images"):
        AttributeNetwork(HEADS, width=8)(torch.zeros(1, 3, 63, 64))
