"""Attention gives the same by every kernel."""

import math

import pytest
import torch

from speech2img.models.layers.attention import attend


def parts(dtype: torch.dtype) -> list[torch.Tensor]:
    """Queries of 5 tokens, keys and values of 7 steps."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, steps, 4, generator=generator).to(dtype).requires_grad_() for steps in (5, 7, 7)]


def by_hand(query, key, value, allowed):
    """Every query on its own, in double precision."""
    result = torch.zeros_like(query, dtype=torch.float64)
    for row in range(2):
        steps = [step for step in range(7) if allowed is None or allowed[row, 0, 0, step]]
        for head in range(3):
            for token in range(5):
                scores = [float(query[row, head, token].double() @ key[row, head, s].double()) / 2 for s in steps]
                weights = [math.exp(score) for score in scores]
                for weight, step in zip(weights, steps, strict=True):
                    result[row, head, token] += weight / sum(weights) * value[row, head, step].double()
    return result


@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_values_are_those_of_the_equation(is_masked, dtype, tolerance):
    allowed = torch.arange(7).expand(2, 1, 1, 7) < torch.tensor([7, 3])[:, None, None, None] if is_masked else None
    query, key, value = parts(dtype)
    attended = attend(query, key, value, allowed)
    assert attended.dtype == dtype
    with torch.no_grad():
        torch.testing.assert_close(attended.double(), by_hand(query, key, value, allowed), atol=tolerance, rtol=0)


@pytest.mark.parametrize("is_masked", [False, True])
def test_gradients_in_bfloat16_are_those_in_float32(is_masked):
    allowed = torch.arange(7).expand(2, 1, 1, 7) < torch.tensor([7, 3])[:, None, None, None] if is_masked else None
    gradients = []
    for dtype in (torch.bfloat16, torch.float32):
        tensors = parts(torch.bfloat16)
        attend(*(part.to(dtype) for part in tensors), allowed).float().square().sum().backward()
        gradients.append([part.grad.float() for part in tensors])
        assert all(gradient.isfinite().all() for gradient in gradients[-1])
    for narrow, wide in zip(*gradients, strict=True):
        torch.testing.assert_close(narrow, wide, atol=0.05, rtol=0.05)


def test_no_gradient_comes_from_steps_that_are_masked():
    allowed = torch.arange(7).expand(2, 1, 1, 7) < 3
    query, key, value = parts(torch.bfloat16)
    attend(query, key, value, allowed).float().square().sum().backward()
    assert key.grad[:, :, 3:].count_nonzero() == 0 and key.grad[:, :, :3].count_nonzero() > 0
