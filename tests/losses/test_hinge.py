"""Hinge losses against arithmetic written out by hand."""

import pytest
import torch

from speech2img.losses.hinge import hinge_discriminator_loss, hinge_generator_loss


def test_by_hand() -> None:
    real, fake = torch.tensor([[2.0, 0.5], [-1.0, 1.0]]), torch.tensor([0.0, -3.0])
    # real: 0, 0.5, 2, 0; fake: 1, 0
    assert hinge_discriminator_loss(real, fake).item() == pytest.approx(0.5 * (2.5 / 4 + 1 / 2))
    assert hinge_generator_loss(fake).item() == pytest.approx(1.5)
    nothing = torch.zeros(5)
    assert hinge_discriminator_loss(nothing, nothing).item() == 1.0


def test_beyond_the_margin_nothing_is_gained() -> None:
    real = torch.tensor([1.5, 0.9], requires_grad=True)
    fake = torch.tensor([-1.5, -0.9], requires_grad=True)
    hinge_discriminator_loss(real, fake).backward()
    assert real.grad is not None and fake.grad is not None
    assert real.grad.tolist() == [0.0, -0.25] and fake.grad.tolist() == [0.0, 0.25]


def test_half_precision_is_summed_in_full() -> None:
    scores = torch.full((4096,), 0.1, dtype=torch.bfloat16)
    assert hinge_generator_loss(scores).dtype == torch.float32
    assert hinge_generator_loss(scores).item() == pytest.approx(-float(scores[0]), rel=1e-6)
