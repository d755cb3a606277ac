"""``speech2img serve``: what is refused in one line before anything is loaded, and a server that a signal ends."""

import os
import select
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from speech2img.app import server, settings
from speech2img.cli.main import main


def _line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "give --auth-file FILE, or --open if that is meant"),
        (["--open", "--auth-file", "x"], "--open: together with --auth-file; give one of them"),
        (["--port", "70000"], "--port: 70000; give 1 to 65535"),
        (["--model", "a", "--model", "a"], "--model: none, or one twice; give each once"),
    ],
)
def test_what_makes_no_sense_is_one_line(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *options]) == 2
    assert words in _line(capsys)


def test_without_gradio_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settings.importlib.util, "find_spec", lambda name: None)
    assert main(["serve"]) == 2
    assert _line(capsys).startswith("speech2img: serve: needs gradio, which is not installed; pip install")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "songbird"], "did you mean 'songbirds'?"),
        (["--voice-model", "espeak=x"], "--voice-model: 'espeak=x'; give ENGINE=FOLDER"),
        (["--auth-file", "none"], "none: No such file or directory"),
    ],
)
def test_what_is_not_there_is_one_line(
    options: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "require_gradio", lambda: None)
    assert main(["serve", "--port", "0", "--device", "cpu", *options]) != 0
    assert words in _line(capsys)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_its_folder(
    number: signal.Signals, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    pytest.importorskip("gradio", reason='the app extra is not installed: pip install ".[app]"')
    toy = make_release(tmp_path / "toy")
    folder = tmp_path / "temporary"
    folder.mkdir()
    command = [sys.executable, "-m", "speech2img", "serve", "--model", str(toy), "--port", "0", "--device", "cpu"]
    environ = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None and serving.stderr is not None
        try:
            assert select.select([serving.stdout], [], [], 120)[0]
            address = serving.stdout.readline().split()[0]
            with urllib.request.urlopen(address, timeout=60) as answer:
                assert b"speech2img" in answer.read()
            assert [path.name.startswith("speech2img-app-") for path in folder.iterdir()] == [True]
            serving.send_signal(number)
            assert serving.wait(60) == 128 + number
            assert serving.stderr.read() == "" and not list(folder.iterdir())
        finally:
            serving.kill()
