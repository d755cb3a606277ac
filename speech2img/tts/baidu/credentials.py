"""The user's keys of Baidu's service, and the access token that is had for them: never in arguments, logs or errors."""

import hashlib
import json
import logging
import os
import re
import stat
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard
from urllib.parse import quote, quote_plus

from speech2img.errors import ConfigError, DataError, DiskFullError
from speech2img.storage.atomic import atomic_path
from speech2img.storage.reading import parse_json, read_bytes

API_KEY, SECRET_KEY = "BAIDU_API_KEY", "BAIDU_SECRET_KEY"
HOW = (
    f"set {API_KEY} and {SECRET_KEY} in the environment, or write a file of mode 0600 with the two lines "
    'api_key = "..." and secret_key = "..." and name it by --keys (the console of ai.baidu.com shows both keys)'
)

_MAX_FILE_BYTES = 16 << 10
_MAX_TOKEN = 4096
_ESCAPE = re.compile("%[0-9A-F]{2}")
_SPARE_SECONDS = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BaiduKeys:
    """What an application of Baidu's console is known by."""

    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """What a request is allowed by."""

    value: str = field(repr=False)
    expires: float
    """Seconds since the epoch."""


def is_token(value: object) -> TypeGuard[str]:
    """Whether a value may be a token: printable ASCII of sensible length."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_TOKEN and value.isascii() and value.isprintable()


def default_key_file() -> Path | None:
    """Where the keys are looked for when neither the environment nor an option gives them; None without a home."""
    return _at_home("XDG_CONFIG_HOME", ".config", "baidu.toml")


def default_token_file() -> Path | None:
    """Where the token is kept between calls; None without a home."""
    return _at_home("XDG_CACHE_HOME", ".cache", "baidu-token.json")


def _at_home(variable: str, folder: str, name: str) -> Path | None:
    try:
        return Path(os.environ.get(variable) or Path.home() / folder) / "speech2img" / name
    except RuntimeError:  # there is no home
        return None


def read_keys(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> BaiduKeys:
    """Find the keys: in the file if one is named, else in the environment, else in `default_key_file`.

    Parameters
    ----------
    path : Path, optional
        A TOML file with ``api_key`` and ``secret_key`` that only its owner can read.
    environ : mapping
        Where BAIDU_API_KEY and BAIDU_SECRET_KEY may be.

    Raises
    ------
    ConfigError
        If there are none, the file is open to others, or what stands there can be no keys. No message holds a key.
    """
    if path is None:
        values = [environ.get(API_KEY, "").strip(), environ.get(SECRET_KEY, "").strip()]
        if any(values):
            return _checked("environment", values)
        path = default_key_file()
        if path is None or not os.path.lexists(path):
            raise ConfigError.about("Baidu", "no keys", HOW)
    return _checked(path, _read_key_file(path))


def _read_key_file(path: Path) -> list[object]:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError.about(path, "others than its owner may read these keys", f"run: chmod 600 {path}")
        data = read_bytes(path, max_bytes=_MAX_FILE_BYTES)
    except (OSError, ValueError, DataError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).removeprefix(f"{path}: ")
        raise ConfigError.about(path, reason, HOW) from None
    try:
        table = tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        raise ConfigError.about(path, "is not TOML", HOW) from None
    return [table.get("api_key", ""), table.get("secret_key", "")]


def _checked(source: object, values: list[object] | list[str]) -> BaiduKeys:
    names = ("the API key", "the secret key")
    for name, value in zip(names, values, strict=True):
        if not isinstance(value, str) or not value:
            raise ConfigError.about(source, f"{name} is missing", HOW)
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ConfigError.about(source, f"{name} has characters that no key has", HOW)
    return BaiduKeys(str(values[0]), str(values[1]))


class Secrets:
    """Values that no message may show."""

    def __init__(self, *values: str) -> None:
        self._values: set[str] = set()
        self.add(*values)

    def add(self, *values: str) -> None:
        """Hide these too, in every spelling that a form, an address, JSON or Python gives them."""
        for value in values:
            if value:
                shown = {json.dumps(value)[1:-1], json.dumps(value)[1:-1].replace("/", "\\/"), repr(value)[1:-1]}
                sent = {quote(value, safe=""), quote_plus(value)}
                self._values |= {
                    value,
                    *shown,
                    *sent,
                    *(_ESCAPE.sub(lambda code: code[0].lower(), text) for text in sent),
                }

    def hide(self, text: str) -> str:
        """Return the text with stars for every such value."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, "***")
        return text


class TokenFile:
    """A token kept on disk for its owner alone; a file that is damaged, old or open to others is no token.

    Parameters
    ----------
    path : Path or None
        Where; None keeps nothing.
    account : str
        What the token was had for; another account's is no token.
    clock : callable
        Gives seconds since the epoch.
    """

    def __init__(self, path: Path | None, *, account: str, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._account = hashlib.sha256(account.encode()).hexdigest()[:16]
        self._clock = clock

    def is_valid(self, token: Token) -> bool:
        """Whether a token will hold for another minute."""
        return self._clock() + _SPARE_SECONDS < token.expires

    def read(self) -> Token | None:
        """Return the token that is kept, if it is good."""
        if self.path is None:
            return None
        try:
            if self.path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                return None
            fields = parse_json(read_bytes(self.path, max_bytes=_MAX_FILE_BYTES))
            value, expires = fields["token"], fields["expires"]
            if not is_token(value) or type(expires) not in (int, float) or fields["account"] != self._account:
                return None
        except (OSError, DataError, ValueError, LookupError, TypeError):
            return None
        token = Token(value, float(expires))
        return token if self.is_valid(token) else None

    def write(self, token: Token) -> None:
        """Keep a token; where that is not possible, each call asks for one."""
        if self.path is None:
            return
        fields = {"account": self._account, "token": token.value, "expires": token.expires}
        try:
            with atomic_path(self.path) as temp:
                descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with open(descriptor, "w", encoding="utf-8") as file:
                    json.dump(fields, file)
        except (DataError, DiskFullError) as error:
            logger.warning("the token of Baidu's service cannot be kept: %s", error)
