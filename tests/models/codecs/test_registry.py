"""A toy codec of eight lines, added from outside: one entry in a table, and everything else can use it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from speech2img.errors import CheckpointError
from speech2img.images.codecs import load_codec
from speech2img.models.codecs.base import ImageCodec
from speech2img.models.codecs.registry import CODECS
from speech2img.storage.releases.writing import save_release


class Patches(ImageCodec):
    """Every patch of 4 pixels becomes a place with all its values as channels."""

    def __init__(self, *, stride: int = 4) -> None:
        super().__init__(channels=3 * stride**2, stride=stride)

    def encode_raw(self, images_B3HW: Tensor) -> Tensor:
        return nn.functional.pixel_unshuffle(images_B3HW, self.stride)

    def decode_raw(self, latents_BChw: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(latents_BChw, self.stride)


def test_a_codec_is_added_by_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Patches()
    network.latent_mean.fill_(0.5)
    network.latent_deviation.fill_(2.0)
    config = {"kind": "image-codec", "codec": {"network": "patches", "stride": 4}}
    save_release(tmp_path / "patches", network.state_dict(), config, "# Patches\n")
    with pytest.raises(
        CheckpointError, match="network must be one of taef2, conv-autoencoder, vqgan, gumbel-vq, ema-vq, got 'patches'"
    ):
        load_codec(tmp_path / "patches")

    monkeypatch.setitem(CODECS, "patches", lambda: Patches)  # type: ignore[attr-defined]
    codec = load_codec(tmp_path / "patches")
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    latents = codec.encode_views(images, 2)
    assert latents.shape == (2, 2, 48, 2, 2) and codec.latent_side(8) == 2
    scaled = torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1
    torch.testing.assert_close(codec.network.decode(torch.from_numpy(latents[:, 0])), scaled)
    torch.testing.assert_close(codec.network.decode(torch.from_numpy(latents[:, 1])), scaled.flip(-1))
    assert latents.min() == pytest.approx((float(scaled.min()) - 0.5) / 2)
