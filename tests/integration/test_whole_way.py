"""The whole way through the command line on the tiny corpus: a few steps of every training, pictures, a report."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from speech2img.cli.main import main

ENCODER = "model.channels=[8, 8, 8, 8, 8, 8, 16, 16]"


def _run(*argv: object) -> None:
    assert main([str(word) for word in argv]) == 0


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every verb has run once, in the order of the README."""
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed: nothing can be spoken")
    base = tmp_path_factory.mktemp("way")
    root, runs = base / "songbirds", base / "runs"
    _run("prepare", "songbirds", "--size", "tiny", "--root", root)
    _run("synthesize", "--root", root, "--engine", "espeak")
    few = ["--set", "loop.max_steps=4", "--set", "loop.evaluate_every=2", "--device", "cpu", "--precision", "fp32"]
    _run(
        "train", "teacher", "--root", root, "--out", runs / "teacher", "--set", "width=8", "--set", "batch_size=8", *few
    )
    _run(
        "train",
        "judge",
        "--root",
        root,
        "--out",
        runs / "judge",
        "--set",
        "width=8",
        "--set",
        "batch_size=8",
        "--set",
        "renders=16",
        "--set",
        "held_out_renders=8",
        *few,
    )
    _run("features", "--root", root, "--teacher", runs / "teacher")
    _run(
        "train",
        "encoder",
        "--root",
        root,
        "--out",
        runs / "encoder",
        "--set",
        ENCODER,
        "--set",
        "batch_size=8",
        "--set",
        "standardise=true",
        *few,
    )
    _run("extract", "--run", runs / "encoder", "--root", root, "--device", "cpu")
    _run(
        "train", "generator", "--root", root, "--out", runs / "generator", "--set", "model.width=8",
        "--set", "model.discriminator_width=8", "--set", "model.num_stages=2", "--set", "batch_size=4",
        "--set", "losses.feature=1", "--set", "evaluation_utterances=8", *few,
    )  # fmt: skip
    _run("extract", "--features", "teacher", "--root", root)
    _run(
        "train",
        "generator",
        "--root",
        root,
        "--out",
        runs / "painter",
        "--set",
        "model.width=8",
        "--set",
        "model.discriminator_width=8",
        "--set",
        "batch_size=4",
        "--set",
        "embeddings=picture",
        *few,
    )
    _run(
        "train",
        "prior",
        "--root",
        root,
        "--out",
        runs / "prior",
        "--set",
        f"generator={runs / 'painter'}",
        "--set",
        "components=8",
        "--set",
        "width=16",
        "--set",
        "batch_size=8",
        *few,
    )
    _run(
        "evaluate", "--model", runs / "generator", "--root", root, "--judge", runs / "judge", "--limit", "8",
        "--split", "test_seen", "test", "--curves", runs / "encoder", "--out", base / "report", "--device", "cpu",
    )  # fmt: skip
    return base


def test_run_folders_hold_what_they_promise(way: Path) -> None:
    for name in ("teacher", "encoder", "generator", "painter", "prior"):
        run = way / "runs" / name
        assert (run / "config.toml").is_file()
        lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
        assert lines and all(line["step"] <= 4 for line in lines)
        assert list((run / "tensorboard").iterdir())
        assert any(path.name.startswith("step-") for path in (run / "checkpoints").iterdir())
        assert (run / "export" / "weights.safetensors").is_file()
    assert list((way / "runs" / "generator" / "grids").glob("*.png"))


def test_report_names_the_protocol_of_every_number(way: Path) -> None:
    report = json.loads((way / "report" / "report.json").read_text())
    text = (way / "report" / "report.md").read_text()
    page = (way / "report" / "report.html").read_text()
    assert "spoken" in text and "chance" in text
    assert "<audio" in page and "<svg" in page
    assert json.dumps(report).count("protocol") >= 5


