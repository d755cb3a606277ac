"""S2IGAN's two losses against arithmetic written out by hand."""

from math import exp, log

import pytest
import torch

from speech2img.losses.joint_embedding import contrastive_loss
from speech2img.losses.matching import distinctive_loss, matching_loss


def test_matching_by_hand_without_a_class_twice() -> None:
    # images at 0 and 90 degrees, speech at 0 and 60: cosines, times 2:  2 1 | 0 sqrt 3
    r3 = 3**0.5
    image = torch.tensor([[3.0, 0.0], [0.0, 0.2]])
    speech = torch.tensor([[1.0, 0.0], [0.5, 0.5 * r3]])
    to_speech = (log(1 + exp(1 - 2)) + log(1 + exp(0 - r3))) / 2
    to_image = (log(1 + exp(0 - 2)) + log(1 + exp(1 - r3))) / 2
    value = matching_loss(image, speech, torch.tensor([4, 7]), scale=2.0)
    assert value.item() == pytest.approx(to_speech + to_image, abs=1e-6)


def test_others_of_the_class_are_no_candidates() -> None:
    # scores 10 x:  1 0 0 | 0 1 0 | 1 0 0, and items 0 and 2 are of one class: image 2 may choose among 1 and 2 only
    image = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [1.0, 0, 0]])
    speech = torch.eye(3)
    rows = log(1 + exp(-10)) + log(1 + 2 * exp(-10)) + log(2)
    columns = log(1 + exp(-10)) + log(1 + 2 * exp(-10)) + log(2)
    value = matching_loss(image, speech, torch.tensor([0, 1, 0]))
    assert value.item() == pytest.approx((rows + columns) / 3, abs=1e-6)
    without = matching_loss(image, speech, torch.tensor([0, 1, 2]))
    # image 2 now also sees speech 0, at 10 where its own is at 0; speech 0 sees images 0 and 2 alike
    rows_without = 2 * log(1 + 2 * exp(-10)) + log(2 + exp(10))
    columns_without = log(2 + exp(-10)) + log(1 + 2 * exp(-10)) + log(3)
    assert without.item() == pytest.approx((rows_without + columns_without) / 3, abs=1e-5)


def test_masked_pairs_have_no_gradient() -> None:
    torch.manual_seed(0)
    image, speech = torch.randn(4, 5), torch.randn(4, 5)
    classes = torch.tensor([0, 0, 1, 2])
    scores = torch.zeros(4, 4, requires_grad=True)
    cosines = torch.nn.functional.normalize(image, dim=1) @ torch.nn.functional.normalize(speech, dim=1).T
    same = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 0], [0] * 4, [0] * 4]) > 0
    logits = (10 * cosines + scores).masked_fill(same, -1e30)
    own = torch.arange(4)
    by_hand = torch.nn.functional.cross_entropy(logits, own) + torch.nn.functional.cross_entropy(logits.T, own)
    by_hand.backward()
    assert matching_loss(image, speech, classes).item() == pytest.approx(by_hand.item(), rel=1e-5)
    assert scores.grad is not None and scores.grad[0, 1] == 0 and scores.grad[0, 2] != 0


def test_matching_is_finite_where_a_batch_has_one_class() -> None:
    image, speech = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4)
    value = matching_loss(image, speech, torch.zeros(3, dtype=torch.int64))
    value.backward()
    assert value.item() == pytest.approx(0.0, abs=1e-6) and image.grad is not None and image.grad.isfinite().all()
    assert 2 * contrastive_loss(image, speech).item() > 0


def test_distinctive_by_hand() -> None:
    image = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    speech = torch.tensor([[0.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    labels = torch.tensor([0, 1])
    of_image = (log(exp(1) + 2) - 1 + log(exp(2) + 2) - 2) / 2
    of_speech = (log(2 + exp(3)) - 0 + log(3)) / 2
    assert distinctive_loss(image, speech, labels).item() == pytest.approx(of_image + of_speech, abs=1e-6)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"two \(B, C\)"):
        distinctive_loss(torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="2 labels"):
        distinctive_loss(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match="classes"):
        matching_loss(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64))
