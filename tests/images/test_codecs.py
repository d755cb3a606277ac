"""Image codecs from their releases, and how well the published one keeps drawn birds."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.taef2_files import POOL, WIDTH, taef2_files

from speech2img.cli.import_weights import import_published
from speech2img.corpora.songbirds.rendering.render import random_attributes, render_bird
from speech2img.errors import CheckpointError, ConfigError
from speech2img.images.codecs import load_codec
from speech2img.models.codecs.taef2 import TAEF2
from speech2img.storage.releases.release import release_sha256
from speech2img.storage.releases.writing import save_release

CONFIG = {"kind": "image-codec", "codec": {"network": "taef2", "width": WIDTH, "pool_width": POOL}}


def save_codec(folder: Path, *, deviation: float = 1.0, **config: object) -> Path:
    network = TAEF2(width=WIDTH, pool_width=POOL)
    network.latent_deviation.fill_(deviation)
    save_release(folder, network.state_dict(), {**CONFIG, **config}, "# Codec\n")
    return folder


def test_a_codec_is_loaded_for_use_and_named_after_its_folder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    codec = load_codec(save_codec(tmp_path / "small"))
    assert codec.name == "small" and codec.sha256 == release_sha256(tmp_path / "small")
    assert not codec.network.training and not any(value.requires_grad for value in codec.network.parameters())
    assert codec.latent_side(64) == 8
    save_codec(tmp_path / "run" / "export")
    assert load_codec(tmp_path / "run").name == "run"
    assert codec.shared("codec.") == {"codec.": {"sha256": codec.sha256, "name": "small"}}


def test_another_scale_is_another_codec(tmp_path: Path) -> None:
    hashes = set()
    for deviation in (1.0, 0.875):
        torch.manual_seed(0)
        hashes.add(load_codec(save_codec(tmp_path / f"{deviation}", deviation=deviation)).sha256)
    assert len(hashes) == 2


def test_what_is_no_codec_is_refused(tmp_path: Path) -> None:
    for config, message in (
        ({"kind": "googlenet"}, "holds a 'googlenet', and no image codec"),
        ({"codec": {"network": "vq"}}, "network must be one of taef2"),
        ({"codec": {"network": "taef2", "width": 7, "pool_width": POOL}}, "does not fit"),
        ({"codec": {"network": "taef2", "size": 7}}, "settings do not fit"),
        ({"codec": {}}, "settings do not fit"),
        ({"codec": "taef2"}, "codec = 'taef2'"),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_codec(save_codec(tmp_path / "r", **config))
    with pytest.raises(CheckpointError, match="deviation of its latents is not above 0"):
        load_codec(save_codec(tmp_path / "r", deviation=0.0))
    with pytest.raises(CheckpointError, match="no folder and no shipped weights"):
        load_codec(tmp_path / "gone")


@pytest.mark.parametrize("size", [0, 4, 60, -8])
def test_sizes_without_latents_are_refused(size: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no multiple of 8"):
        load_codec(save_codec(tmp_path / "small")).latent_side(size)


@pytest.mark.parametrize(("size", "decibels"), [(64, 22.0), (128, 27.0), (256, 30.0)])
def test_the_published_codec_keeps_drawn_birds(realdata: Path, tmp_path: Path, size: int, decibels: float) -> None:
    weights = realdata / "weights"
    import_published("taef2", weights / "taef2_encoder.pth", tmp_path / "taef2", decoder=weights / "taef2_decoder.pth")
    network = load_codec(tmp_path / "taef2").network
    rng = np.random.default_rng(0)
    birds = np.stack([render_bird(random_attributes(rng), seed=seed, size=size) for seed in range(4)])
    images = torch.from_numpy(birds).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        latents = network.encode(images)
        errors = (network.decode(latents).clamp(-1, 1) - images).div(2).square().mean(dim=(1, 2, 3))
    assert float(-10 * errors.log10().mean()) > decibels
    assert 0.7 < float(latents.std()) < 1.5


def test_a_damaged_release_is_refused(tmp_path: Path) -> None:
    encoder, decoder = taef2_files(tmp_path)
    import_published("taef2", encoder, tmp_path / "taef2", decoder=decoder)
    weights = tmp_path / "taef2" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
        load_codec(tmp_path / "taef2")
