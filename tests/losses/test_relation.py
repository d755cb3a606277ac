"""Relation supervision against arithmetic written out by hand."""

import math

import pytest
import torch

from speech2img.losses.relation import RELATIONS, relation_loss


def scores(*rows: tuple[float, float, float]) -> torch.Tensor:
    """Logits whose softmax is the given probabilities."""
    return torch.log(torch.tensor(rows))


def test_relations_of_the_four_kinds_of_pairs() -> None:
    assert RELATIONS == {"identical": 0, "same_class": 1, "generated": 1, "other_class": 2}


def test_every_kind_by_hand() -> None:
    pairs = {
        "identical": scores((0.7, 0.2, 0.1), (0.5, 0.3, 0.2)),
        "same_class": scores((0.1, 0.6, 0.3), (0.2, 0.4, 0.4)),
        "generated": scores((0.3, 0.3, 0.4), (0.1, 0.8, 0.1)),
        "other_class": scores((0.2, 0.3, 0.5), (0.1, 0.1, 0.8)),
    }
    right = [(0.7, 0.5), (0.6, 0.4), (0.3, 0.8), (0.5, 0.8)]
    wanted = sum(-(math.log(a) + math.log(b)) / 2 for a, b in right)
    assert relation_loss(pairs).item() == pytest.approx(wanted, rel=1e-6)
    without = {kind: value for kind, value in pairs.items() if kind != "identical"}
    assert relation_loss(without).item() == pytest.approx(wanted + (math.log(0.7) + math.log(0.5)) / 2, rel=1e-6)


def test_the_generator_learns_to_be_called_positive() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    loss = relation_loss({"generated": logits})
    loss.backward()
    assert loss.item() == pytest.approx(math.log(3))
    torch.testing.assert_close(logits.grad, torch.tensor([[1 / 3, -2 / 3, 1 / 3]]))


def test_a_fourth_output_is_allowed_and_takes_part_in_the_softmax() -> None:
    assert relation_loss({"generated": torch.zeros(5, 4)}).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize("pairs", [{}, {"generated": torch.zeros(3)}, {"generated": torch.zeros(3, 2)}])
def test_what_is_no_pair(pairs: dict) -> None:
    with pytest.raises(ValueError, match="pair"):
        relation_loss(pairs)
