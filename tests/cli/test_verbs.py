"""What the verbs do with bad input: one line on standard error that names what, why and the way out."""

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from speech2img.app import settings
from speech2img.cli.check import PASCAL_TORCH, _page_line, device_advice
from speech2img.cli.generate import unique_names
from speech2img.cli.main import main


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, make_release: Callable[..., Path]) -> str:
    """A tiny whole model."""
    return str(make_release(tmp_path_factory.mktemp("model") / "tiny"))


def _refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(argv) in (1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("speech2img: ") and "bug" not in lines[0], lines
    return lines[0]


def _tone(path: Path, seconds: float = 1.0) -> Path:
    time = np.arange(int(16000 * seconds)) / 16000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 300 * time * (1 + 0.2 * time)), 16000)
    return path


def test_generate_again_replaces_whole_pictures(model: str, tmp_path: Path) -> None:
    wav, out = _tone(tmp_path / "a.wav"), tmp_path / "out"
    for seed in ("0", "1"):
        assert main(["generate", "--model", model, str(wav), "--out", str(out), "--seed", seed]) == 0
    assert [path.name for path in out.iterdir()] == ["a.png"]
    assert Image.open(out / "a.png").size == (128, 128)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["generate", "--model", "songbrid", "a.wav", "--out", "o"], "no shipped weights of that name"),
        (["evaluate", "--model", "m", "--root", "NOWHERE"], "prepare"),
        (["synthesize", "--root", "NOWHERE"], "prepare"),
        (["features", "--root", "NOWHERE"], "prepare"),
        (["prepare", "cub", "--root", "NOWHERE"], "CUB_200_2011"),
        (["prepare", "cub100", "--root", "NOWHERE"], "--realdata"),
        (["train", "teacher", "--root", "NOWHERE", "--out", "OUT"], "prepare"),
        (["train", "teacher", "--root", "NOWHERE", "--out", "OUT", "--config", "NOWHERE/x.toml"], "x.toml"),
        (["train", "encoder", "--root", "NOWHERE", "--out", "OUT", "--set", "nonsense"], "key=value"),
        (["train", "encoder", "--root", "NOWHERE", "--out", "OUT", "--preset", "vq"], "li2020, s2igan"),
        (["train", "judge", "--root", "NOWHERE", "--out", "OUT", "--preset", "s2igan"], "judge has none"),
        (["extract", "--run", "NOWHERE", "--root", "NOWHERE"], "NOWHERE"),
        (["extract", "--pickles", "NOWHERE", "--root", "NOWHERE"], "prepare"),
    ],
)
def test_missing_things_are_named_with_the_way_out(
    argv: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPEECH2IMG_REALDATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert words in _refused(argv, capsys)


def test_an_unknown_key_names_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "teacher.toml"
    config.write_text("widht = 16\n")
    line = _refused(["train", "teacher", "--root", "x", "--out", str(tmp_path / "r"), "--config", str(config)], capsys)
    assert "widht" in line and "'width'" in line
    assert not (tmp_path / "r").exists()


def test_evaluate_without_a_judge_says_where_to_get_one(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech2img.storage.releases import find_release as releases

    item = {
        "id": "001.A/1",
        "image": "1.jpg",
        "class_id": 0,
        "class_name": "001.A",
        "split": "test",
        "box": None,
        "attributes": {"size": "small"},
        "captions": [],
    }
    header = {"format": "speech2img-manifest", "version": 1, "corpus": "songbirds", "items": 1, "meta": {}}
    (tmp_path / "manifest.jsonl").write_text(f"{json.dumps(header)}\n{json.dumps(item)}\n")
    monkeypatch.setattr(releases, "shipped_folder", lambda: tmp_path / "none")
    assert "songbirds-judge" in _refused(["evaluate", "--model", model, "--root", str(tmp_path)], capsys)


@pytest.mark.parametrize(
    ("capability", "built_for", "words"),
    [
        ((6, 1), ["sm_75", "sm_80", "sm_90"], PASCAL_TORCH),
        ((6, 1), ["sm_50", "sm_60", "sm_70"], "fp32"),
        ((7, 5), ["sm_75", "sm_80"], "fp16"),
        ((9, 0), ["sm_75", "sm_90a"], "bf16"),
    ],
)
def test_device_advice(capability: tuple[int, int], built_for: list[str], words: str) -> None:
    assert words in device_advice(capability, built_for)


def test_names_of_pictures_never_meet() -> None:
    assert unique_names(["a", "a", "a-2", "b"]) == ["a", "a-2", "a-2-2", "b"]
    assert unique_names(["Ä", "ä", "A\u0308", "a\u0308", "A"]) == ["Ä", "ä-2", "A\u0308-3", "a\u0308-4", "A"]


def test_check_says_whether_the_page_can_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.importlib.util, "find_spec", lambda name: None)
    assert _page_line() == f"missing (serve: needs gradio, which is not installed; {settings.INSTALL_HINT})"
    monkeypatch.setattr(settings, "require_gradio", lambda: None)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "6.31.0")
    assert _page_line() == "ready, speech2img serve, by gradio 6.31.0"
