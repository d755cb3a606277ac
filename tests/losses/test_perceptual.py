"""The perceptual loss against arithmetic written out by hand."""

import pytest
import torch

from speech2img.losses.perceptual import perceptual_loss


def maps(*places: tuple[float, float]) -> torch.Tensor:
    """One image's map of two channels, (1, 2, 1, places)."""
    return torch.tensor(places).T[None, :, None, :]


def test_by_hand() -> None:
    made = [maps((3.0, 0.0), (0.0, 2.0)), maps((1.0, 1.0))]
    real = [maps((0.0, 5.0), (0.0, 0.1)), maps((-1.0, -1.0))]
    # 90 degrees: 2; the same direction: 0; opposite: 4
    assert perceptual_loss(made, real).item() == pytest.approx(((2 + 0) / 2 + 4) / 2)
    assert perceptual_loss(made[:1], real[:1]).item() == pytest.approx(1.0)
    assert perceptual_loss(real, real).item() == 0.0


def test_the_gradient_goes_to_what_was_made() -> None:
    made, real = torch.rand(2, 3, 4, 4, requires_grad=True), torch.rand(2, 3, 4, 4, requires_grad=True)
    perceptual_loss([made], [real]).backward()
    assert made.grad is not None and made.grad.any() and real.grad is None
    dead = torch.zeros(1, 3, 2, 2, requires_grad=True)  # a layer whose ReLUs are all shut
    perceptual_loss([dead], [torch.rand(1, 3, 2, 2)]).backward()
    assert dead.grad is not None and bool(dead.grad.isfinite().all())


def test_weights_of_channels_make_it_lpips() -> None:
    made = [maps((3.0, 0.0), (0.0, 2.0)), maps((1.0, 1.0))]
    real = [maps((0.0, 5.0), (0.0, 0.1)), maps((-1.0, -1.0))]
    weights = [torch.tensor([0.5, 0.25]), torch.tensor([1.0, 0.0])]
    # A place at 90 degrees: 1 a channel; opposite at 45 degrees: 2 a channel. The sum over maps, the mean over places.
    loss = perceptual_loss(made, real, channel_weights=weights)
    assert loss.item() == pytest.approx((0.5 + 0.25) / 2 + 2.0)
    dead = torch.zeros(1, 2, 1, 2, requires_grad=True)
    perceptual_loss([dead], real[:1], channel_weights=weights[:1]).backward()
    assert dead.grad is not None and bool(dead.grad.isfinite().all())
    with pytest.raises(ValueError, match="expected a weight for each channel"):
        perceptual_loss(made, real, channel_weights=weights[:1])


def test_other_maps_are_refused() -> None:
    for made, real in (
        ([], []),
        ([torch.zeros(1, 2, 3, 3)], []),
        ([torch.zeros(1, 2, 3, 3)], [torch.zeros(1, 2, 4, 4)]),
    ):
        with pytest.raises(ValueError, match="expected the same maps"):
            perceptual_loss(made, real)
