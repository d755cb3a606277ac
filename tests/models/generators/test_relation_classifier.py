"""Relation classifier: published size, order of the pair, and what normalising each kind by itself takes away."""

import pytest
import torch

from speech2img.losses.relation import relation_loss
from speech2img.models.generators.relation_classifier import RelationClassifier


def test_published_size() -> None:
    network = RelationClassifier(relations=4)
    assert sum(parameter.numel() for parameter in network.parameters()) == 263_044


def test_the_ground_truth_comes_first() -> None:
    network = RelationClassifier(2, width=1).eval()
    with torch.no_grad():
        network.hidden.weight.copy_(torch.tensor([[1.0, 10.0, 100.0, 1000.0]]))
        network.hidden.bias.zero_()
        network.output.weight.fill_(1.0)
        network.output.bias.zero_()
    truth, others = torch.tensor([[1.0, 2.0]]), torch.tensor([[[3.0, 4.0]], [[5.0, 6.0]]])
    scale = (1 + network.norm.eps) ** 0.5
    found = network(truth, others)
    assert found.shape == (2, 1, 3)
    torch.testing.assert_close(found[:, 0, 0] * scale, torch.tensor([4321.0, 6521.0]))


@pytest.mark.parametrize("joint", [True, False])
def test_only_pairs_normalised_together_show_how_far_they_lie_apart(joint: bool) -> None:
    torch.manual_seed(0)
    network = RelationClassifier(4, width=32, joint_norm=joint)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)

    def pairs() -> tuple[torch.Tensor, torch.Tensor]:
        truth = torch.randn(64, 4)
        return truth, torch.stack([truth + 0.3 * torch.randn(64, 4), truth + 1.5 * torch.randn(64, 4)])

    for _ in range(200):
        same, other = network(*pairs())
        optimizer.zero_grad()
        relation_loss({"same_class": same, "other_class": other}).backward()
        optimizer.step()
    with torch.no_grad():
        same, other = network(*pairs())
    right = ((same[:, 1] > same[:, 2]).float().mean() + (other[:, 2] > other[:, 1]).float().mean()) / 2
    assert (right > 0.85) if joint else (right < 0.85)
