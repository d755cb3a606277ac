"""``speech2img evaluate --generated``: numbers of any two folders, and one line for all that cannot be measured."""

import importlib.util
import json
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from speech2img.cli import evaluate
from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.features import inception
from speech2img.features.layers import POOLS
from speech2img.metrics.evaluate.plan import make_plan
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance
from speech2img.metrics.images.fits import FITS
from speech2img.metrics.images.statistics_files import load_statistics
from speech2img.metrics.report.protocols import PROTOCOLS
from speech2img.metrics.report.published_results import ALL_PICTURES, TEST_PICTURES, is_published_set
from speech2img.models.vision.inception import TAPS

Run = Callable[..., dict[str, Any]]


class StubReader:
    """Stands in for Inception, whose pass over a picture takes a tenth of a second: features from its pixels."""

    name, weights_sha256, precision = "Inception-v3 (FID, TensorFlow 2015-12-05)", "ab" * 32, "float32"
    build, classifier, outputs = "fid", "fid", dict.fromkeys(TAPS, 20)
    spoiled = False
    pictures = 0

    def read(self, prepared: torch.Tensor, taps: tuple[str, ...]) -> dict[str, np.ndarray]:
        StubReader.pictures += len(prepared)
        flat = prepared[:, ::16, ::16].reshape(len(prepared), -1).double().numpy()
        found = {}
        for tap in taps:
            width = POOLS.get(tap, 20)
            weights = np.random.default_rng(width).normal(size=(flat.shape[1], width)) / 30
            found[tap] = (flat @ weights).astype(np.float32)
            if self.spoiled:
                found[tap][-1, 0] = np.nan
        return found


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> type[StubReader]:
    monkeypatch.setattr(inception, "load_inception", lambda *_, **__: StubReader())
    monkeypatch.setattr(StubReader, "pictures", 0)
    return StubReader


def _pictures(folder: Path, count: int, *, seed: int, size: tuple[int, int] = (20, 16)) -> Path:
    rng = np.random.default_rng(seed)
    for number in range(count):
        path = folder / f"{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return _pictures(tmp_path / "made", 70, seed=0), _pictures(tmp_path / "photos", 80, seed=1)


@pytest.fixture
def run(tmp_path: Path, stub: type[StubReader]) -> Run:
    """Call the verb; the report."""

    def call(*argv: object) -> dict[str, Any]:
        assert main(["evaluate", "--network", "net", "--out", str(tmp_path / "out"), *map(str, argv)]) == 0
        report: dict[str, Any] = json.loads((tmp_path / "out" / "report.json").read_text())
        return report

    return call


def _row(report: dict[str, Any], name: str, group: str) -> dict[str, Any]:
    return next(row for row in report["metrics"] if (row["name"], row["group"]) == (name, group))


def test_two_folders_every_number_with_its_protocol(folders: tuple[Path, Path], run: Run, tmp_path: Path) -> None:
    report = run("--generated", folders[0], "--real", folders[1], "--seed", 3)
    names = [(row["name"], row["group"]) for row in report["metrics"]]
    assert names == [
        ("frechet_distance", "pool64"),
        ("kernel_distance", "pool64"),
        ("kernel_distance", "pool192"),
        ("kernel_distance", "pool768"),
        ("kernel_distance", "pool2048"),
        ("precision", "pool2048"),
        ("recall", "pool2048"),
        ("inception_score", "logits_unbiased"),
    ]
    refused = [note for note in report["notes"] if "not measured" in note]
    assert len(refused) == 3 and all("pictures in" in note and "singular" in note for note in refused)
    for row in report["metrics"]:
        assert row["num_samples"] in (70, 80) and row["seed"] == 3 and row["weights_sha256"] == "ab" * 32
        assert row["interval"] is not None and "without antialiasing" in row["protocol"]
        assert "whole pictures" in row["protocol"] and row["details"]["generated"]["n"] == 70
    assert _row(report, "frechet_distance", "pool64")["details"]["real"]["n"] == 80
    assert "pictures bias the Frechet distance" in (tmp_path / "out" / "report.md").read_text()
    allowed = run("--generated", folders[0], "--real", folders[1], "--allow-small", "--taps", "pool192")
    assert [row["name"] for row in allowed["metrics"]] == ["frechet_distance", "kernel_distance", "precision", "recall"]
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
    expected = _row(both, "frechet_distance", "pool64")["value"]
    assert _row(from_stats, "frechet_distance", "pool64")["value"] == pytest.approx(expected, rel=1e-9)
    assert any("KID, precision and recall need pictures" in note for note in from_stats["notes"])
    foreign = tmp_path / "pytorch-fid.npz"
    np.savez(foreign, mu=gaussian.mean, sigma=gaussian.covariance)
    report = run("--generated", folders[0], "--real", foreign)
    row = _row(report, "frechet_distance", "pool64")
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
        expected = _row(both, "frechet_distance", tap)["value"]
        assert _row(from_stats, "frechet_distance", tap)["value"] == pytest.approx(expected, rel=1e-9)
        assert _row(from_stats, "frechet_distance", tap)["details"]["real"]["n"] == 80
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
    assert _row(both, "inception_score", "logits_unbiased")["value"] == pytest.approx(row["value"], rel=1e-9)
    assert all(one["details"]["ema"] == "not told by a folder" for one in both["metrics"])
    monkeypatch.setattr(stub, "classifier", None)
    assert "no classifier, and without real pictures" in _refused(
        capsys, tmp_path / "x", "--generated", folders[0], "--network", "net"
    )


