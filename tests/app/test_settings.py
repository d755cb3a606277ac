"""What the operator may ask for, and who may come in."""

from pathlib import Path
from typing import Any

import pytest

from speech2img.app import settings
from speech2img.app.settings import AppSettings, is_loopback, read_logins, require_gradio
from speech2img.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("localhost", True), ("::1", True), ("[::1]", True)]
    + [("0.0.0.0", False), ("192.168.1.4", False), ("localhost.evil.example", False), ("", False), ("::", False)],
)
def test_what_is_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) is local


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"host": "0.0.0.0"}, "anyone could come in; give --auth-file FILE, or --open"),
        ({"is_open": True, "auth_file": Path("logins")}, "--open: together with --auth-file"),
        ({"models": ()}, "--model: none, or one twice"),
        ({"models": ("songbirds", "songbirds")}, "give each once"),
        ({"port": 65_536}, "--port: 65536"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        AppSettings(**given)
    AppSettings(host="0.0.0.0", is_open=True)
    AppSettings(host="0.0.0.0", auth_file=Path("logins"))


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'serve: needs gradio, which is not installed; pip install "\.\[app\]"'):
        require_gradio()


def _file(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_logins_are_lines_of_a_private_file(tmp_path: Path) -> None:
    path = _file(tmp_path / "logins", "# the lab\nanna:s3cret:with colon\n\n  björn:pass word \n")
    assert read_logins(path) == {"anna": "s3cret:with colon", "björn": "pass word"}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_passwords_that_others_read_are_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match=rf"others can read these passwords \(mode {mode:04o}\); chmod 600"):
        read_logins(_file(tmp_path / "logins", "anna:x\n", mode))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("anna", "line 1: is not name:password"),
        ("anna:x\n:y", "line 2: is not name:password"),
        ("anna:", "line 1"),
        ("# nobody\n", "names nobody"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_logins(_file(tmp_path / "logins", text))


def test_no_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory; make it"):
        read_logins(tmp_path / "none")
    with pytest.raises(ConfigError, match="is no file"):
        read_logins(tmp_path)
