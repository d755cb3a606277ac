"""Batches of a codec: parts of training images, mirrored as asked, in an order that resumes; which network looks."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.features.image_features import load_features
from speech2img.training.codec.data import CodecBatches, CodecInputs, open_perceptual, spread_rows
from speech2img.training.codec.settings import CodecSettings

CPU = torch.device("cpu")


def batches(*, crop: int = 4, mirrored: bool = False) -> CodecBatches:
    """Ten images of 8 px, each pixel of which says image, row and column; rows 2 to 8 are for training."""
    images = np.zeros((10, 8, 8, 3), np.uint8)
    images[..., 0] = np.arange(10)[:, None, None]
    images[..., 1], images[..., 2] = np.arange(8)[None, :, None], np.arange(8)[None, None, :]
    return CodecBatches(images, np.arange(2, 9), batch_size=4, seed=1, crop=crop, mirrored=mirrored)


def test_parts_are_squares_of_training_images() -> None:
    source, corners = batches(), set()
    for _ in range(30):
        parts, rows = source.next()
        assert parts.shape == (4, 3, 4, 4) and parts.dtype == torch.uint8
        for part, row in zip(parts.numpy(), rows, strict=True):
            assert (part[0] == row).all() and 2 <= row <= 8
            assert (part[1] - part[1, 0, 0] == np.arange(4)[:, None]).all()
            assert (part[2] - part[2, 0, 0] == np.arange(4)).all()
            corners.add((int(part[1, 0, 0]), int(part[2, 0, 0])))
    assert len(corners) > 15  # of 25
    assert batches(crop=8).next().images_B3SS.shape == (4, 3, 8, 8)


def test_half_are_mirrored_where_asked() -> None:
    source = batches(mirrored=True)
    falling = [bool(part[2, 0, 0] > part[2, 0, 1]) for _ in range(40) for part in source.next().images_B3SS]
    assert 0.35 < np.mean(falling) < 0.65


def test_the_order_resumes() -> None:
    whole, resumed = batches(mirrored=True), batches(mirrored=True)
    for _ in range(3):
        whole.next()
    resumed.sampler.load_state_dict(whole.sampler.state_dict())
    for _ in range(3):
        expected, found = whole.next(), resumed.next()
        assert torch.equal(expected.images_B3SS, found.images_B3SS)
        assert np.array_equal(expected.indices_B, found.indices_B)


def test_rows_are_spread_evenly() -> None:
    assert spread_rows(np.arange(10), 4).tolist() == [0, 3, 6, 9]
    assert spread_rows(np.arange(3), 9).tolist() == [0, 1, 2]


def test_training_and_validation_are_apart(root: Path, settings: CodecSettings) -> None:
    inputs = CodecInputs.load(root, replace(settings, evaluation_images=1), device=CPU)
    items = inputs.manifest.items
    assert {items[row].split for row in inputs.training} == {"train"} and len(inputs.training) == 12
    assert [items[row].split for row in inputs.validation] == ["val"]
    assert inputs.trained_with == {"perceptual network": load_features(root, "teacher").sha256}
    assert CodecInputs.load(root, replace(settings, perceptual=None), device=CPU).trained_with == {}


def test_a_split_without_images_is_named(root: Path, settings: CodecSettings, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "corpus")
    manifest = Manifest.load(root)
    for lost in ("train", "val"):
        items = [item for item in manifest.items if item.split != lost]
        Manifest(tmp_path / "corpus", manifest.corpus, items, meta=manifest.meta).save()
        with pytest.raises(DataError, match=f"split {lost}: .* has no image in it"):
            CodecInputs.load(tmp_path / "corpus", settings, device=CPU)


def test_the_network_that_looks_is_found_by_name_or_place(root: Path) -> None:
    by_name = open_perceptual(root, "teacher", device=CPU)
    by_place = open_perceptual(root, str(root / "teacher"), device=CPU)
    assert by_name.sha256 == by_place.sha256 and by_name.map_shapes.channels
    assert open_perceptual(root, "songbirds", device=CPU).map_shapes.channels  # inside the shipped weights
    with pytest.raises(
        ConfigError, match=r"perceptual vgg16: no network, and .* \(there are: teacher\); give"
    ) as caught:
        open_perceptual(root, "vgg16", device=CPU)
    assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="a release of kind 'speech-encoder' reads no pictures"):
        open_perceptual(root, str(root / "speech"), device=CPU)


def test_a_network_without_maps_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from speech2img.features.attributes import AttributeClassifier
    from speech2img.features.base import FeatureMapShapes

    load = AttributeClassifier.load

    def without_maps(*args: object, **options: object) -> AttributeClassifier:
        network = load(*args, **options)  # type: ignore[arg-type]
        network.map_shapes = FeatureMapShapes((), ())
        return network

    monkeypatch.setattr(AttributeClassifier, "load", without_maps)
    with pytest.raises(ConfigError, match="perceptual teacher: attribute .* gives no maps to look at"):
        open_perceptual(root, "teacher", device=CPU)