def test_generate_writes_pictures(way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wav = next((way / "songbirds").glob("CUB_200_2011_audio/audio/*/*/*.wav"))
    out = way / "pictures"
    _run(
        "generate",
        "--model",
        way / "runs" / "generator",
        wav,
        wav,
        "--num-images",
        "2",
        "--out",
        out,
        "--device",
        "cpu",
    )
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    stem = wav.stem
    assert [path.name for path in written] == [f"{stem}_0.png", f"{stem}_1.png", f"{stem}-2_0.png", f"{stem}-2_1.png"]
    assert all(Image.open(path).size == (128, 128) for path in written)


def test_text_is_spoken_first_and_stages_are_written(way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = way / "runs" / "generator"
    out = way / "text"
    _run("generate", "--model", model, "--text", "a red bird in the snow", "--stages", "--out", out, "--device", "cpu")
    assert sorted(path.name for path in out.iterdir()) == ["text0_128px.png", "text0_64px.png"]


def test_the_priors_run_paints(way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wav = next((way / "songbirds").glob("CUB_200_2011_audio/audio/*/*/*.wav"))
    _run("generate", "--model", way / "runs" / "prior", wav, "--out", way / "drawn", "--device", "cpu")
    written = capsys.readouterr().out.splitlines()
    assert [Image.open(path).size for path in written] == [(64, 64)]


def test_the_same_commands_again_do_nothing_twice(way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, run = way / "songbirds", way / "runs" / "teacher"
    before = {path: path.stat().st_mtime_ns for path in (root / "CUB_200_2011").rglob("*.jpg")}
    _run("prepare", "songbirds", "--size", "tiny", "--root", root)
    assert before == {path: path.stat().st_mtime_ns for path in (root / "CUB_200_2011").rglob("*.jpg")}
    _run("synthesize", "--root", root)
    assert "0 recordings made" in capsys.readouterr().out
    stats = (run / "stats.jsonl").read_bytes()
    _run(
        "train", "teacher", "--root", root, "--out", run, "--set", "width=8", "--set", "batch_size=8",
        "--set", "loop.max_steps=4", "--set", "loop.evaluate_every=2", "--device", "cpu", "--precision", "fp32",
    )  # fmt: skip
    assert (run / "stats.jsonl").read_bytes() == stats
    assert "step 4, finished" in capsys.readouterr().out


def test_a_run_of_other_settings_is_refused_in_one_line(way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(
        [
            "train",
            "teacher",
            "--root",
            str(way / "songbirds"),
            "--out",
            str(way / "runs" / "teacher"),
            "--set",
            "width=16",
        ]
    )
    assert status == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img:")]
    assert len(lines) == 1 and "width" in lines[0]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "encoder", "--set", "batch_sise=8"], "batch_size"),
        (["train", "encoder", "--set", "features=nothing"], "features-nothing.h5"),
        (["train", "generator", "--set", "embeddings=nothing"], "embeddings"),
        (["features", "--mel-preset", "li2021"], "li2020"),
    ],
)
def test_bad_settings_name_the_way_out(
    way: Path, argv: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--out", str(tmp_path / "run")] if argv[0] == "train" else []
    assert main([*argv, "--root", str(way / "songbirds"), *more]) in (1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and words in lines[0] and "bug" not in lines[0]


def test_check_tells_what_is_there(way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run("check", "--root", way / "songbirds", "--root", way / "nothing")
    text = capsys.readouterr().out
    assert "torch" in text and "espeak" in text
    assert "songbirds, " in text and "no manifest.jsonl" in text
    assert "features-teacher.h5" in text


def test_embeddings_are_readable_by_both_peers(way: Path) -> None:
    from speech2img.storage.foreign.peer_embeddings import load_li2020_embeddings, load_s2igan_embeddings

    folder = way / "songbirds" / "derived" / "embeddings" / "encoder"
    features, lengths = load_li2020_embeddings(folder / "test", switch="encoder")
    assert features.shape[2] == 1024 and features.shape[:2] == lengths.shape
    assert np.allclose(load_s2igan_embeddings(folder / "speech_embeddings_test.pickle")[0], features[0])
