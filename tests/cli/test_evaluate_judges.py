"""``speech2img evaluate`` on photographs: Inception, classifiers and encoders as judges, and what is none."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from helpers.photograph_evaluations import DIM, evaluated, metric_row, refused_line, store_features

from speech2img.cli.main import main
from speech2img.errors import CheckpointError
from speech2img.features import image_classifier, inception
from speech2img.metrics.evaluate import model_inception
from speech2img.metrics.functional import class_probe
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.storage.releases.writing import save_release


class StubInception:
    """Stands in for Inception, whose pass over a picture takes a tenth of a second."""

    name, weights_sha256, precision = "Inception-v3 (FID, TensorFlow 2015-12-05)", "ab" * 32, "float32"
    build, classifier, outputs = "fid", None, {"pool64": 64}

    def read(self, prepared: torch.Tensor, taps: tuple[str, ...]) -> dict[str, np.ndarray]:
        return {"pool64": prepared[:, ::40, ::40, 0].reshape(len(prepared), 64).numpy()}


def test_the_described_class_is_looked_for_where_classes_have_images_enough(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], loaded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inception, "load_inception", lambda *_, **__: StubInception())
    for module in (class_probe, model_inception):
        monkeypatch.setattr(module, "FEWEST_IMAGES", 2)
    store_features(corpus, tmp_path / "googlenet_bvlc.npz")
    model = make_release(tmp_path / "model")
    report = evaluated(model, corpus, "--network", "x.npz", "--inception", "net", "--allow-small")
    rows = {row["name"]: row for row in report["metrics"] if row["group"] == "unseen species, pool64"}
    found, real = rows["described_class_accuracy"], rows["described_class_real"]
    assert (found["num_samples"], real["num_samples"], found["details"]["num_classes"]) == (12, 3, 3)
    assert 0 <= found["value"] <= 1 and found["weights_sha256"] == "ab" * 32


def test_inception_adds_rows_and_changes_no_other(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], loaded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inception, "load_inception", lambda *_, **__: StubInception())
    store_features(corpus, tmp_path / "googlenet_bvlc.npz")
    model = make_release(tmp_path / "model")
    plain = evaluated(model, corpus, "--network", "x.npz")
    report = evaluated(model, corpus, "--network", "x.npz", "--inception", "net", "--allow-small")
    added = [row for row in report["metrics"] if row["group"] == "unseen species, pool64"]
    names = [row["name"] for row in added if "_of_t" not in row["name"]]
    assert names[:4] == ["frechet_distance", "kernel_distance", "precision", "recall"]
    assert {"density", "coverage", "rbf_kernel_distance", "mind"} <= {*names}
    assert added[0]["num_samples"] == 12 and added[0]["details"]["real"]["n"] == 6
    assert "image store of 128 px" in added[0]["protocol"]
    assert [row for row in report["metrics"] if row not in added] == plain["metrics"]
    assert {row["details"]["ema"] for row in report["metrics"]} == {"not told by the release"}
    assert [row["name"] for row in report["metrics"] if row["interval"] is None] == []
    ranked = evaluated(
        make_release(tmp_path / "told", trained_with={"encoder": "ab"}),
        corpus,
        "--network",
        "x.npz",
        "--inception",
        "net",
        "--protocol",
        "s2igan",
        "--retrieval",
    )
    row = next(row for row in ranked["metrics"] if row["name"] == "recall_at_1_real_to_generated")
    assert (row["num_samples"], row["details"]["gallery_size"]) == (6, 12) and "left in 0..1" in row["protocol"]
    assert "2,048 features of the torchvision Inception, this is pool64 of fid" in row["warnings"][0]
    row = next(row for row in ranked["metrics"] if row["name"] == "mean_average_precision_real_to_generated")
    assert row["group"] == "unseen species, pool64" and row["num_samples"] == 6
    assert {row["details"]["ema"] for row in ranked["metrics"]} == {"yes"}
    refused = evaluated(model, corpus, "--network", "x.npz", "--inception", "net", "--protocol", "clean")
    assert any("FID of unseen species, pool64: not measured" in note for note in refused["notes"])
    assert "Protocol clean" in refused["sections"]


def test_a_classifier_scores_generated_and_real_pictures(
    corpus: Path,
    tmp_path: Path,
    make_release: Callable[..., Path],
    loaded: list[Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stub(StubInception):
        name, build, classifier, outputs = "own classifier of 3 classes", "own", "own", {"logits": 3}
        facts, config = "trained on some", {"network_sha256": "cd" * 32}

        def read(self, prepared: torch.Tensor, taps: tuple[str, ...]) -> dict[str, np.ndarray]:
            return {"logits": prepared.mean(dim=(1, 2)).numpy()}

    monkeypatch.setattr(image_classifier, "load_image_classifier", lambda *_, **__: Stub())
    store_features(corpus, tmp_path / "googlenet_bvlc.npz")
    model = make_release(tmp_path / "model", trained_with={"feature network": "cd" * 32})
    report = evaluated(model, corpus, "--network", "x.npz", "--classifier", "run")
    assert "10 splits of 6 pictures" in " ".join(report["notes"])  # of the 6 real pictures; the 12 generated have one
    row = next(row for row in report["metrics"] if row["group"] == "unseen species, own classifier")
    assert (row["name"], row["num_samples"], row["weights_sha256"]) == ("inception_score", 12, "ab" * 32)
    assert row["details"]["classifier"] == "own" and "trained on some" in report["notes"]
    assert "was the generator's own feature network" in " ".join(row["warnings"])
    capsys.readouterr()
    argv = ["--model", str(model), "--root", str(corpus), "--network", "x.npz", "--classifier", "run", "--retrieval"]
    assert main(["evaluate", *argv]) == 2
    assert "--retrieval: no network ranks the pictures; give --inception" in capsys.readouterr().err


def test_an_encoder_judges_only_what_it_did_not_teach(
    corpus: Path,
    tmp_path: Path,
    make_release: Callable[..., Path],
    loaded: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.manual_seed(1)
    network = AttributeNetwork({"size": 2}, width=4, feature_dim=DIM)
    settings = {
        "kind": "attribute-network",
        "heads": {"size": ["small", "large"]},
        "width": 4,
        "feature_dim": DIM,
        "image_size": 64,
    }
    save_release(tmp_path / "teacher", network.state_dict(), settings, "# card")
    sha256 = release_sha256(tmp_path / "teacher")
    store_features(corpus, tmp_path / "teacher", kind="attribute-network")
    with h5py.File(corpus / "derived" / "features-googlenet.h5", "a") as file:
        file.attrs["sha256"] = sha256
    tensors, config = load_release(make_release(tmp_path / "plain", kind="speech-encoder"))
    tensors |= {"target.mean": torch.zeros(DIM), "target.std": torch.ones(DIM)}
    judge = tmp_path / "judge"
    save_release(judge, tensors, {**config, "trained_with": {"feature network": sha256}}, "# card")
    argv = ["--network", "x.npz", "--judge-encoder", str(judge)]
    model = make_release(tmp_path / "model", trained_with={"feature network": "cd" * 32})
    report = evaluated(model, corpus, *argv)
    assert metric_row(report, "recall_at_1_real_to_generated")["details"]["independent"]
    assert metric_row(report, "mean_average_precision_real_to_generated")["num_samples"] == 6
    assert any("R-precision of unseen species: not measured" in note for note in report["notes"])
    pupil = make_release(tmp_path / "pupil", trained_with={"feature network": sha256})
    own = ["evaluate", "--model", str(pupil), "--root", str(corpus), "--features", "googlenet", *argv]
    for words, more in (("the judge", own), ("did not learn", [*own[:-1], str(tmp_path / "plain")])):
        capsys.readouterr()
        assert main(more) == 1
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img:")]
        assert len(lines) == 1 and words in lines[0]
    marked = evaluated(pupil, corpus, *argv, "--allow-same-judge")
    assert "training loss" in metric_row(marked, "recall_at_1_real_to_generated")["warnings"][0]


@pytest.mark.parametrize(("kind", "what"), [("googlenet", "a 'googlenet'"), ("inception", "an 'inception'")])
def test_networks_that_tell_no_attributes_are_no_judges(
    corpus: Path,
    tmp_path: Path,
    make_release: Callable[..., Path],
    kind: str,
    what: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    network = tmp_path / "network"
    save_release(network, torch.nn.Linear(2, 2).state_dict(), {"kind": kind}, "# card")
    model = make_release(tmp_path / "model")
    line = refused_line(capsys, 1, "--model", model, "--root", corpus, "--judge", network)
    assert f"it holds {what}, not an attribute network" in line and "--network" in line


@pytest.mark.parametrize("place", ["encoder", "run"])
def test_a_release_that_is_no_inception_is_named_as_what_it_is(
    tmp_path: Path, make_release: Callable[..., Path], place: str
) -> None:
    make_release(tmp_path / "encoder", kind="speech-encoder")
    make_release(tmp_path / "run" / "export", kind="speech-encoder")
    with pytest.raises(CheckpointError, match="a release of kind 'speech-encoder', no Inception"):
        inception.load_inception(tmp_path / place)
