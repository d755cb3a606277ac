"""L1 and distillation losses against arithmetic written out by hand and the published values."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.losses.distillation import distillation_loss, heads_loss, l1_loss

SPEECH = torch.tensor([[3.0, 4.0], [0.0, 5.0]])
IMAGE = torch.tensor([[1.0, 0.0], [0.0, 7.0]])


def test_l1_by_hand() -> None:
    # each row by its own length: (0.6, 0.8) - (1, 0) and (0, 1) - (0, 1): (0.4 + 0.8 + 0 + 0) / 4
    assert l1_loss(SPEECH, IMAGE).item() == pytest.approx(0.3)
    # Frobenius norms sqrt(50): (3, 4, 0, 5) / 7.0710678 - (1, 0, 0, 7) / 7.0710678 = (2, 4, 0, -2) / 7.0710678
    assert l1_loss(SPEECH, IMAGE, form="published").item() == pytest.approx((2 + 4 + 0 + 2) / 50**0.5 / 4)


def test_corrected_l1_does_not_shrink_with_the_batch() -> None:
    many = l1_loss(SPEECH.repeat(8, 1), IMAGE.repeat(8, 1))
    assert many.item() == pytest.approx(0.3)
    published = l1_loss(SPEECH.repeat(4, 1), IMAGE.repeat(4, 1), form="published").item()
    assert published == pytest.approx(l1_loss(SPEECH, IMAGE, form="published").item() / 2)


def test_distillation_by_hand() -> None:
    # temperature 2; teacher logits (2 ln 3, 0) / 2 -> p = (3/4, 1/4)
    teacher = torch.tensor([[2 * math.log(3), 0.0]])
    student = torch.tensor([[0.0, 2 * math.log(2)]])
    # corrected: student (0, 2 ln 2) / 2 -> q = (1/3, 2/3); KL = 3/4 ln(9/4) + 1/4 ln(3/8), times 2^2
    kl = 0.75 * math.log(9 / 4) + 0.25 * math.log(3 / 8)
    assert distillation_loss(student, teacher).item() == pytest.approx(4 * kl, rel=1e-5)
    # published: student untempered -> q = (1/5, 4/5); mean over the two entries
    kl = 0.75 * math.log(15 / 4) + 0.25 * math.log(5 / 16)
    assert distillation_loss(student, teacher, form="published").item() == pytest.approx(kl / 2, rel=1e-5)


def test_corrected_distillation_is_zero_where_the_student_is_the_teacher() -> None:
    features = torch.rand(3, 7)
    assert distillation_loss(features, features, temperature=3.0).item() == pytest.approx(0, abs=1e-6)
    assert distillation_loss(features + 5, features).item() == pytest.approx(0, abs=1e-6), "a shift is no difference"


def test_published_values(realdata: Path) -> None:
    golden = np.load(realdata / "golden_peers" / "li2020_losses.npz")
    image, speech = torch.from_numpy(golden["image"]), torch.from_numpy(golden["speech"])
    assert l1_loss(speech, image, form="published").item() == pytest.approx(float(golden["l1"]), abs=1e-6)
    value = distillation_loss(speech, image, temperature=2.0, form="published").item()
    assert value == pytest.approx(float(golden["distill"]), abs=1e-6)


@pytest.mark.parametrize("loss", [l1_loss, distillation_loss])
def test_bad_shapes_and_forms(loss) -> None:
    with pytest.raises(ValueError, match="expected two"):
        loss(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="form"):
        loss(torch.zeros(2, 3), torch.zeros(2, 3), form="both")


def test_zero_rows_give_finite_values_and_gradients() -> None:
    speech = torch.zeros(2, 3, requires_grad=True)
    (l1_loss(speech, torch.rand(2, 3)) + distillation_loss(speech, torch.rand(2, 3))).backward()
    assert speech.grad is not None and torch.isfinite(speech.grad).all()


def test_the_divergence_of_heads_is_the_sum_of_theirs_and_nought_for_equal_logits() -> None:
    generator = torch.Generator().manual_seed(0)
    speech, target = torch.randn(6, 5, generator=generator), torch.randn(6, 5, generator=generator)
    expected = 0.0
    for first, last in ((0, 3), (3, 5)):
        p, q = target[:, first:last].softmax(1), speech[:, first:last].softmax(1)
        expected += float((p * (p.log() - q.log())).sum(1).mean())
    assert heads_loss(speech, target, sizes=(3, 2)).item() == pytest.approx(expected, rel=1e-5)
    assert heads_loss(target, target, sizes=(3, 2)).item() == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(ValueError, match="4 classes, and logits of 5"):
        heads_loss(speech, target, sizes=(2, 2))
