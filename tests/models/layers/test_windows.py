"""Channels last on a CPU: values stay, networks give the same in either order; normalisation is torch's."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.models.layers.windows import channels_last_on_cpu, response_norm
from speech2img.models.vision import googlenet

LAST = torch.channels_last
Network = googlenet.BVLCGoogLeNet | googlenet.TorchvisionGoogLeNet


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


def test_values_stay_and_channels_lie_last_through_convolution_and_pool() -> None:
    plain = images(2, 3, 20, 24)
    laid = channels_last_on_cpu(plain)
    assert (
        torch.equal(laid, plain)
        and laid.is_contiguous(memory_format=LAST)
        and not plain.is_contiguous(memory_format=LAST)
    )
    weight = images(8, 3, 3, 3)
    pooled = F.max_pool2d(F.conv2d(laid, weight), 3, stride=2)
    assert pooled.is_contiguous(memory_format=LAST)
    torch.testing.assert_close(pooled, F.max_pool2d(F.conv2d(plain, weight), 3, stride=2))


def test_other_devices_keep_their_order() -> None:
    elsewhere = torch.empty(2, 3, 8, 8, device="meta")
    assert channels_last_on_cpu(elsewhere) is elsewhere


@pytest.mark.parametrize("build", [googlenet.BVLCGoogLeNet, googlenet.TorchvisionGoogLeNet])
def test_networks_give_the_same_in_either_order(build: type[Network], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(11)
    network = build().eval().requires_grad_(False)

    def maps_and_gradient() -> tuple[list[Tensor], Tensor]:
        given = images(2, 3, 80, 80).requires_grad_()
        made = network.maps(given)
        assert all(one.is_contiguous() for one in made)
        torch.stack([one.float().square().mean() for one in made]).sum().backward()
        assert given.grad is not None
        return [one.detach() for one in made], given.grad

    quick, quick_gradient = maps_and_gradient()
    monkeypatch.setattr(googlenet, "channels_last_on_cpu", lambda given: given)
    plain, plain_gradient = maps_and_gradient()
    for one, other in zip(quick, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))
    torch.testing.assert_close(quick_gradient, plain_gradient, rtol=1e-3, atol=1e-3 * float(plain_gradient.abs().max()))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_response_normalisation_is_torchs(size: int) -> None:
    given = 300 * images(2, 7, 5, 6).double()
    wanted = F.local_response_norm(given, size, alpha=1e-3, beta=0.6, k=1.0)
    torch.testing.assert_close(response_norm(given, size, alpha=1e-3, beta=0.6), wanted, rtol=1e-12, atol=1e-12)
