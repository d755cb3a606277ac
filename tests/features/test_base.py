"""Whichever known network a path holds is opened and read; everything else is one error that says what to give."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.base import read_images
from speech2img.features.googlenet import GoogLeNetExtractor
from speech2img.features.inception import InceptionExtractor
from speech2img.features.registry import load_extractor
from speech2img.images.input_filters import input_filter
from speech2img.metrics.evaluate.model_rows import add_distribution_metrics
from speech2img.metrics.report.report import MetricReport
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.models.vision.googlenet import BVLCGoogLeNet, TorchvisionGoogLeNet
from speech2img.models.vision.inception import OUTPUTS
from speech2img.storage.releases.writing import save_release

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 20, 20, 3), dtype=np.uint8)


def release(folder: Path, network: torch.nn.Module, **config: Any) -> Path:
    save_release(folder, network.state_dict(), config, "# card", half=False)
    return folder


@pytest.mark.parametrize(("variant", "network"), [("bvlc", BVLCGoogLeNet), ("torchvision", TorchvisionGoogLeNet)])
def test_googlenet_as_import_makes_it(variant: str, network: type[torch.nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = network()
    folder = release(tmp_path / "net", made, kind="googlenet", variant=variant, source_sha256="ab" * 32)
    reader = load_extractor(folder)
    assert isinstance(reader, GoogLeNetExtractor) and reader.weights_sha256 == "ab" * 32
    assert variant in reader.name.lower() and "1,000 ImageNet classes" in reader.classes
    reading = read_images(reader, PICTURES)
    assert reading.features.shape == (3, 1024) and reading.logits.shape == (3, 1000)
    direct = read_images(GoogLeNetExtractor(made, weights_sha256="x"), PICTURES)
    np.testing.assert_array_equal(reading.features, direct.features)


def test_an_attribute_network(tmp_path: Path) -> None:
    network = AttributeNetwork({"size": 2}, width=4, feature_dim=16)
    heads = {"size": ["small", "large"]}
    kind = {"kind": "attribute-network", "heads": heads, "width": 4, "feature_dim": 16, "image_size": 64}
    found = load_extractor(release(tmp_path / "judge", network, **kind))
    assert isinstance(found, AttributeClassifier) and read_images(found, PICTURES).features.shape == (3, 16)


class StubInception(InceptionExtractor):
    """Stands in for Inception, whose weights are a hundred megabytes: means of the pixels."""

    def __init__(self, classifier: int | None) -> None:
        network = SimpleNamespace(build="fid", modules=list, outputs=OUTPUTS[:3], classifier=None)
        if classifier is not None:
            network.outputs, network.classifier = OUTPUTS, SimpleNamespace(out_features=classifier)
        network.eval = network.requires_grad_ = network.to = lambda *_: network
        super().__init__(network, name="Inception-v3 (stub)", weights_sha256="ab" * 32)  # type: ignore[arg-type]
        self.asked: list[str] = []

    def read(self, images_BHWC: torch.Tensor, outputs: Sequence[str]) -> dict[str, np.ndarray]:
        self.asked = list(outputs)
        means = images_BHWC.mean(dim=(1, 2)).numpy()
        return {output: means for output in outputs}


def test_inception_gives_its_deepest_features_and_its_classes_where_it_has_them() -> None:
    for classifier, logits in ((1008, "logits_unbiased"), (1000, "logits")):
        stub = StubInception(classifier)
        reading = read_images(stub, PICTURES, batch_size=2)
        assert stub.asked == ["pool2048", logits] and reading.logits.shape == (3, 3)
    network = StubInception(None)
    reading = read_images(network, PICTURES, batch_size=2)
    from PIL import Image

    expected = [input_filter("clean").apply(Image.fromarray(picture)).mean(axis=(0, 1)) for picture in PICTURES]
    np.testing.assert_allclose(reading.features, expected, atol=1e-6)
    assert reading.logits.shape == (3, 0) and network.features_name == "Inception-v3 (stub), pool768"
    report = MetricReport("t", {}, {}, {})
    add_distribution_metrics(report, "all", reading, reading, None, network=network, real_protocol="as said", seed=0)
    names = ["frechet_distance", "kernel_distance", "rbf_kernel_distance", "mind"]
    assert [row.name for row in report.rows] == names
    assert any("has no classifier, so no Inception Score" in note for note in report.notes)


def test_what_reads_no_pictures_is_named(tmp_path: Path) -> None:
    other = release(tmp_path / "other", torch.nn.Linear(2, 2), kind="speech-encoder")
    with pytest.raises(ConfigError, match=r"--network .*other: a release of kind 'speech-encoder' reads no pictures"):
        load_extractor(other, option="--network")
    wrong = release(tmp_path / "wrong", torch.nn.Linear(2, 2), kind="googlenet", variant="bvlc")
    with pytest.raises(CheckpointError, match="wrong"):
        load_extractor(wrong)
    unknown = release(tmp_path / "unknown", torch.nn.Linear(2, 2), kind="googlenet", variant="v7")
    with pytest.raises(CheckpointError, match="unknown"):
        load_extractor(unknown)
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    (tmp_path / "text.pth").write_text("words")
    (tmp_path / "net.caffemodel").write_bytes(b"\xff" * 100)
    for name in ("arrays.npz", "text.pth", "net.caffemodel"):
        with pytest.raises(CheckpointError, match=rf"{name}: neither GoogLeNet's weights .* nor Inception's"):
            load_extractor(tmp_path / name)
    for name in ("gone.npz", "gone"):
        with pytest.raises(CheckpointError, match=name):
            load_extractor(tmp_path / name)


def test_the_teacher_in_a_whole_model_reads_as_the_teacher_itself(tmp_path: Path) -> None:
    network = AttributeNetwork({"size": 2}, width=4, feature_dim=16)
    kind = {"heads": {"size": ["small", "large"]}, "width": 4, "feature_dim": 16, "image_size": 64}
    own = load_extractor(release(tmp_path / "own", network, kind="attribute-network", **kind))
    reranker = {**kind, "heads": {"size": 2}}
    for name in ("reader", "reranker"):  # the old name, and today's
        inside = {f"{name}.network.{key}": value for key, value in network.state_dict().items()}
        save_release(tmp_path / name, inside, {"kind": "speech-to-image", name: reranker}, "# card", half=False)
        whole = load_extractor(tmp_path / name)
        np.testing.assert_array_equal(read_images(whole, PICTURES).features, read_images(own, PICTURES).features)
    for lie in (
        {},
        [],
        {**reranker, "heads": {"size": -1}},
        {**reranker, "heads": {"size": 10**30}},
        {**reranker, "width": "x"},
    ):
        save_release(tmp_path / "lie", inside, {"kind": "speech-to-image", "reranker": lie}, "# card", half=False)
        with pytest.raises(CheckpointError, match="lie"):
            load_extractor(tmp_path / "lie")
