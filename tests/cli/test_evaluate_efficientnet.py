"""EfficientNet-Lite in ``features`` and ``evaluate``: teacher, distances, and no judge of what was trained with it."""

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.photograph_evaluations import StubGoogLeNet, metric_row, refused_line

from speech2img.cli.evaluate_model import part_in_training
from speech2img.cli.main import main
from speech2img.features.image_features import load_features
from speech2img.models.vision.efficientnet_lite import EfficientNetLite
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release

SHA256 = "ab" * 32
ROLE = "discriminators' network"


@pytest.fixture
def lite0(tmp_path: Path) -> Path:
    """A release as ``import efficientnet-lite0`` makes it, of random weights."""
    torch.manual_seed(0)
    config = {"kind": "efficientnet-lite", "efficientnet": {"variant": "lite0"}, "source_sha256": SHA256}
    save_release(tmp_path / "lite0", EfficientNetLite().state_dict(), config, "# card", half=False)
    return tmp_path / "lite0"


def stored(root: Path, lite0: Path) -> None:
    """Features of the six photographs, by the command."""
    argv = ["features", "--root", str(root), "--teacher", str(lite0), "--views", "1", "--side", "64"]
    assert main([*argv, "--device", "cpu", "--workers", "1"]) == 0


def test_a_teacher_and_the_network_of_distances_that_are_marked(
    corpus: Path, lite0: Path, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    stored(corpus, lite0)
    features = load_features(corpus, "lite0")
    assert features.features.shape == (6, 1, 1280) and features.side == 64
    assert (features.kind, features.sha256) == ("efficientnet-lite", SHA256)

    # The network behind the features measures distances where no other is named.
    model, out = make_release(tmp_path / "model", trained_with={ROLE: SHA256}), tmp_path / "report"
    argv = ["evaluate", "--model", str(model), "--root", str(corpus), "--features", "lite0", "--out", str(out)]
    assert main([*argv, "--limit", "2", "--device", "cpu"]) == 0
    report = json.loads((out / "report.json").read_text())
    row = metric_row(report, "frechet_distance")
    assert row["weights_sha256"] == SHA256 and "EfficientNet-Lite0 (ImageNet), pooled" in str(row)
    (note,) = [note for note in report["notes"] if "training loss" in note]
    assert note.startswith("Distances and diversity by EfficientNet-Lite0 (ImageNet), pooled: the judge (abababababab)")
    assert f"was the generator's own {ROLE} in training" in note


def test_only_networks_of_the_training_are_marked(tmp_path: Path, make_release: Callable[..., Path]) -> None:
    """By the hash of either their release or their published file, and in either part of the model."""
    apart = make_release(tmp_path / "apart", trained_with={"speech encoder": "11" * 32})
    trained = make_release(tmp_path / "trained", trained_with={ROLE: StubGoogLeNet.weights_sha256})
    network = StubGoogLeNet()
    for model, generator, marks in ((apart, None, 0), (trained, None, 1), (apart, trained, 1), (trained, trained, 1)):
        assert len(part_in_training(Namespace(model=model, generator=generator), network)) == marks
    assert part_in_training(Namespace(model=trained, generator=None), None) == []


def test_an_encoder_that_it_taught_judges_no_generator_whose_discriminators_looked_through_it(
    corpus: Path, lite0: Path, tmp_path: Path, make_release: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    stored(corpus, lite0)
    tensors, config = load_release(make_release(tmp_path / "plain", kind="speech-encoder"))
    tensors |= {"target.mean": torch.zeros(1280), "target.std": torch.ones(1280)}
    judge = tmp_path / "judge"
    save_release(judge, tensors, {**config, "trained_with": {"feature network": SHA256}}, "# card")
    model = make_release(tmp_path / "model", trained_with={ROLE: SHA256})
    argv = ["--root", corpus, "--judge-encoder", judge, "--judge-features", "lite0", "--network", lite0]
    line = refused_line(capsys, 1, "--model", model, *argv)
    assert f"feature network of the judge: the judge (abababababab) was the generator's own {ROLE}" in line
