"""EfficientNet-Lite as an extractor: what a release gives, in which size, by which name; what is none."""

from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.base import read_images, with_maps
from speech2img.features.extractors.efficientnet import EfficientNetLiteExtractor, load_efficientnet_lite
from speech2img.features.registry import load_extractor, load_teacher
from speech2img.models.vision.efficientnet_lite import EfficientNetLite
from speech2img.storage.releases.release import release_sha256
from speech2img.storage.releases.writing import save_release

CPU = torch.device("cpu")
PICTURES = np.random.default_rng(0).integers(0, 256, (3, 90, 70, 3), dtype=np.uint8)
CONFIG = {"kind": "efficientnet-lite", "efficientnet": {"variant": "lite0"}}


@pytest.fixture(scope="module")
def network() -> EfficientNetLite:
    torch.manual_seed(0)
    return EfficientNetLite().eval()


@pytest.fixture(scope="module")
def release(network: EfficientNetLite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lite0")
    save_release(folder, network.state_dict(), {**CONFIG, "source_sha256": "ab" * 32}, "# card", half=False)
    return folder


def test_a_release_reads_pictures_of_any_size(network: EfficientNetLite, release: Path) -> None:
    extractor = load_extractor(release, option="--network")
    assert isinstance(extractor, EfficientNetLiteExtractor)
    assert (extractor.input_size, dict(extractor.outputs)) == (224, {"pooled": 1280, "logits": 1000})
    assert extractor.features_name == "EfficientNet-Lite0 (ImageNet), pooled"
    reading = read_images(extractor, PICTURES)
    assert reading.logits.shape == (3, 1000)
    # By hand: bytes of the resized picture, less 127, by 128.
    pixels = torch.from_numpy(PICTURES).permute(0, 3, 1, 2).float()
    resized = torch.nn.functional.interpolate(pixels, size=(224, 224), mode="bilinear", antialias=True).round()
    with torch.no_grad():
        expected = network.features((resized - 127) / 128)
    np.testing.assert_allclose(reading.features, expected.numpy(), atol=1e-4)


def test_one_network_has_one_hash(network: EfficientNetLite, release: Path, tmp_path: Path) -> None:
    """The published file's, however often it was imported; a release that does not tell it is known by its own."""
    extractor = load_extractor(release)
    assert extractor.sha256 == extractor.weights_sha256 == "ab" * 32
    save_release(tmp_path / "own", network.state_dict(), CONFIG, "# card", half=False)
    assert load_extractor(tmp_path / "own").sha256 == release_sha256(tmp_path / "own")


def test_a_side_of_ones_own(network: EfficientNetLite, release: Path) -> None:
    small = load_teacher(release, device=CPU, side=96)
    pictures = torch.rand(2, 3, 96, 96) * 2 - 1
    torch.testing.assert_close(small.features(pictures), network.features(((pictures + 1) * 127.5 - 127) / 128))
    with pytest.raises(ConfigError, match="64 px or more"):
        load_teacher(release, device=CPU, side=32)


def test_maps_let_a_gradient_through_and_views_are_of_the_photograph(release: Path) -> None:
    extractor = with_maps(load_teacher(release, device=CPU, side=64))
    images = torch.zeros(2, 3, 64, 64, requires_grad=True)
    maps = extractor.maps(images)
    assert [some.shape[1] for some in maps] == list(extractor.map_shapes.channels)
    assert [64 // some.shape[2] for some in maps] == list(extractor.map_shapes.strides)
    torch.stack([some.square().mean() for some in maps]).sum().backward()
    assert images.grad is not None and float(images.grad.abs().max()) > 0
    assert not any(parameter.requires_grad for parameter in extractor.network.parameters())  # type: ignore[attr-defined]
    photographs = np.random.default_rng(1).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    views = extractor.views(photographs, 2)
    assert views.shape == (1, 2, 1280) and not torch.equal(views[:, 0], views[:, 1])


@pytest.mark.parametrize(
    "change",
    [{"efficientnet": {"variant": "lite1"}}, {"efficientnet": {"variant": "b7"}}, {"efficientnet": {}, "x": 1}],
)
def test_a_release_of_other_settings_is_refused(
    network: EfficientNetLite, tmp_path: Path, change: dict[str, object]
) -> None:
    tensors = {name: value for name, value in network.state_dict().items() if "x" not in change or "head" not in name}
    save_release(tmp_path / "odd", tensors, {**CONFIG, **change}, "# card", half=False)
    with pytest.raises(CheckpointError, match="odd.*(does not fit the model|settings do not fit)"):
        load_extractor(tmp_path / "odd")


def test_another_kind_of_release_is_named(tmp_path: Path) -> None:
    save_release(tmp_path / "other", torch.nn.Linear(2, 2).state_dict(), {"kind": "inception"}, "# card")
    with pytest.raises(CheckpointError, match="other: a release of kind 'inception', no EfficientNet-Lite"):
        load_efficientnet_lite(tmp_path / "other")
    save_release(tmp_path / "empty", torch.nn.Linear(2, 2).state_dict(), {"kind": "efficientnet-lite"}, "# card")
    with pytest.raises(CheckpointError, match="empty: its config holds no settings of a network"):
        load_efficientnet_lite(tmp_path / "empty")
