"""What ``speech2img serve`` is asked for, what visitors may ask of it, and what is refused before it starts."""

import importlib.util
import ipaddress
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from speech2img.audio.limits import AudioLimits
from speech2img.errors import ConfigError
from speech2img.storage.reading import read_bytes

MOST_BYTES = AudioLimits().max_bytes
"""Bytes of a recording."""
TOO_LARGE = ("more than 10 MB", "cut the recording, or save it as flac, ogg or mp3")
"""What is said to more of them, and what to do."""
MOST_LETTERS = 500
"""Letters of a typed description; said plainly these are half a minute."""
MOST_PICTURES = 8
"""Pictures of one recording."""
MOST_WAITING = 40
"""Requests that wait for the worker; more are refused."""
REQUEST_SECONDS = 60
"""Seconds that one request may take, from when its turn came."""
MOST_TAKES = 24
"""Recordings with their pictures that the page of one visit shows."""
INSTALL_HINT = 'pip install ".[app]" in the checkout, or pip install "speech2img[app]"'

_LOOPBACK_NAMES = {"localhost", "ip6-localhost"}
_MOST_LOGIN_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """What the operator chose.

    Raises
    ------
    ConfigError
        If these make no sense together, or would open the page to strangers without saying so.
    """

    models: tuple[str, ...] = ("songbirds",)
    """Names of shipped weights, run or release folders; the first is chosen when the page opens."""
    host: str = "127.0.0.1"
    """Address to listen at."""
    port: int = 7860
    """0 takes any that is free."""
    auth_file: Path | None = None
    """Lines ``name:password`` of those who may come in."""
    is_open: bool = False
    """Whether anyone who reaches the host may come in."""
    share_dir: Path | None = None
    """Where recordings and pictures stay after the end; None: nowhere."""
    device: str = "auto"
    """Where models compute."""
    voice_models: tuple[str, ...] = ()
    """``ENGINE=FOLDER`` of speech engines that need a model."""

    def __post_init__(self) -> None:
        if not self.models or len(set(self.models)) < len(self.models):
            raise ConfigError.about("--model", "none, or one twice", "give each once")
        if not 0 <= self.port <= 65_535:
            raise ConfigError.about("--port", f"{self.port}", "give 1 to 65535, or 0 for any that is free")
        if self.is_open and self.auth_file is not None:
            raise ConfigError.about("--open", "together with --auth-file", "give one of them")
        if not is_loopback(self.host) and not self.is_open and self.auth_file is None:
            reason = "others would reach it, and anyone could come in"
            raise ConfigError.about(f"--host {self.host}", reason, "give --auth-file FILE, or --open if that is meant")


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches what listens at an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in _LOOPBACK_NAMES


def require_gradio() -> None:
    """Raise ConfigError where the extra is not installed."""
    missing = [name for name in ("gradio", "uvicorn", "fastapi") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError.about("serve", f"needs {missing[0]}, which is not installed", INSTALL_HINT)


def read_logins(path: Path) -> dict[str, str]:
    """Names and passwords of those who may come in.

    Parameters
    ----------
    path : Path
        Text in UTF-8, a line ``name:password`` each; empty lines and those that begin with ``#`` are left out.

    Returns
    -------
    dict of str to str
        Name to password.

    Raises
    ------
    ConfigError
        If others can read it, or it holds no such lines.
    """
    # Only its owner may read it.
    try:
        status = os.stat(path)
    except OSError as error:
        raise ConfigError.about(
            path, error.strerror or error, "make it: name:password, one a line, mode 0600"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError.about(path, "is no file", "give a file of lines name:password")
    if stat.S_IMODE(status.st_mode) & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigError.about(path, f"others can read these passwords (mode {mode:04o})", f"chmod 600 {path}")

    # Its lines.
    try:
        text = read_bytes(path, max_bytes=_MOST_LOGIN_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError.about(path, "is not text in UTF-8", "write lines name:password") from error
    logins: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, password = line.strip().partition(":")
        if not colon or not name or not password:
            raise ConfigError.about(f"{path}, line {number}", "is not name:password", "write one login a line")
        logins[name] = password
    if not logins:
        raise ConfigError.about(path, "names nobody", "write lines name:password")
    return logins
