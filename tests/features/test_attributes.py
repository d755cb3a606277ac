"""The judge: any picture size, any batch, its own accuracy; GoogLeNet beside it equals the golden pool5."""

from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.errors import CheckpointError, MetricError
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.base import read_images
from speech2img.features.googlenet import load_googlenet
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.storage.releases.writing import save_release

HEADS = {"body_color": ["red", "blue", "green"], "light": ["day", "night"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = AttributeNetwork({name: len(values) for name, values in HEADS.items()}, width=8, feature_dim=32)
    path = tmp_path_factory.mktemp("judge") / "release"
    config = {
        "kind": "attribute-network",
        "role": "judge",
        "heads": HEADS,
        "width": 8,
        "feature_dim": 32,
        "image_size": 64,
        "accuracy": {"body_color": 0.99, "light": 0.98},
    }
    save_release(path, network.state_dict(), config, "# a judge\n", half=False)
    return path


def pictures(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_reads_a_release(folder: Path) -> None:
    judge = AttributeClassifier.load(folder)
    assert judge.accuracy == {"body_color": 0.99, "light": 0.98}
    assert judge.weights_sha256 == release_sha256(folder)
    assert judge.image_size == 64 and judge.classes == "3 values of body_color"
    images = pictures(5, 64)
    reading = read_images(judge, images)
    assert reading.features.shape == (5, 32) and reading.logits.shape == (5, 3)
    assert set(reading.values) == set(HEADS) and all(len(values) == 5 for values in reading.values.values())
    assert judge.predict(images) == reading.values
    assert judge.outputs == {"pooled": 32, "body_color": 3, "light": 2} and judge.input_size == 64
    best = [HEADS["body_color"][index] for index in reading.logits.argmax(axis=1)]
    assert reading.values["body_color"] == best


def test_the_answer_does_not_depend_on_the_batch(folder: Path) -> None:
    judge, images = AttributeClassifier.load(folder), pictures(7, 64)
    np.testing.assert_allclose(
        read_images(judge, images, batch_size=2).features, read_images(judge, images).features, atol=1e-5
    )


def test_reads_what_the_network_says_of_plain_pixels(folder: Path) -> None:
    judge, images = AttributeClassifier.load(folder), pictures(3, 64)
    network = AttributeNetwork({name: len(values) for name, values in HEADS.items()}, width=8, feature_dim=32).eval()
    network.load_state_dict(load_release(folder)[0])
    with torch.inference_mode():
        plain = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
        expected = network.features(plain).numpy()
    np.testing.assert_allclose(read_images(judge, images).features, expected, atol=1e-4)


@pytest.mark.parametrize("size", [32, 64, 100, 256])
def test_any_picture_size(folder: Path, size: int) -> None:
    assert read_images(AttributeClassifier.load(folder), pictures(2, size)).features.shape == (2, 32)


@pytest.mark.parametrize(
    "bad", [np.zeros((0, 8, 8, 3), np.uint8), np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8, 3), np.float32), [[1]]]
)
def test_bad_pictures(folder: Path, bad: object) -> None:
    with pytest.raises(MetricError, match="uint8 array"):
        AttributeClassifier.load(folder).predict(bad)


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        AttributeClassifier.load(tmp_path)
    save_release(tmp_path / "other", {"w": torch.zeros(2)}, {"kind": "speech-encoder"}, "card")
    with pytest.raises(CheckpointError, match="not an attribute network"):
        AttributeClassifier.load(tmp_path / "other")
    save_release(tmp_path / "bare", {"w": torch.zeros(2)}, {"kind": "attribute-network"}, "card")
    with pytest.raises(CheckpointError, match="no heads or no image size"):
        AttributeClassifier.load(tmp_path / "bare")
    save_release(
        tmp_path / "short",
        {"w": torch.zeros(2)},
        {"kind": "attribute-network", "heads": HEADS, "image_size": 64},
        "card",
    )
    with pytest.raises(CheckpointError):
        AttributeClassifier.load(tmp_path / "short")


def test_googlenet_reads_photographs(realdata: Path) -> None:
    reader = load_googlenet(realdata / "weights" / "googlenet_bvlc.npz")
    with np.load(realdata / "weights" / "googlenet_bvlc_golden.npz") as golden:
        images = golden["rgb224"][:2]
        images = images if images.shape[-1] == 3 else images.transpose(0, 2, 3, 1)
        reading = read_images(reader, np.ascontiguousarray(images))
        np.testing.assert_allclose(reading.features, golden["pool5"][:2].reshape(2, -1), atol=1e-3)
        np.testing.assert_allclose(reading.logits, golden["logits"][:2].reshape(2, -1), atol=1e-2)
    assert len(reader.weights_sha256) == 64


def test_googlenet_refuses_other_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(CheckpointError, match="googlenet_bvlc.npz"):
        load_googlenet(tmp_path / "other.npz")
    with pytest.raises(CheckpointError, match="googlenet_bvlc.npz"):
        load_googlenet(tmp_path / "absent.npz")