def test_protocols_are_told_and_published_rows_stand_beside(
    folders: tuple[Path, Path], run: Run, tmp_path: Path
) -> None:
    argv = ("--generated", folders[0], "--real", folders[1], "--corpus", "cub")
    report = run(*argv, "--protocol", "sta")
    assert _row(report, "frechet_distance", "pool2048")["details"]["fit"] == "squash"
    text = (tmp_path / "out" / "report.md").read_text()
    assert "first squashed to 256 x 256" in text
    assert "Speak the Art | speech | 9.76 | sta | not comparable: other pictures" in text
    score = _row(report, "inception_score", "logits_unbiased")
    assert "classifier torchvision, ours fid" in text
    assert any("these weights have fid: not comparable" in warning for warning in score["warnings"])
    clean = run(*argv, "--protocol", "clean")
    assert not any(row["name"] == "frechet_distance" for row in clean["metrics"])
    assert any("FID of pool2048: not measured" in note for note in clean["notes"])
    assert "antialiased" in _row(clean, "kernel_distance", "pool2048")["protocol"]


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
    real = _row(run(*argv), "kernel_distance", "pool64")["details"]["real"]
    assert real["n"] == 70 and "bounding box" in real["crop"] and real["fit"].startswith("each straight")
    whole = _row(run(*argv, "--protocol", "sta"), "kernel_distance", "pool2048")["details"]["real"]
    assert whole["n"] == 80 and whole["crop"] == "whole pictures" and "squashed to a square of 256" in whole["fit"]
    line = _refused(capsys, tmp_path / "other", *argv, "--split", "test", "val", "--network", "net")
    assert "one split at a time" in line


def test_choices_are_those_of_the_library() -> None:
    assert evaluate.PROTOCOLS is PROTOCOLS and evaluate.FITS is FITS
    assert set(evaluate.DISTANCE_OUTPUTS) == {*POOLS, "logits"}
    assert {*evaluate.WITH_CLASSES, *evaluate.WITHOUT_CLASSES} == set(TEST_PICTURES)
    for protocol in PROTOCOLS:
        plan = make_plan(StubReader(), protocol=protocol, corpus="cub")  # type: ignore[arg-type]
        assert plan.taps == ("pool2048",) and plan.score is not None and plan.score.leave_out_first == 0
    assert is_published_set("cub", "sta", ALL_PICTURES["cub"]) and is_published_set("cub", "s2igan", 2933)
    assert not is_published_set("cub", "sta", 2933) and not is_published_set("places", "sta", None)


