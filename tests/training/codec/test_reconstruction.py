"""Images through a codec and back, and the scale of its latents, against a codec whose numbers are known."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from speech2img.models.codecs.base import ImageCodec
from speech2img.training.codec import reconstruction
from speech2img.training.codec.reconstruction import latent_scale, reconstruct


class Halves(ImageCodec):
    """Pixels of 2 x 2 as channels, halved and moved: nothing is lost."""

    def __init__(self) -> None:
        super().__init__(channels=12, stride=2)

    def encode_raw(self, images_B3HW: Tensor) -> Tensor:
        return nn.functional.pixel_unshuffle(images_B3HW, 2) / 2 + 3

    def decode_raw(self, latents_BChw: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(2 * (latents_BChw - 3), 2)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize("at_once", [1, 64, 128, 1 << 18])
def test_nothing_is_lost_whatever_fits_at_once(
    images: np.ndarray, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconstruction, "_PIXELS_AT_ONCE", at_once)
    assert np.array_equal(reconstruct(Halves(), images), images)
    assert reconstruct(Halves(), images[:0]).shape == (0, 8, 8, 3)


def test_the_scale_makes_latents_of_mean_0_and_deviation_1(images: np.ndarray) -> None:
    codec = Halves()
    scale = latent_scale(codec, images)
    red = (images[:, ::2, ::2, 0] / 127.5 - 1) / 2 + 3
    assert scale["latent_mean"][0] == pytest.approx(red.mean(), rel=1e-5)
    assert scale["latent_deviation"][0] == pytest.approx(red.std(), rel=1e-4)
    codec.load_state_dict(scale)
    latents = codec.encode(torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1)
    torch.testing.assert_close(latents.mean(dim=(0, 2, 3)), torch.zeros(12), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std(dim=(0, 2, 3), correction=0), torch.ones(12), atol=1e-4, rtol=0)
    assert np.array_equal(reconstruct(codec, images), images)


def test_a_channel_that_never_varies_keeps_a_deviation_above_0() -> None:
    scale = latent_scale(Halves(), np.full((2, 4, 4, 3), 9, np.uint8))
    torch.testing.assert_close(scale["latent_deviation"], torch.full((12,), 1e-3))
