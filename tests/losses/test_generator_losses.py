"""Adversarial, KL, colour, class-aware and feature losses against arithmetic written out by hand."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from speech2img.losses.adversarial import discriminator_loss, generator_loss
from speech2img.losses.generator import (
    class_aware_loss,
    color_consistency_loss,
    feature_consistency_loss,
    kl_to_standard_normal,
)


class Logits(NamedTuple):
    conditional_logits: Tensor
    unconditional_logits: Tensor


def logits(conditional: float, unconditional: float) -> Logits:
    """Logits whose sigmoids are the given probabilities."""
    return Logits(torch.logit(torch.tensor([conditional])), torch.logit(torch.tensor([unconditional])))


def test_discriminator_loss_by_hand() -> None:
    real, wrong, fake = logits(0.9, 0.8), logits(0.3, 0.6), logits(0.2, 0.4)
    conditional = -math.log(0.9) - math.log(0.7) - math.log(0.8)
    unconditional = -math.log(0.8) - math.log(0.6) - math.log(0.6)  # the wrong image is a real one
    assert discriminator_loss(real, wrong, fake).item() == pytest.approx(conditional + unconditional, rel=1e-5)
    half = discriminator_loss(real, wrong, fake, unconditional_weight=0.5).item()
    assert half == pytest.approx(conditional + 0.5 * unconditional, rel=1e-5)
    without = discriminator_loss(real, wrong, fake, unconditional_weight=0).item()
    assert without == pytest.approx(-math.log(0.9) - 0.5 * (math.log(0.7) + math.log(0.8)), rel=1e-5)


def test_generator_loss_by_hand() -> None:
    fake = logits(0.2, 0.4)
    assert generator_loss(fake).item() == pytest.approx(-math.log(0.2) - math.log(0.4), rel=1e-5)
    assert generator_loss(fake, unconditional_weight=0).item() == pytest.approx(-math.log(0.2), rel=1e-5)


def test_adversarial_losses_do_not_saturate() -> None:
    sure = Logits(torch.tensor([-200.0], requires_grad=True), torch.tensor([-200.0], requires_grad=True))
    value = generator_loss(sure)
    value.backward()
    assert value.item() == pytest.approx(400) and sure.conditional_logits.grad.item() == pytest.approx(-1)


def test_kl_by_hand() -> None:
    # -(1 + ln 4 - 9 - 4) / 2 and -(1 + 0 - 0 - 1) / 2, mean of the two
    mu, logvar = torch.tensor([[3.0, 0.0]]), torch.tensor([[math.log(4), 0.0]])
    assert kl_to_standard_normal(mu, logvar).item() == pytest.approx((12 - math.log(4)) / 4, rel=1e-5)
    assert kl_to_standard_normal(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0


def test_color_consistency_by_hand() -> None:
    # small: channel 0 is +1 and -1 in equal parts, the others 0: mean 0, covariance [0][0] = 1
    small = torch.zeros(1, 3, 2, 2)
    small[:, 0] = torch.tensor([[1.0, -1.0], [1.0, -1.0]])
    small.requires_grad_()
    # large: all 0.5 in channel 1: means (0, 0.5, 0), covariance 0
    large = torch.zeros(1, 3, 4, 4)
    large[:, 1] = 0.5
    large.requires_grad_()
    # means differ by 0.25 / 3, covariances by 1 / 9
    value = color_consistency_loss([small, large])
    assert value.item() == pytest.approx(0.25 / 3 + 5 / 9, rel=1e-5)
    value.backward()
    assert small.grad is None and large.grad is not None
    assert color_consistency_loss([small, large, large]).item() == pytest.approx(0.25 / 3 + 5 / 9, rel=1e-5)
    assert color_consistency_loss([small]).item() == 0


def test_class_aware_by_hand() -> None:
    codes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    # X X^T = [[1 0 2], [0 1 0], [2 0 4]], mean 10/9; items 0 and 1 of one class: s = 0
    assert class_aware_loss(codes, torch.tensor([0, 0, 1])).item() == pytest.approx(10 / 9 / 2, rel=1e-5)
    # items 0 and 2 of one class: s = 2 > mean
    assert class_aware_loss(codes, torch.tensor([0, 1, 0])).item() == 0
    assert class_aware_loss(codes, torch.tensor([0, 1, 2])).item() == 0, "no pair"
    with pytest.raises(ValueError, match="classes"):
        class_aware_loss(codes, torch.tensor([0, 1]))


def test_feature_consistency_by_hand() -> None:
    fake = torch.tensor([[3.0, 4.0], [1.0, 0.0]], requires_grad=True)
    target = torch.tensor([[1.0, 0.0], [-2.0, 0.0]], requires_grad=True)
    value = feature_consistency_loss(fake, target)
    assert value.item() == pytest.approx((0.4 + 2.0) / 2, rel=1e-5)
    value.backward()
    assert target.grad is None and fake.grad is not None
    with pytest.raises(ValueError, match="shape"):
        feature_consistency_loss(fake, torch.zeros(2, 3))


def test_half_precision_inputs_give_float32_losses() -> None:
    half = torch.randn(4, 6, dtype=torch.bfloat16)
    assert kl_to_standard_normal(half, half).dtype == torch.float32
    assert class_aware_loss(half, torch.zeros(4, dtype=torch.int64)).dtype == torch.float32
    assert feature_consistency_loss(half, half).dtype == torch.float32
    assert color_consistency_loss([half.view(2, 3, 2, 2)]).dtype == torch.float32
