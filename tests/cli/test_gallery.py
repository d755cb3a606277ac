"""``speech2img gallery``: the page and the images beside it; what cannot be heard, loaded or replaced is one line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from speech2img.cli.main import main
from speech2img.gallery.recordings_table import packaged_recordings

TWELVE = packaged_recordings()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, make_release: Callable[..., Path]) -> str:
    """A tiny whole model."""
    return str(make_release(tmp_path_factory.mktemp("model") / "tiny"))


def _line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_without_recordings_it_shows_those_of_the_package(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["gallery", "--model", model, "--model", model, "--out", str(out), "--images", "1"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(out / "index.html")] and printed.err == ""
    names = {f"{recording.name}_{label}_0.png" for recording in TWELVE for label in ("tiny", "tiny-2")}
    assert {path.name for path in out.iterdir()} == {"index.html", *names}
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 12 and page.count("<img") == 24 and page.count(f"<b>{model}</b>") == 2


def test_the_same_seed_gives_the_same_page_again_in_the_same_folder(model: str, tmp_path: Path) -> None:
    given = ["gallery", "--model", model, str(TWELVE[0].path), "--out", str(tmp_path / "out")]
    pages = []
    for seed in ("1", "1", "2"):
        assert main([*given, "--seed", seed]) == 0
        pages.append((tmp_path / "out" / "index.html").read_bytes())
    assert pages[0] == pages[1] != pages[2]


def test_a_folder_of_recordings_one_of_them_bad(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.copy(TWELVE[1].path, mine / "good.ogg")
    (mine / "bad.wav").write_bytes(b"these are words")
    out = tmp_path / "out"
    assert main(["gallery", "--model", model, "--model", model, str(mine), "--out", str(out)]) == 1
    assert _line(capsys).startswith(f"speech2img: {mine}/bad.wav: ")
    assert sorted(path.name for path in out.glob("*_tiny_*.png")) == ["good_tiny_0.png", "good_tiny_1.png"]
    first, second = (np.asarray(Image.open(out / f"good_tiny_{number}.png")).astype(int) for number in (0, 1))
    assert np.abs(first - second).max() > 1
    assert "good.ogg" in (out / "index.html").read_text(encoding="utf-8")


def test_nothing_to_hear_writes_nothing(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.wav").write_bytes(b"")
    assert main(["gallery", "--model", model, str(tmp_path / "bad.wav"), "--out", str(tmp_path / "out")]) == 1
    assert "the file is empty" in _line(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "hear-anyon"], "did you mean 'hear-anyone'?"),
        (["--images", "9"], "--images: 9 of each recording; at most 8 fit the page"),
        (["nowhere.wav"], "nowhere.wav: no such file or folder"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gallery", *options, "--out", str(tmp_path / "out")]) != 0
    assert words in _line(capsys)
    assert not (tmp_path / "out").exists()


def test_an_encoder_alone_paints_nothing(
    tmp_path: Path, make_release: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = make_release(tmp_path / "encoder", kind="speech-encoder")
    assert main(["gallery", "--model", str(encoder), "--out", str(tmp_path / "out")]) != 0
    assert "has no generator" in _line(capsys)


def test_a_page_of_another_program_is_kept(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "index.html").write_text("<h1>My home page</h1>")
    assert main(["gallery", "--model", model, str(TWELVE[0].path), "--out", str(tmp_path)]) != 0
    assert "is no page of speech2img gallery" in _line(capsys)
    assert (tmp_path / "index.html").read_text() == "<h1>My home page</h1>"
    assert not list(tmp_path.glob("*.png"))


def test_too_many_recordings_are_refused(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(TWELVE[0].path)] * 201
    assert main(["gallery", "--model", model, *paths, "--out", str(tmp_path / "out")]) != 0
    assert "201 recordings; give at most 200" in _line(capsys)
