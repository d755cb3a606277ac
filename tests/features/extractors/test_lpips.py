"""LPIPS as an extractor: the weights of its channels make the loss of a codec's training, and it says what it is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.vqgan_losses import lpips_state

from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.base import read_images
from speech2img.features.extractors.lpips import LPIPSExtractor, load_lpips
from speech2img.features.registry import load_extractor, load_teacher
from speech2img.models.published.vqgan_losses import convert_lpips, lpips_settings
from speech2img.models.vision.lpips import LPIPS
from speech2img.storage.releases.writing import save_release

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = convert_lpips(lpips_state())
    folder = tmp_path_factory.mktemp("lpips")
    config = {"kind": "lpips", "lpips": lpips_settings(state), "source_sha256": "ab" * 32}
    save_release(folder, state, config, "# card", half=False)
    return folder


def test_a_release_gives_maps_with_their_weights(release: Path) -> None:
    extractor = load_teacher(release, device=CPU, side=32)
    assert isinstance(extractor, LPIPSExtractor) and extractor.sha256 == "ab" * 32
    images = torch.zeros(2, 3, 32, 32, requires_grad=True)
    maps = extractor.maps(images)
    assert [some.shape[1] for some in maps] == list(extractor.map_shapes.channels) == [4, 6, 6, 8, 8]
    assert [32 // some.shape[2] for some in maps] == list(extractor.map_shapes.strides) == [1, 2, 4, 8, 16]
    assert [len(weight) for weight in extractor.channel_weights] == [4, 6, 6, 8, 8]
    maps[-1].sum().backward()
    assert images.grad is not None and images.grad.any()
    assert not any(parameter.requires_grad for parameter in extractor.network.parameters())


def test_its_last_map_stands_for_an_image(release: Path) -> None:
    extractor = load_extractor(release, option="--network")
    photographs = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    features = read_images(extractor, photographs).features
    pixels = torch.from_numpy(photographs).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        np.testing.assert_allclose(features, extractor.features(pixels).numpy(), atol=1e-5)
    assert features.shape == (2, 8) and dict(extractor.outputs) == {"pooled": 8}


def test_other_releases_and_small_sides_are_refused(release: Path, tmp_path: Path) -> None:
    save_release(tmp_path / "other", LPIPS().state_dict(), {"kind": "googlenet"}, "# card")
    with pytest.raises(CheckpointError, match="kind 'googlenet', no LPIPS"):
        load_lpips(tmp_path / "other")
    with pytest.raises(ConfigError, match="16 px or more"):
        load_teacher(release, device=CPU, side=8)
