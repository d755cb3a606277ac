"""``speech2img evaluate`` on photographs: which network reads them, and in which space speech is compared."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from helpers.photograph_evaluations import DIM, MEAN, STD, evaluated, metric_row, refused_line, store_features

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release


def test_photographs_are_read_by_the_googlenet_that_taught(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], loaded: list[Path]
) -> None:
    taught, given = tmp_path / "googlenet_bvlc.npz", tmp_path / "other.npz"
    taught.touch()
    store_features(corpus, taught)
    report = evaluated(make_release(tmp_path / "model"), corpus)
    assert loaded == [taught]
    assert metric_row(report, "frechet_distance")["network"] == "stub network"
    assert metric_row(report, "speech_centroid_accuracy")["num_samples"] == 12
    assert not any("attribute" in row["name"] for row in report["metrics"])
    evaluated(tmp_path / "model", corpus, "--network", str(given))
    assert loaded == [taught, given]


def test_a_model_has_its_own_name_from_whatever_folder_it_is_given(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], loaded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "googlenet_bvlc.npz").touch()
    store_features(corpus, tmp_path / "googlenet_bvlc.npz")
    monkeypatch.chdir(make_release(tmp_path / "painter"))
    report = evaluated(Path("."), corpus)
    assert (report["model"]["name"], report["title"]) == ("painter", "painter: from speech to pictures")
    assert metric_row(report, "speech_centroid_accuracy")["network"] == "painter, speech encoder"


@pytest.mark.parametrize("kind", ["caffe-googlenet", "attribute-network"])
def test_without_a_network_one_line_says_what_to_give(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store_features(corpus, tmp_path / "gone.npz", kind=kind)
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
    stored = store_features(corpus, taught)
    seen: list[np.ndarray] = []
    monkeypatch.setattr(
        evaluation.measures, "add_cross_retrieval", lambda report, group, arrays, *_, **__: seen.append(arrays)
    )
    model = make_release(tmp_path / "plain")
    evaluated(model, corpus)
    np.testing.assert_array_equal(seen[0].image_features, stored)
    tensors, config = load_release(model)
    tensors |= {"target.mean": torch.full((DIM,), MEAN), "target.std": torch.full((DIM,), STD)}
    save_release(tmp_path / "standardised", tensors, config, "# card")
    evaluated(tmp_path / "standardised", corpus)
    np.testing.assert_allclose(seen[1].image_features, (stored - MEAN) / STD, rtol=1e-5)
    assert seen[1].teacher == "caffe-googlenet, features standardised as in training"


def test_features_of_another_width_corpus_or_network(
    corpus: Path,
    tmp_path: Path,
    make_release: Callable[..., Path],
    loaded: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    taught = tmp_path / "googlenet_bvlc.npz"
    taught.touch()
    store_features(corpus, taught)
    model = make_release(tmp_path / "model")
    tensors, config = load_release(model)
    for width, name in ((DIM + 1, "wide"), (DIM, "fits")):
        targets = {"target.mean": torch.full((width,), MEAN), "target.std": torch.full((width,), STD)}
        told = {"feature network": "ab" * 32}
        save_release(tmp_path / name, {**tensors, **targets}, {**config, "trained_with": told}, "# card")
    argv = ("--root", corpus, "--features", "googlenet", "--network", "x.npz", "--out", tmp_path / "out")
    line = refused_line(capsys, 1, "--model", tmp_path / "wide", *argv)
    assert f"features-googlenet.h5: its features have {DIM} numbers a picture, " in line and f" {DIM + 1};" in line
    report = evaluated(tmp_path / "fits", corpus, "--network", "x.npz")
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
    assert "features-googlenet.h5" in refused_line(capsys, 1, "--model", tmp_path / "fits", *argv)
    (corpus / "derived" / "features-teacher.h5").rename(path)
    with h5py.File(path, "a") as file:
        del file["ids"]
        file["ids"] = [f"other{row}" for row in range(6)]
    line = refused_line(capsys, 1, "--model", tmp_path / "fits", *argv)
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
    line = refused_line(capsys, 2, *argv, "--curves", curves[0], tmp_path / "gone")
    assert "no stats.jsonl in it" in line


def test_a_model_that_hears_only_is_told_to_need_a_generator(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = make_release(tmp_path / "encoder", kind="speech-encoder")
    line = refused_line(capsys, 2, "--model", encoder, "--root", corpus)
    assert "encoder: it hears and cannot generate" in line and "--generator RUN" in line


def test_recordings_that_are_not_there_are_counted_with_the_command_that_makes_them(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for recording in list((corpus / "audio").glob("*_0.wav")):
        recording.unlink()
    line = refused_line(capsys, 1, "--model", make_release(tmp_path / "model"), "--root", corpus)
    assert "6 of 12 recordings are missing: audio/0_0.wav" in line and "'speech2img synthesize --root" in line


def test_where_nothing_reads_the_pictures_what_is_there_is_named(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    store_features(corpus, tmp_path / "gone.npz")
    line = refused_line(capsys, 1, "--model", make_release(tmp_path / "model"), "--root", corpus)
    assert "give --features googlenet, --network songbirds" in line


def test_the_network_behind_the_features_reads_the_pictures_whatever_it_is(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    teacher = AttributeNetwork({"class": 3}, width=4, feature_dim=DIM)
    heads = {"class": ["a", "b", "c"]}
    config = {"kind": "attribute-network", "heads": heads, "width": 4, "feature_dim": DIM, "image_size": 64}
    save_release(tmp_path / "teacher" / "export", teacher.state_dict(), {**config, "role": "teacher"}, "# card")
    store_features(corpus, tmp_path / "teacher", kind="attribute-network")
    report = evaluated(make_release(tmp_path / "model"), corpus)
    assert metric_row(report, "frechet_distance")["network"] == "attribute teacher"


def test_the_split_is_that_of_unseen_classes_if_there_is_one(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], loaded: list[Path]
) -> None:
    store_features(corpus, tmp_path / "googlenet_bvlc.npz")
    model = make_release(tmp_path / "model")
    assert evaluated(model, corpus, "--network", "x.npz")["corpus"]["splits"] == "test"
    manifest = Manifest.load(corpus)
    seen = tuple(replace(item, split="test_seen") for item in manifest.items)
    Manifest(corpus, "cub100", seen, meta={}).save()
    assert evaluated(model, corpus, "--network", "x.npz")["corpus"]["splits"] == "test_seen"
