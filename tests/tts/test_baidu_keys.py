"""Keys and tokens: where they may be, who may read them, and that no message shows them."""

import json
from pathlib import Path

import pytest

from speech2img.errors import ConfigError
from speech2img.tts.baidu_keys import BaiduKeys, Secrets, Token, TokenFile, read_keys

ENVIRON = {"BAIDU_API_KEY": "environment-key ", "BAIDU_SECRET_KEY": "environment-secret"}


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_where_keys_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(ConfigError, match="BAIDU_API_KEY"):
        read_keys(environ={})
    write(tmp_path / "config" / "speech2img" / "baidu.toml", 'api_key = "usual-key"\nsecret_key = "usual-secret"\n')
    named = write(tmp_path / "named.toml", 'api_key = "named-key"\nsecret_key = "named-secret"\n')
    assert read_keys(environ={}) == BaiduKeys("usual-key", "usual-secret")
    assert read_keys(environ=ENVIRON) == BaiduKeys("environment-key", "environment-secret")
    assert read_keys(named, environ=ENVIRON) == BaiduKeys("named-key", "named-secret")


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ('api_key = "hidden-a"\nsecret_key = "hidden-b"\n', 0o640, "chmod 600"),
        ('api_key = "hidden-a"\nsecret_key = "hidden-b"\n', 0o604, "chmod 600"),
        ("api_key = hidden-a\n", 0o600, "is not TOML"),
        ('api_key = "hidden-a"\n', 0o600, "the secret key is missing"),
        ('api_key = 7\nsecret_key = "hidden-b"\n', 0o600, "the API key is missing"),
        ('api_key = "hidden a"\nsecret_key = "hidden-b"\n', 0o600, "characters that no key has"),
        ('api_key = "hidden-a"\nsecret_key = "hidden\\n"\n', 0o600, "characters that no key has"),
        ("x" * 100_000, 0o600, "larger than"),
        ("\x00\x01", 0o600, "is not TOML"),
    ],
)
def test_bad_key_files(tmp_path: Path, text: str, mode: int, message: str) -> None:
    path = write(tmp_path / "keys.toml", text, mode)
    with pytest.raises(ConfigError, match=message) as caught:
        read_keys(path)
    assert "hidden" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_key_file_and_half_an_environment(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_keys(tmp_path / "nothing.toml", environ=ENVIRON)
    with pytest.raises(ConfigError, match="directory|regular"):
        folder = tmp_path / "folder"
        folder.mkdir(mode=0o700)
        read_keys(folder)
    with pytest.raises(ConfigError, match="the secret key is missing"):
        read_keys(environ={"BAIDU_API_KEY": "hidden"})


def test_nothing_shows_a_secret() -> None:
    assert "secret" not in repr([BaiduKeys("secret", "secret"), Token("secret", 0.0)])
    secrets = Secrets("a+b/c=", "")
    secrets.add("a+b/c=&longer")
    assert secrets.hide("x a+b/c= y a%2Bb%2Fc%3D z a+b/c=&longer") == "x *** y *** z ***"


def test_a_token_is_kept_for_its_owner_account_and_time(tmp_path: Path) -> None:
    now = 1000.0
    path = tmp_path / "cache" / "token.json"
    file = TokenFile(path, account="a", clock=lambda: now)
    assert file.read() is None
    file.write(Token("t", 5000.0))
    assert path.stat().st_mode & 0o777 == 0o600
    assert file.read() == Token("t", 5000.0)
    assert TokenFile(path, account="b", clock=lambda: now).read() is None
    now = 4950.0
    assert file.read() is None
    now = 1000.0
    path.chmod(0o644)
    assert file.read() is None
    file.write(Token("u", 5000.0))
    assert path.stat().st_mode & 0o777 == 0o600
    assert file.read() == Token("u", 5000.0)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"token": 1}', "[" * 99_999, json.dumps({"expires": "x"})])
def test_a_damaged_token_file_is_no_token(tmp_path: Path, text: str) -> None:
    assert TokenFile(write(tmp_path / "token.json", text), account="a").read() is None


def test_a_token_that_cannot_be_kept_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    TokenFile(tmp_path / "file" / "token.json", account="a").write(Token("hidden", 1e12))
    assert "cannot be kept" in caplog.text and "hidden" not in caplog.text
    TokenFile(None, account="a").write(Token("t", 1e12))
