"""``speech2img evaluate --generated``: numbers of any two folders, with their protocols, and of statistics."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.folder_evaluations import Run, StubReader, metric_row, random_pictures, refused_line
from PIL import Image

from speech2img.cli import evaluate
from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.features.layers import POOLS
from speech2img.metrics.evaluate.plan import make_plan
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance
from speech2img.metrics.images.fits import FITS
from speech2img.metrics.images.statistics_files import load_statistics
from speech2img.metrics.report.protocols import PROTOCOLS
from speech2img.metrics.report.published_results import ALL_IMAGES, TEST_IMAGES, is_published_set


def test_two_folders_every_number_with_its_protocol(folders: tuple[Path, Path], run: Run, tmp_path: Path) -> None:
    report = run("--generated", folders[0], "--real", folders[1], "--seed", 3)
    rows = {(row["name"], row["group"]): row for row in report["metrics"]}
    floors = {name for name, _ in rows if name.endswith("_of_test_halves")}
    assert {"mind_of_test_halves", "kernel_distance_of_test_halves", "coverage_of_test_halves"} <= floors
    halves = rows["kernel_distance_of_test_halves", "pool2048"]
    assert halves["num_samples"] == 40 and "one half of" in halves["protocol"]
    names = [pair for pair in rows if pair[0] not in floors]
    assert names == [
        ("frechet_distance", "pool64"),
        ("kernel_distance", "pool64"),
        ("kernel_distance", "pool192"),
        ("kernel_distance", "pool768"),
        ("kernel_distance", "pool2048"),
        ("precision", "pool2048"),
        ("recall", "pool2048"),
        ("density", "pool2048"),
        ("coverage", "pool2048"),
        ("rbf_kernel_distance", "pool2048"),
        ("mind", "pool2048"),
        ("wavelet_distance", "pool2048"),
        ("inception_score", "logits_unbiased"),
    ]
    refused = [note for note in report["notes"] if "not measured" in note]
    assert len(refused) == 4 and all("pictures in" in note for note in refused)
    for row in map(rows.get, names):
        assert (
            row is not None
            and row["num_samples"] in (70, 80)
            and row["seed"] == 3
            and row["weights_sha256"] == "ab" * 32
        )
        assert row["interval"] is not None and "without antialiasing" in row["protocol"]
        assert "whole pictures" in row["protocol"] and row["details"]["generated"]["n"] == 70
    assert metric_row(report, "frechet_distance", "pool64")["details"]["real"]["n"] == 80
    assert "pictures bias the Frechet distance" in (tmp_path / "out" / "report.md").read_text()
    allowed = run("--generated", folders[0], "--real", folders[1], "--allow-small", "--taps", "pool192")
    names = [row["name"] for row in allowed["metrics"] if "_of_" not in row["name"]]
    assert names[:4] == ["frechet_distance", "kernel_distance", "precision", "recall"] and "frechet_infinity" in names
    assert any("singular" in warning for warning in allowed["metrics"][0]["warnings"])


def test_an_interrupted_call_goes_on_and_batches_and_lists_change_nothing(
    folders: tuple[Path, Path],
    run: Run,
    tmp_path: Path,
    stub: type[StubReader],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from speech2img.metrics.images import features as picture_features

    monkeypatch.setattr(picture_features, "CHUNK", 32)
    argv = ["--generated", str(folders[0]), "--real", str(folders[1]), "--taps", "pool64"]
    read = stub.read

    def stopped(self: StubReader, *args: Any) -> Any:
        if stub.pictures >= 64:
            raise KeyboardInterrupt
        return read(self, *args)

    monkeypatch.setattr(stub, "read", stopped)
    assert main(["evaluate", "--network", "net", "--out", str(tmp_path / "out"), *argv]) == 130
    assert "64 of 70 pictures done; run the same command again" in capsys.readouterr().err
    monkeypatch.setattr(stub, "read", read)
    first = run(*argv)
    assert stub.pictures == 150
    assert run(*argv)["metrics"] == first["metrics"] and stub.pictures == 150
    lists = []
    for folder in folders:
        files = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*"))
        lists.append(tmp_path / f"{folder.name}.txt")
        lists[-1].write_text("\n".join(reversed(files)))
    shutil.rmtree(tmp_path / "out")
    again = run(*argv, "--list-generated", lists[0], "--list-real", lists[1], "--batch-size", 7, "--workers", 1)
    for ours, theirs in zip(first["metrics"], again["metrics"], strict=True):
        assert ours["value"] == pytest.approx(theirs["value"], rel=1e-5)


def test_statistics_stand_for_pictures(folders: tuple[Path, Path], run: Run, tmp_path: Path) -> None:
    stats = tmp_path / "photos.npz"
    main(
        [
            "evaluate",
            "--network",
            "net",
            "--real",
            str(folders[1]),
            "--taps",
            "pool64",
            "--save-stats",
            str(stats),
            "--out",
            str(tmp_path / "out"),
        ]
    )
    assert not (tmp_path / "out" / "report.json").exists()
    gaussian, source = load_statistics(stats)
    assert gaussian.num_samples == 80 and source is not None and source.tap == "pool64"
    both = run("--generated", folders[0], "--real", folders[1], "--taps", "pool64")
    from_stats = run("--generated", folders[0], "--real", stats)
    expected = metric_row(both, "frechet_distance", "pool64")["value"]
    assert metric_row(from_stats, "frechet_distance", "pool64")["value"] == pytest.approx(expected, rel=1e-9)
    assert any(
        "KID, precision and recall, density and coverage, " in note and "need pictures on both" in note
        for note in from_stats["notes"]
    )
    foreign = tmp_path / "pytorch-fid.npz"
    np.savez(foreign, mu=gaussian.mean, sigma=gaussian.covariance)
    report = run("--generated", folders[0], "--real", foreign)
    row = metric_row(report, "frechet_distance", "pool64")
    assert row["value"] == pytest.approx(expected, rel=1e-6)
    assert any("do not say of which network" in warning for warning in row["warnings"])
    assert main(["evaluate", "--generated", str(stats), "--real", str(stats), "--out", str(tmp_path / "same")]) == 0
    assert json.loads((tmp_path / "same" / "report.json").read_text())["metrics"][0]["value"] < 1e-6


def test_statistics_hold_every_output_that_was_read(
    folders: tuple[Path, Path], run: Run, tmp_path: Path, stub: type[StubReader]
) -> None:
    stats = tmp_path / "photos.npz"
    main(
        [
            "evaluate",
            "--network",
            "net",
            "--real",
            str(folders[1]),
            "--save-stats",
            str(stats),
            "--out",
            str(tmp_path / "out"),
        ]
    )
    with np.load(stats) as file:  # as pytorch-fid opens it
        assert file["mu"].shape == (2048,) and file["pool64.mu"].shape == (64,)
    both = run("--generated", folders[0], "--real", folders[1], "--allow-small")
    before = stub.pictures
    from_stats = run("--generated", folders[0], "--real", stats, "--allow-small")
    assert stub.pictures == before
    for tap in POOLS:
        expected = metric_row(both, "frechet_distance", tap)["value"]
        assert metric_row(from_stats, "frechet_distance", tap)["value"] == pytest.approx(expected, rel=1e-9)
        assert metric_row(from_stats, "frechet_distance", tap)["details"]["real"]["n"] == 80
    one = run("--generated", folders[0], "--real", stats, "--taps", "pool192", "--allow-small")
    assert [row["group"] for row in one["metrics"]] == ["pool192"]
    clean = run("--generated", folders[0], "--real", stats, "--protocol", "s2igan")
    assert [row["group"] for row in clean["metrics"]] == ["pool2048", "logits_unbiased"]
    out = tmp_path / "same"
    both_stored = ["--generated", str(stats), "--real", str(stats)]
    assert main(["evaluate", *both_stored, "--allow-small", "--out", str(out)]) == 0
    rows = json.loads((out / "report.json").read_text())["metrics"]
    assert [row["group"] for row in rows] == list(POOLS) and max(row["value"] for row in rows) < 1e-6


def test_generated_pictures_alone_have_an_inception_score(
    folders: tuple[Path, Path],
    run: Run,
    stub: type[StubReader],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = run("--generated", folders[0], "--ema", "no")
    (row,) = report["metrics"]
    assert (row["name"], row["group"], row["num_samples"]) == ("inception_score", "logits_unbiased", 70)
    assert row["details"]["ema"] == "no" and row["weights_sha256"] == "ab" * 32 and stub.pictures == 70
    assert any("No real pictures: FID" in note for note in report["notes"])
    both = run("--generated", folders[0], "--real", folders[1])
    assert metric_row(both, "inception_score", "logits_unbiased")["value"] == pytest.approx(row["value"], rel=1e-9)
    assert all(one["details"]["ema"] == "not told by a folder" for one in both["metrics"])
    monkeypatch.setattr(stub, "classifier", None)
    assert "no classifier, and without real pictures" in refused_line(
        capsys, tmp_path / "x", "--generated", folders[0], "--network", "net"
    )


def test_protocols_are_told_and_published_rows_stand_beside(
    folders: tuple[Path, Path], run: Run, tmp_path: Path
) -> None:
    argv = ("--generated", folders[0], "--real", folders[1], "--corpus", "cub")
    report = run(*argv, "--protocol", "sta")
    assert metric_row(report, "frechet_distance", "pool2048")["details"]["fit"] == "squash"
    text = (tmp_path / "out" / "report.md").read_text()
    assert "first squashed to 256 x 256" in text
    assert "Speak the Art | speech | 9.76 | sta | not comparable: other pictures" in text
    score = metric_row(report, "inception_score", "logits_unbiased")
    assert "classifier torchvision, ours fid" in text
    assert any("these weights have fid: not comparable" in warning for warning in score["warnings"])
    clean = run(*argv, "--protocol", "clean")
    assert not any(row["name"] == "frechet_distance" for row in clean["metrics"])
    assert any("FID of pool2048: not measured" in note for note in clean["notes"])
    assert "antialiased" in metric_row(clean, "kernel_distance", "pool2048")["protocol"]


def test_real_pictures_of_a_corpus_are_cropped_as_the_protocol_has_it(
    folders: tuple[Path, Path], run: Run, tmp_path: Path, stub: type[StubReader], capsys: pytest.CaptureFixture[str]
) -> None:
    root = folders[1]
    items = [
        Item(
            id=path.stem,
            image=path.relative_to(root).as_posix(),
            class_id=0,
            class_name="a",
            box=(2, 2, 8, 6),
            split="test" if number < 70 else "val",
            attributes=None,
            captions=(),
        )
        for number, path in enumerate(sorted(root.glob("*/*.png")))
    ]
    Manifest(root, "cub", tuple(items), meta={}).save()
    argv = ("--generated", folders[0], "--root", root)
    real = metric_row(run(*argv), "kernel_distance", "pool64")["details"]["real"]
    assert real["n"] == 70 and "bounding box" in real["crop"] and real["fit"].startswith("each straight")
    whole = metric_row(run(*argv, "--protocol", "sta"), "kernel_distance", "pool2048")["details"]["real"]
    assert whole["n"] == 80 and whole["crop"] == "whole pictures" and "squashed to a square of 256" in whole["fit"]
    line = refused_line(capsys, tmp_path / "other", *argv, "--split", "test", "val", "--network", "net")
    assert "one split at a time" in line


def test_choices_are_those_of_the_library() -> None:
    assert evaluate.PROTOCOLS is PROTOCOLS and evaluate.FITS is FITS
    assert set(evaluate.DISTANCE_OUTPUTS) == {*POOLS, "logits"}
    assert {*evaluate.WITH_CLASSES, *evaluate.WITHOUT_CLASSES} == set(TEST_IMAGES)
    for protocol in PROTOCOLS:
        plan = make_plan(StubReader(), protocol=protocol, corpus="cub")  # type: ignore[arg-type]
        assert plan.taps == ("pool2048",) and plan.score is not None and plan.score.leave_out_first == 0
    assert is_published_set("cub", "sta", ALL_IMAGES["cub"]) and is_published_set("cub", "s2igan", 2933)
    assert not is_published_set("cub", "sta", 2933) and not is_published_set("places", "sta", None)


def test_golden_distances_of_pytorch_fid(realdata: Path, tmp_path: Path) -> None:
    golden = np.load(realdata / "weights" / "inception_fid_golden.npz")
    for number, pixels in enumerate(golden["rgb227"]):
        path = tmp_path / ("a" if number < 4 else "b") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    argv = [
        "evaluate",
        "--generated",
        str(tmp_path / "a"),
        "--real",
        str(tmp_path / "b"),
        "--allow-small",
        "--network",
        str(realdata / "weights" / "inception_fid_2015_12_05_to_mixed7.npz"),
        "--out",
        str(tmp_path),
    ]
    assert main(argv) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    for tap in ("pool64", "pool192", "pool768"):
        published = frechet_distance(*(fit_gaussian(part) for part in (golden[tap][:4], golden[tap][4:])))
        assert metric_row(report, "frechet_distance", tap)["value"] == pytest.approx(published, rel=1e-4)


def test_a_whole_published_file_reaches_2048(realdata: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("golden_recipe", realdata / "golden_peers" / "recipe.py")
    assert spec and spec.loader
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    state = {key: torch.from_numpy(np.array(value)) for key, value in recipe.weights("fid_inception_strong").items()}
    torch.save(state, tmp_path / "pt_inception.pth")
    for name in ("a", "b"):
        random_pictures(tmp_path / name, 4, seed=ord(name))
    assert main(["evaluate", "--generated", str(tmp_path / "a"), "--real", str(tmp_path / "b"), "--network",
                 str(tmp_path / "pt_inception.pth"), "--taps", "pool2048", "logits", "--allow-small", "--out",
                 str(tmp_path)]) == 0  # fmt: skip
    report = json.loads((tmp_path / "report.json").read_text())
    assert metric_row(report, "frechet_distance", "pool2048")["details"]["dimensions"] == 2048
    assert any("Inception Score of logits_unbiased: not measured" in note for note in report["notes"])
