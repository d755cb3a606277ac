"""The penalty on latents against arithmetic written out by hand, and what it leads to."""

import math

import pytest
import torch

from speech2img.losses.latents import latent_moments, latent_penalty


def test_by_hand() -> None:
    latents = torch.tensor([[[[1.0, 3.0]], [[2.0, -2.0]]], [[[3.0, 5.0]], [[1.0, -1.0]]]])  # (2, 2, 1, 2)
    moments = latent_moments(latents)
    assert moments.tolist() == [[[2.0, 0.0], [5.0, 4.0]], [[4.0, 0.0], [17.0, 1.0]]]
    first = 0.5 * (9 + 2 - 1 - math.log(2))  # 1, 3, 3, 5: mean 3, variance 2
    second = 0.5 * (0 + 2.5 - 1 - math.log(2.5))  # 2, -2, 1, -1
    assert latent_penalty(moments).item() == pytest.approx((first + second) / 2, rel=1e-6)


def test_a_standard_normal_costs_nothing_and_parts_of_a_batch_make_the_whole() -> None:
    torch.manual_seed(0)
    latents = torch.randn(8, 3, 32, 32)
    assert 0 <= latent_penalty(latent_moments(latents)).item() < 1e-3
    parts = torch.cat([latent_moments(latents[:3]), latent_moments(latents[3:])])
    torch.testing.assert_close(parts, latent_moments(latents))


def test_it_draws_any_spread_to_one() -> None:
    torch.manual_seed(0)
    values = torch.randn(4, 2, 4, 4)
    for scale, shift in ((0.05, 0.5), (6.0, 0.0), (1.0, -4.0)):
        learned = torch.tensor([scale, shift], requires_grad=True)
        optimizer = torch.optim.Adam([learned], 0.05)
        for _ in range(300):
            optimizer.zero_grad()
            latent_penalty(latent_moments(learned[0] * values + learned[1])).backward()
            optimizer.step()
        latents = learned[0] * values + learned[1]
        assert latents.mean().abs() < 0.1 and 0.9 < latents.std() < 1.1


def test_other_shapes_are_refused() -> None:
    for shape in ((2, 3, 4), (0, 3, 2, 2)):
        with pytest.raises(ValueError, match=r"\(B, C, h, w\)"):
            latent_moments(torch.zeros(shape))
