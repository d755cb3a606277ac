"""``speech2img evaluate`` on photographs: which network reads them, and in which space speech is compared."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from speech2img.audio.io import write_wav
from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.errors import CheckpointError
from speech2img.features import googlenet, image_classifier, inception
from speech2img.features.base import FeatureExtractor
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.storage.releases.release import load_release, release_sha256, save_release

DIM = 16
MEAN, STD = 3.0, 0.5


class StubGoogLeNet(FeatureExtractor):
    """Stands in for GoogLeNet, whose pass over the pictures of a report takes ten seconds."""

    kind, name, classes, weights_sha256 = "stub", "stub network", "3 colours", "ef" * 32
    outputs, pooled, logits = {"means": 3, "scores": 3}, "means", "scores"

    def prepare(self, images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(images)

    def read(self, images: torch.Tensor, outputs: Sequence[str]) -> dict[str, np.ndarray]:
        means = images.numpy().reshape(len(images), -1, 3).mean(axis=1).astype(np.float32)
        return {"means": means, "scores": means / 64}


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Paths that GoogLeNet was loaded from."""
    paths: list[Path] = []

    def load(path: Path, *, device: Any = "cpu", side: int | None = None) -> StubGoogLeNet:
        paths.append(Path(path))
        return StubGoogLeNet()

    monkeypatch.setattr(googlenet, "load_googlenet", load)
    return paths


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Six photographs of three species that were not seen, two spoken captions each; no attributes."""
    root, rng = tmp_path / "cub100", np.random.default_rng(0)
    items = []
    for row in range(6):
        name = f"{row % 3:03d}.Bird/Bird_{row}"
        image = f"images/{row}.png"
        (root / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(root / image)
        captions = []
        for index in range(2):
            audio = f"audio/{row}_{index}.wav"
            wave = 0.3 * np.sin(np.arange(8000) * (0.05 + 0.03 * row + 0.01 * index)).astype(np.float32)
            write_wav(root / audio, wave, sample_rate=16_000)
            captions.append(
                Caption(
                    index=index,
                    text="a bird",
                    voice="en-us",
                    audio=audio,
                    rate=175,
                    pitch=50,
                    pitch_range=50,
                    mentions={},
                    manner=None,
                    held_out_voice=bool(index),
                )
            )
        items.append(
            Item(
                id=name,
                image=image,
                class_id=row % 3,
                class_name=name.split("/")[0],
                split="test",
                box=None,
                attributes=None,
                captions=tuple(captions),
            )
        )
    Manifest(root, "cub100", tuple(items), meta={}).save()
    return root


def _features(root: Path, source: Path, *, kind: str = "caffe-googlenet") -> np.ndarray:
    features = MEAN + STD * np.random.default_rng(1).normal(size=(6, 1, DIM)).astype(np.float32)
    (root / "derived").mkdir(exist_ok=True)
    with h5py.File(root / "derived" / "features-googlenet.h5", "w") as file:
        file["features"] = features
        file["ids"] = [item.id for item in Manifest.load(root).items]
        file.attrs.update(kind=kind, source=str(source), sha256="0" * 64, views=1)
    return features[:, 0]


def _evaluate(model: Path, root: Path, *more: str) -> dict[str, Any]:
    out = root / "report"
    argv = ["evaluate", "--model", str(model), "--root", str(root), "--features", "googlenet", "--out", str(out)]
    assert main([*argv, "--device", "cpu", *more]) == 0
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def _row(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in report["metrics"] if row["name"] == name)


def test_photographs_are_read_by_the_googlenet_that_taught(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], loaded: list[Path]
) -> None:
    taught, given = tmp_path / "googlenet_bvlc.npz", tmp_path / "other.npz"
    taught.touch()
    _features(corpus, taught)
    report = _evaluate(make_release(tmp_path / "model"), corpus)
    assert loaded == [taught]
    assert _row(report, "frechet_distance")["network"] == "stub network"
    assert _row(report, "speech_centroid_accuracy")["num_samples"] == 12
    assert not any("attribute" in row["name"] for row in report["metrics"])
    _evaluate(tmp_path / "model", corpus, "--network", str(given))
    assert loaded == [taught, given]


@pytest.mark.parametrize("kind", ["caffe-googlenet", "attribute-network"])
def test_without_a_network_one_line_says_what_to_give(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _features(corpus, tmp_path / "gone.npz", kind=kind)
    model = make_release(tmp_path / "model")
    assert main(["evaluate", "--model", str(model), "--root", str(corpus), "--features", "googlenet"]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img:")]
    assert len(lines) == 1 and "--network googlenet_bvlc.npz" in lines[0]


def test_speech_is_compared_in_the_space_it_was_trained_for(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], loaded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech2img.metrics.evaluate import model as evaluation

    taught = tmp_path / "googlenet_bvlc.npz"
    taught.touch()
    stored = _features(corpus, taught)
    seen: list[np.ndarray] = []
    monkeypatch.setattr(
        evaluation.measures, "add_cross_retrieval", lambda report, group, arrays, *_, **__: seen.append(arrays)
    )
    model = make_release(tmp_path / "plain")
    _evaluate(model, corpus)
    np.testing.assert_array_equal(seen[0].image_features, stored)
    tensors, config = load_release(model)
    tensors |= {"target.mean": torch.full((DIM,), MEAN), "target.std": torch.full((DIM,), STD)}
    save_release(tmp_path / "standardised", tensors, config, "# card")
    _evaluate(tmp_path / "standardised", corpus)
    np.testing.assert_allclose(seen[1].image_features, (stored - MEAN) / STD, rtol=1e-5)
    assert seen[1].teacher == "caffe-googlenet, features standardised as in training"


class StubInception:
    """Stands in for Inception, whose pass over a picture takes a tenth of a second."""

    name, weights_sha256, precision = "Inception-v3 (FID, TensorFlow 2015-12-05)", "ab" * 32, "float32"
    build, classifier, outputs = "fid", None, {"pool64": 64}

    def read(self, prepared: torch.Tensor, taps: tuple[str, ...]) -> dict[str, np.ndarray]:
        return {"pool64": prepared[:, ::40, ::40, 0].reshape(len(prepared), 64).numpy()}


def test_inception_adds_rows_and_changes_no_other(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], loaded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inception, "load_inception", lambda *_, **__: StubInception())
    _features(corpus, tmp_path / "googlenet_bvlc.npz")
    model = make_release(tmp_path / "model")
    plain = _evaluate(model, corpus, "--network", "x.npz")
    report = _evaluate(model, corpus, "--network", "x.npz", "--inception", "net", "--allow-small")
    added = [row for row in report["metrics"] if row["group"] == "unseen species, pool64"]
    assert [row["name"] for row in added] == ["frechet_distance", "kernel_distance", "precision", "recall"]
    assert added[0]["num_samples"] == 12 and added[0]["details"]["real"]["n"] == 6
    assert "image store of 128 px" in added[0]["protocol"]
    assert [row for row in report["metrics"] if row not in added] == plain["metrics"]
    assert {row["details"]["ema"] for row in report["metrics"]} == {"not told by the release"}
    assert [row["name"] for row in report["metrics"] if row["interval"] is None] == []
    ranked = _evaluate(
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
    refused = _evaluate(model, corpus, "--network", "x.npz", "--inception", "net", "--protocol", "clean")
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
    _features(corpus, tmp_path / "googlenet_bvlc.npz")
    model = make_release(tmp_path / "model", trained_with={"feature network": "cd" * 32})
    report = _evaluate(model, corpus, "--network", "x.npz", "--classifier", "run")
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
    _features(corpus, tmp_path / "teacher", kind="attribute-network")
    with h5py.File(corpus / "derived" / "features-googlenet.h5", "a") as file:
        file.attrs["sha256"] = sha256
    tensors, config = load_release(make_release(tmp_path / "plain", kind="speech-encoder"))
    tensors |= {"target.mean": torch.zeros(DIM), "target.std": torch.ones(DIM)}
    judge = tmp_path / "judge"
    save_release(judge, tensors, {**config, "trained_with": {"feature network": sha256}}, "# card")
    argv = ["--network", "x.npz", "--judge-encoder", str(judge)]
    model = make_release(tmp_path / "model", trained_with={"feature network": "cd" * 32})
    report = _evaluate(model, corpus, *argv)
    assert _row(report, "recall_at_1_real_to_generated")["details"]["independent"]
    assert _row(report, "mean_average_precision_real_to_generated")["num_samples"] == 6
    assert any("R-precision of unseen species: not measured" in note for note in report["notes"])
    pupil = make_release(tmp_path / "pupil", trained_with={"feature network": sha256})
    own = ["evaluate", "--model", str(pupil), "--root", str(corpus), "--features", "googlenet", *argv]
    for words, more in (("the judge", own), ("did not learn", [*own[:-1], str(tmp_path / "plain")])):
        capsys.readouterr()
        assert main(more) == 1
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img:")]
        assert len(lines) == 1 and words in lines[0]
    marked = _evaluate(pupil, corpus, *argv, "--allow-same-judge")
    assert "training loss" in _row(marked, "recall_at_1_real_to_generated")["warnings"][0]


def _refused(capsys: pytest.CaptureFixture[str], status: int, *argv: object) -> str:
    """The one line of an evaluation that cannot be."""
    capsys.readouterr()
    assert main(["evaluate", "--device", "cpu", *map(str, argv)]) == status
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img:")]
    assert "bug of speech2img" not in line
    return line


def test_features_of_another_width_corpus_or_network(
    corpus: Path,
    tmp_path: Path,
    make_release: Callable[..., Path],
    loaded: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    taught = tmp_path / "googlenet_bvlc.npz"
    taught.touch()
    _features(corpus, taught)
    model = make_release(tmp_path / "model")
    tensors, config = load_release(model)
    for width, name in ((DIM + 1, "wide"), (DIM, "fits")):
        targets = {"target.mean": torch.full((width,), MEAN), "target.std": torch.full((width,), STD)}
        told = {"feature network": "ab" * 32}
        save_release(tmp_path / name, {**tensors, **targets}, {**config, "trained_with": told}, "# card")
    argv = ("--root", corpus, "--features", "googlenet", "--network", "x.npz", "--out", tmp_path / "out")
    line = _refused(capsys, 1, "--model", tmp_path / "wide", *argv)
    assert f"features-googlenet.h5: its features have {DIM} numbers a picture, " in line and f" {DIM + 1};" in line
    report = _evaluate(tmp_path / "fits", corpus, "--network", "x.npz")
    assert any("are of other weights (000000000000) than those that taught" in note for note in report["notes"])
    path = corpus / "derived" / "features-googlenet.h5"
    path.rename(corpus / "derived" / "features-teacher.h5")
    out = tmp_path / "default"
    argv_default = ["--root", str(corpus), "--network", "x.npz", "--out", str(out), "--device", "cpu"]
    assert main(["evaluate", "--model", str(tmp_path / "wide"), *argv_default]) == 0
    notes = json.loads((out / "report.json").read_text())["notes"]
    assert any(
        note.startswith("Retrieval of pictures is not measured: the features 'teacher' have 16") for note in notes
    )
    assert "features-googlenet.h5" in _refused(capsys, 1, "--model", tmp_path / "fits", *argv)
    (corpus / "derived" / "features-teacher.h5").rename(path)
    with h5py.File(path, "a") as file:
        del file["ids"]
        file["ids"] = [f"other{row}" for row in range(6)]
    line = _refused(capsys, 1, "--model", tmp_path / "fits", *argv)
    assert "its features are of another corpus" in line and "--name googlenet" in line


def test_curves_that_are_asked_for_are_there_and_none_hides_another(
    corpus: Path,
    tmp_path: Path,
    make_release: Callable[..., Path],
    loaded: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = make_release(tmp_path / "model")
    for name in ("a", "b"):
        (tmp_path / name / "encoder").mkdir(parents=True)
        lines = [{"step": step, f"loss_{name}": 1.0 / step} for step in (1, 2)]
        (tmp_path / name / "encoder" / "stats.jsonl").write_text("\n".join(map(json.dumps, lines)))
    argv = ["--model", str(model), "--root", str(corpus), "--network", "x.npz", "--out", str(tmp_path / "out")]
    curves = [str(tmp_path / "a" / "encoder"), str(tmp_path / "b" / "encoder")]
    assert main(["evaluate", *argv, "--device", "cpu", "--split", "test", "test", "--curves", *curves]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "loss a" in page and "loss b" in page
    line = _refused(capsys, 2, *argv, "--curves", curves[0], tmp_path / "gone")
    assert "no stats.jsonl in it" in line


@pytest.mark.parametrize("kind", ["googlenet", "inception"])
def test_networks_that_tell_no_attributes_are_no_judges(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    network = tmp_path / "network"
    save_release(network, torch.nn.Linear(2, 2).state_dict(), {"kind": kind}, "# card")
    model = make_release(tmp_path / "model")
    line = _refused(capsys, 1, "--model", model, "--root", corpus, "--judge", network)
    assert f"it holds a '{kind}', not an attribute network" in line and "--network" in line


def test_a_model_that_hears_only_is_told_to_need_a_generator(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = make_release(tmp_path / "encoder", kind="speech-encoder")
    line = _refused(capsys, 2, "--model", encoder, "--root", corpus)
    assert "encoder: it hears and cannot paint" in line and "--generator RUN" in line


def test_recordings_that_are_not_there_are_counted_with_the_command_that_makes_them(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for recording in list((corpus / "audio").glob("*_0.wav")):
        recording.unlink()
    line = _refused(capsys, 1, "--model", make_release(tmp_path / "model"), "--root", corpus)
    assert "6 of 12 recordings are missing: audio/0_0.wav" in line and "'speech2img synthesize --root" in line


def test_where_nothing_reads_the_pictures_what_is_there_is_named(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _features(corpus, tmp_path / "gone.npz")
    line = _refused(capsys, 1, "--model", make_release(tmp_path / "model"), "--root", corpus)
    assert "give --features googlenet, --network songbirds" in line


@pytest.mark.parametrize("place", ["encoder", "run"])
def test_a_release_that_is_no_inception_is_named_as_what_it_is(
    tmp_path: Path, make_release: Callable[..., Path], place: str
) -> None:
    make_release(tmp_path / "encoder", kind="speech-encoder")
    make_release(tmp_path / "run" / "export", kind="speech-encoder")
    with pytest.raises(CheckpointError, match="a release of kind 'speech-encoder', no Inception"):
        inception.load_inception(tmp_path / place)


def test_the_network_behind_the_features_reads_the_pictures_whatever_it_is(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    teacher = AttributeNetwork({"class": 3}, width=4, feature_dim=DIM)
    heads = {"class": ["a", "b", "c"]}
    config = {"kind": "attribute-network", "heads": heads, "width": 4, "feature_dim": DIM, "image_size": 64}
    save_release(tmp_path / "teacher" / "export", teacher.state_dict(), {**config, "role": "teacher"}, "# card")
    _features(corpus, tmp_path / "teacher", kind="attribute-network")
    report = _evaluate(make_release(tmp_path / "model"), corpus)
    assert _row(report, "frechet_distance")["network"] == "attribute teacher"


def test_the_split_is_that_of_unseen_classes_if_there_is_one(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], loaded: list[Path]
) -> None:
    _features(corpus, tmp_path / "googlenet_bvlc.npz")
    model = make_release(tmp_path / "model")
    assert _evaluate(model, corpus, "--network", "x.npz")["corpus"]["splits"] == "test"
    manifest = Manifest.load(corpus)
    seen = tuple(replace(item, split="test_seen") for item in manifest.items)
    Manifest(corpus, "cub100", seen, meta={}).save()
    assert _evaluate(model, corpus, "--network", "x.npz")["corpus"]["splits"] == "test_seen"
