"""Keys and tokens: where they may be, who may read them, and that no message shows them."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.errors import ConfigError
from speech2img.tts.baidu.credentials import BaiduKeys, Secrets, Token, TokenFile, default_token_file, read_keys

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
    secrets.add('q"u\\o/te')
    assert secrets.hide('q"u\\o/te q\\"u\\\\o\\/te q\\"u\\\\o/te q"u\\\\o/te a%2bb%2fc%3d') == "*** *** *** *** ***"


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


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_pipes_and_devices_hold_no_keys_and_no_token(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "keys"
    os.mkfifo(path, 0o600) if kind == "fifo" else path.symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="is not a regular file") as caught:
        read_keys(path)
    assert str(caught.value).count(str(path)) == 1
    assert TokenFile(path, account="a").read() is None


def test_without_a_home_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert default_token_file() is None
    with pytest.raises(ConfigError, match="no keys"):
        read_keys(environ={})


@pytest.mark.parametrize(
    "text", ["a." * 8000 + "a = 1", "a = " + "[" * 16_000, "a = 1" + "0" * 5000, "a = {b=" * 2000, "[a]\n" * 3000]
)
def test_toml_that_is_made_to_stop_a_reader(tmp_path: Path, text: str) -> None:
    started = time.monotonic()
    with pytest.raises(ConfigError, match=r"keys.toml"):
        read_keys(write(tmp_path / "keys.toml", text))
    assert time.monotonic() - started < 5


@given(data=st.binary(max_size=80))
@settings(max_examples=100, deadline=5000)
def test_any_bytes_are_keys_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = write(tmp_path_factory.mktemp("keys") / "keys.toml", "")
    path.write_bytes(data)
    with pytest.raises(ConfigError):
        read_keys(path)


GOOD = {"account": "ca978112ca1bbdca", "token": "24.t", "expires": 5e9}


@given(
    data=st.one_of(
        st.binary(max_size=80),
        st.builds(
            lambda key, value: json.dumps({**GOOD, key: value}).encode(),
            st.sampled_from(sorted(GOOD)),
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([]),
        ),
    )
)
@settings(max_examples=150, deadline=5000)
def test_any_bytes_are_a_token_or_none(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = write(tmp_path_factory.mktemp("token") / "token.json", "")
    path.write_bytes(data)
    token = TokenFile(path, account="a").read()
    assert token is None or (token.value and 0 < token.expires < float("inf"))


def test_the_token_of_these_tests_is_one(tmp_path: Path) -> None:
    path = write(tmp_path / "token.json", json.dumps(GOOD))
    assert TokenFile(path, account="a").read() == Token("24.t", 5e9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"token": 1}',
        "[" * 9_999,
        json.dumps({"expires": "x"}),
        *(
            json.dumps({**GOOD, "expires": "@"}).replace('"@"', wrong)
            for wrong in ("1" + "0" * 400, "9" * 5000, "Infinity", '"inf"')
        ),
        json.dumps({**GOOD, "token": "a\nb"}),
    ],
)
def test_a_damaged_token_file_is_no_token(tmp_path: Path, text: str) -> None:
    assert TokenFile(write(tmp_path / "token.json", text), account="a").read() is None


def test_a_token_that_cannot_be_kept_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    TokenFile(tmp_path / "file" / "token.json", account="a").write(Token("hidden", 1e12))
    assert "cannot be kept" in caplog.text and "hidden" not in caplog.text
    TokenFile(None, account="a").write(Token("t", 1e12))