def _bomb(path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def _refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, *argv: object) -> str:
    capsys.readouterr()
    status = main(["evaluate", "--out", str(tmp_path / "out"), *map(str, argv)])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img:")]
    assert status in (1, 2) and len(lines) == 1 and "bug" not in lines[0], (status, lines)
    assert not (tmp_path / "out" / "report.json").exists()
    return lines[0]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_bomb, "pixels"),
        (_truncate, "5.png"),
        (lambda path: path.write_bytes(b""), "5.png: the file is empty"),
        (lambda path: path.write_text("words"), "5.png: not a picture"),
        (lambda path: Image.new("RGB", (9, 9)).save(path), "2/5.png: 9 x 9 pixels; 0/0.png has 20 x 16"),
        (
            lambda path: path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(40)),
            "5.png: a format that is not read (image/heic)",
        ),
        (
            lambda path: (path.unlink(), path.with_suffix(".ppm").write_text("P3 1 1 9 1 2 3")),
            "5.ppm: a format that is",
        ),
    ],
)
def test_a_bad_picture_is_named(
    spoil: Callable[[Path], Any],
    words: str,
    folders: tuple[Path, Path],
    stub: type[StubReader],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(folders[0] / "2" / "5.png")
    line = _refused(capsys, tmp_path, "--generated", folders[0], "--real", folders[1], "--network", "net")
    assert words in line


def test_grey_alpha_and_16_bits_are_read_as_rgb(folders: tuple[Path, Path], run: Run) -> None:
    rng = np.random.default_rng(2)
    grey = rng.integers(0, 256, (16, 20), dtype=np.uint8)
    argv = ("--generated", folders[0], "--real", folders[1], "--taps", "pool64")
    values = []
    for picture in (
        Image.fromarray(grey),
        Image.fromarray(grey.astype(np.uint16) * 257),
        Image.fromarray(grey).convert("RGBA"),
        Image.fromarray(np.repeat(grey[..., None], 3, axis=2)),
    ):
        picture.save(folders[0] / "2" / "5.png")
        values.append(_row(run(*argv), "kernel_distance", "pool64")["value"])
    assert values == pytest.approx(values[-1:] * 4, rel=1e-6)


def test_what_cannot_be_compared_is_one_line(
    folders: tuple[Path, Path],
    stub: type[StubReader],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, photos = folders
    (tmp_path / "empty").mkdir()
    one = _pictures(tmp_path / "one", 1, seed=3)
    stats = tmp_path / "s.npz"
    assert main(["evaluate", "--network", "net", "--real", str(photos), "--taps", "pool64", "--save-stats", str(stats),
                 "--out", str(tmp_path / "w")]) == 0  # fmt: skip
    broken, odd, nan = tmp_path / "broken.npz", tmp_path / "odd.npz", tmp_path / "nan.npz"
    broken.write_bytes(stats.read_bytes()[:300])
    np.savez(odd, mu=np.zeros(7), sigma=np.eye(7))
    np.savez(nan, mu=np.full(64, np.nan), sigma=np.eye(64))
    net = ("--network", "net")
    for argv, words in (
        (("--generated", tmp_path / "empty", "--real", photos, *net), "empty: holds no pictures"),
        (("--generated", tmp_path / "none", "--real", photos, *net), "none: no such folder"),
        (("--generated", one, "--real", photos, *net), "one: holds one picture"),
        (("--generated", made, "--retrieval", *net), "no real pictures; give --real"),
        (("--generated", stats, *net), "no real pictures; give --real"),
        (("--generated", made, "--real", photos, "--retrieval", "--protocol", "stackgan", *net), "ranks no pictures"),
        (("--generated", made, "--classifier", tmp_path / "none"), "no folder and no shipped weights"),
        (("--generated", made), "no network reads the pictures; give --network with Inception's weights"),
        (("--generated", made, "--real", photos), "no network reads the pictures; give --network"),
        (("--generated", made, "--real", broken, *net), "broken.npz: no statistics"),
        (("--generated", made, "--real", odd, *net), "odd.npz: statistics in 7 dimensions"),
        (("--generated", made, "--real", nan, *net), "mu is not finite"),
        (("--generated", made, "--real", stats, "--taps", "pool192", *net), "statistics of pool64, not of pool192"),
        (("--generated", made, "--real", stats, "--protocol", "clean", *net), "resize"),
        (("--generated", stats, "--real", stats, "--protocol", "clean"), "resized by legacy, protocol clean by clean"),
        (("--generated", made, "--real", stats, photos, *net), "give it alone"),
        (("--generated", made, "--real", photos, "--candidates", 2, *net), "--candidates: only for --model"),
        (("--model", "m", "--root", "r", "--generated", made), "--generated: not for --model"),
        ((), "nothing to measure"),
        (("--root", "x"), "give --model with --root"),
        (("--model", "m"), "no corpus to measure it on"),
        (("--real", photos, *net), "no generated pictures"),
        (("--generated", made, "--real", photos, "--fit", "squash", *net), "give a side in pixels"),
        (("--generated", made, "--list-real", tmp_path / "none.txt", *net), "none.txt"),
    ):
        assert words in _refused(capsys, tmp_path, *argv), argv
    monkeypatch.setattr(stub, "weights_sha256", "cd" * 32)
    line = _refused(capsys, tmp_path, "--generated", made, "--real", stats, *net)
    assert "s.npz" in line and "weights_sha256" in line and stub.pictures == 80
    monkeypatch.setattr(stub, "spoiled", True)
    assert "is not finite; check the weights" in _refused(capsys, tmp_path, "--generated", made, "--real", photos, *net)


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
        assert _row(report, "frechet_distance", tap)["value"] == pytest.approx(published, rel=1e-4)


def test_a_whole_published_file_reaches_2048(realdata: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("golden_recipe", realdata / "golden_peers" / "recipe.py")
    assert spec and spec.loader
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    state = {key: torch.from_numpy(np.array(value)) for key, value in recipe.weights("fid_inception").items()}
    torch.save(state, tmp_path / "pt_inception.pth")
    for name in ("a", "b"):
        _pictures(tmp_path / name, 4, seed=ord(name))
    assert main(["evaluate", "--generated", str(tmp_path / "a"), "--real", str(tmp_path / "b"), "--network",
                 str(tmp_path / "pt_inception.pth"), "--taps", "pool2048", "logits", "--allow-small", "--out",
                 str(tmp_path)]) == 0  # fmt: skip
    report = json.loads((tmp_path / "report.json").read_text())
    assert _row(report, "frechet_distance", "pool2048")["details"]["dimensions"] == 2048
    assert any("Inception Score of logits_unbiased: not measured" in note for note in report["notes"])


def test_files_that_are_not_used_are_listed_and_counted(
    folders: tuple[Path, Path], run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, photos = folders
    (made / "@eaDir").mkdir()
    for name in ("@eaDir/0.png", "._0.png"):
        shutil.copy(made / "0" / "0.png", made / name)
    (made / "notes.txt").write_text("words")
    (photos / "0" / "0.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    with Image.open(photos / "0" / "0.png") as frame:
        frame.save(photos / "moving.gif", save_all=True, append_images=[frame.rotate(90)])
    report = run("--generated", made, "--real", photos, "--taps", "pool64")
    assert report["metrics"][0]["details"]["generated"]["n"] == 70
    assert "generated: 3 entries of the folder not used" in " ".join(report["notes"])
    assert "real: of 1 animated or several-page files the first picture was taken: moving.gif." in report["notes"]
    text = (tmp_path / "out" / "report.md").read_text()
    for line in (
        "- generated: ._0.png: made by macOS",
        "- generated: @eaDir/: made by a Synology disk station",
        "- generated: notes.txt: no picture (.txt)",
        "- real: 0/0.wav: no picture (audio/wav)",
    ):
        assert line in text
    capsys.readouterr()
    stats = ["--save-stats", str(tmp_path / "s.npz"), "--taps", "pool64", "--out", str(tmp_path / "stats")]
    assert main(["evaluate", "--network", "net", "--real", str(photos), *stats]) == 0
    assert "- real: 0/0.wav: no picture (audio/wav)" in capsys.readouterr().out


def test_pictures_that_repeat_each_other_are_told(tmp_path: Path, run: Run) -> None:
    made, photos = _pictures(tmp_path / "made", 70, seed=0), _pictures(tmp_path / "photos", 80, seed=1)
    some = run("--generated", made, "--real", photos, "--taps", "pool64")
    assert not any("identical" in note or "repeat" in note for note in some["notes"])
    for path in made.glob("[12]/*.png"):
        shutil.copy(made / "0" / "0.png", path)
    many = run("--generated", made, "--real", photos, "--taps", "pool64")
    assert any(note.startswith("generated: only 24 of 70 pictures are different") for note in many["notes"])
    for path in made.glob("0/*.png"):
        if path.name != "0.png":
            shutil.copy(made / "0" / "0.png", path)
    same = run("--generated", made, "--real", photos, "--taps", "pool64", "logits")
    assert sum(note.startswith("generated: all 70 pictures are identical") for note in same["notes"]) == 1
    assert _row(same, "frechet_distance", "pool64")["value"] > 0
    twice = run("--generated", photos, "--real", photos, "--taps", "pool64")
    assert "both sets are the very same pictures" in _row(twice, "frechet_distance", "pool64")["warnings"]


def test_photographs_are_turned_unless_the_protocol_reads_them_as_stored(tmp_path: Path, run: Run) -> None:
    made = _pictures(tmp_path / "made", 40, seed=0, size=(16, 20))
    phone, upright = tmp_path / "phone", tmp_path / "upright"
    phone.mkdir(), upright.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(phone / f"{number}.png", exif=exif)
        Image.fromarray(np.ascontiguousarray(pixels.swapaxes(0, 1)[:, ::-1])).save(upright / f"{number}.png")
    options = ("--taps", "pool64", "--fit", "each", "--allow-small")
    turned, plain = (
        _row(run("--generated", made, "--real", real, *options), "frechet_distance", "pool64")["value"]
        for real in (phone, upright)
    )
    assert turned == plain
    options = ("--taps", "pool64", "--fit", "each", "--protocol", "pytorch-fid")
    stored = _row(run("--generated", made, "--real", phone, *options), "frechet_distance", "pool64")["value"]
    assert stored != turned
    for path in phone.iterdir():
        Image.open(path).convert("RGB").save(path, exif=b"")
    untagged = _row(run("--generated", made, "--real", phone, *options), "frechet_distance", "pool64")["value"]
    assert stored == untagged
