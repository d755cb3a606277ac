"""Doubling and convolving in one is doubling, then convolving."""

import pytest
import torch
from torch.nn import functional as F

from speech2img.models.generators.stackgan import upsample_conv


@pytest.mark.parametrize("shape", [(2, 5, 6, 7), (1, 3, 1, 1), (3, 4, 16, 16)])
@pytest.mark.parametrize("out_channels", [1, 6, 200])
def test_equal_to_the_two_steps_and_their_gradients(shape: tuple[int, ...], out_channels: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(out_channels, shape[1], 3, 3, dtype=torch.float64, requires_grad=True)
    want = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, padding=1)
    back = torch.randn_like(want)
    expected = torch.autograd.grad(want, (x, weight), back)
    got = upsample_conv(x, weight)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(torch.autograd.grad(got, (x, weight), back), expected)
