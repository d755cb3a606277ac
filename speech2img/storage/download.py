"""Verified downloads: over TLS, of a known size and check sum, going on after every interruption, whole or absent."""

import hashlib
import http.client
import os
import random
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any

from speech2img.errors import DataError, RunInterrupted
from speech2img.storage.atomic import disk_errors, disk_full, fsync, read_json, write_json
from speech2img.storage.lock import run_lock
from speech2img.storage.progress import Progress

READ_TIMEOUT = 30.0
MAX_BYTES = 30 << 30
TRIES = 5
ENOUGH_PROGRESS = 1 << 20
"""Bytes that a try has to bring so that the count of tries begins anew."""
_CHUNK = 1 << 18
_LONGEST_WAIT = 60.0
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A file on a server, and how it is known to be the right one."""

    url: str
    """``https://...``; plain http is for this machine only."""
    size: int | None = None
    """Bytes, where they are published."""
    sha256: str | None = None
    """64 hex digits, where they are published."""
    md5: str | None = None
    """32 hex digits, where nothing better is published: against damage, not against malice."""
    page: str = ""
    """The official page, for messages."""

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if not (self.size or self.sha256 or self.md5):
            raise ValueError(f"{self.url}: neither size nor check sum, so nothing could be verified")
        _check_address(self.url)
        if not parts.path.rpartition("/")[2]:
            raise ValueError(f"{self.url}: no file name")

    @property
    def name(self) -> str:
        """The file's name."""
        return urllib.parse.unquote(urllib.parse.urlsplit(self.url).path).rpartition("/")[2]


def download(
    remote: Remote, path: str | Path, *, progress: bool = True, wait: Callable[[float], None] = time.sleep
) -> Path:
    """Fetch a file.

    Parameters
    ----------
    remote : Remote
        What to fetch.
    path : path
        Where it belongs. Beside it, ``<path>.part`` holds what has come so far, and ``<path>.part.json`` which version
        of the file that is a part of: the same call goes on from there, also after a power cut.
    progress : bool
        Whether to show a progress bar.
    wait : callable
        Waits so many seconds before another try.

    Returns
    -------
    Path
        ``path``: the whole file, its check sum verified. One that is there already is verified instead.

    Raises
    ------
    DataError
        If the address is not safe, the server refuses, five tries in a row bring nothing, or what came is not the
        published file (it is removed then).
    ConfigError
        If another process fetches it.
    DiskFullError, RunInterrupted
        On a full disk and on Ctrl-C: what has come stays.
    """
    path = Path(path)
    if path.is_file():
        _verify(path, remote)
        return path
    part = path.with_name(f"{path.name}.part")
    with run_lock(path.parent), disk_errors(path, remote.size):
        transfer = _Transfer(remote, part)
        bar = Progress(total=transfer.total, what=path.name, unit="B", progress=progress)
        try:
            with bar:
                _fetch(transfer, bar, wait)
        except KeyboardInterrupt:
            reason = f"interrupted after {transfer.offset:,} bytes"
            raise RunInterrupted.about(path, reason, "run the same command again to go on") from None
        try:
            _verify(part, remote)
        except DataError:
            transfer.forget()
            raise
        fsync(part)
        os.replace(part, path)
        fsync(path.parent)
        transfer.facts_path.unlink(missing_ok=True)
    return path


def _check_address(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise DataError.about(url, "is not an https address", "fetch the file by hand")


def _verify(path: Path, remote: Remote) -> None:
    size = path.stat().st_size
    if remote.size is not None and size != remote.size:
        raise DataError.about(path, f"has {size:,} bytes, published are {remote.size:,}", _by_hand(remote))
    kind, wanted = ("sha256", remote.sha256) if remote.sha256 else ("md5", remote.md5)
    if wanted is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != wanted:
        reason = f"is not the published file (its {kind.upper()} is {found}, not {wanted})"
        raise DataError.about(path, reason, f"remove it and try again, or {_by_hand(remote)}")


def _by_hand(remote: Remote) -> str:
    return f"fetch it by hand from {remote.page or remote.url}"


class _Transfer:
    """One file on its way: what has come, of which version, and how long it will be."""

    def __init__(self, remote: Remote, part: Path) -> None:
        self.remote, self.part = remote, part
        self.facts_path = part.with_name(f"{part.name}.json")
        self.version, self.total = "", remote.size
        match self._facts():
            case {"version": str(version), "total": int() | None as total}:
                self.version, self.total = version, total
        if not self.version or (self.total is not None and self.offset > self.total):
            self.forget()

    def _facts(self) -> object:
        try:
            return read_json(self.facts_path) if self.facts_path.is_file() else None
        except DataError:
            return None

    @property
    def offset(self) -> int:
        """Bytes that have come."""
        return self.part.stat().st_size if self.part.is_file() else 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it has come, as far as the length is known."""
        return self.total is not None and self.offset == self.total

    def forget(self) -> None:
        """Begin anew."""
        self.version, self.total = "", self.remote.size
        self.part.unlink(missing_ok=True)
        self.facts_path.unlink(missing_ok=True)

    def request(self) -> urllib.request.Request:
        """Ask for the rest of the same version, or for all of it where the server does not name versions."""
        if not self.version:
            self.forget()
        headers = {"User-Agent": "speech2img", "Accept-Encoding": "identity"}
        if self.offset:
            headers |= {"Range": f"bytes={self.offset}-", "If-Range": self.version}
        return urllib.request.Request(self.remote.url, headers=headers)

    def begin(self, status: int, headers: Message) -> None:
        """Take note of what the server is about to send."""
        if status == 206:
            first, _, total = headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            if first.partition("-")[0] != str(self.offset) or (total.isdecimal() and int(total) != self.total):
                self.forget()
                raise http.client.HTTPException("the server goes on at another place than asked for")
            return
        self.forget()
        length = headers.get("Content-Length", "")
        self.total = int(length) if length.isdecimal() else self.remote.size
        if self.remote.size is not None and self.total != self.remote.size:
            reason = f"has {self.total:,} bytes, published are {self.remote.size:,}"
            raise DataError.about(self.remote.url, reason, _by_hand(self.remote))
        if (self.total or 0) > MAX_BYTES:
            raise DataError.about(self.remote.url, f"has {self.total:,} bytes", _by_hand(self.remote))
        free = shutil.disk_usage(self.part.parent).free
        if (self.total or 0) > free:
            raise disk_full(self.part, self.total)
        strong = headers.get("ETag", "")
        self.version = strong if strong and not strong.startswith("W/") else headers.get("Last-Modified", "")
        if self.version:
            write_json(self.facts_path, {"version": self.version, "total": self.total})

    def take(self, file: IO[bytes], data: bytes, have: int) -> None:
        """Write what has come; DataError if it is more than there should be."""
        if have > (MAX_BYTES if self.total is None else self.total):
            file.close()
            self.forget()
            raise DataError.about(self.remote.url, "sends more than it promised", _by_hand(self.remote))
        with disk_errors(self.part, self.total):
            file.write(data)
            file.flush()


def _fetch(transfer: _Transfer, bar: Progress, wait: Callable[[float], None]) -> None:
    failures = 0
    while not transfer.is_whole:
        before = transfer.offset
        pause: float | None = None
        try:
            reason = _one_try(transfer, bar)
            if reason is None:
                return
        except urllib.error.HTTPError as error:
            reason = f"the server says {error.code} {error.reason}"
            if error.code == 416:
                transfer.forget()
            elif error.code not in _AGAIN:
                raise DataError.about(transfer.remote.url, reason, _by_hand(transfer.remote)) from error
            pause = _asked_pause(error.headers)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        if transfer.is_whole:
            return
        failures = 1 if transfer.offset - before >= ENOUGH_PROGRESS else failures + 1
        if failures == TRIES:
            text = f"{TRIES} tries in a row brought next to nothing, the last because: {reason}"
            raise DataError.about(transfer.remote.url, text, "run the same command again later to go on")
        wait(random.uniform(0, min(_LONGEST_WAIT, 0.5 * 2**failures)) if pause is None else pause)


def _one_try(transfer: _Transfer, bar: Progress) -> str | None:
    """Take what the server gives; returns why it ended too early, or None if all has come."""
    with _OPENER.open(transfer.request(), timeout=READ_TIMEOUT) as response:
        transfer.begin(response.status, response.headers)
        bar.total = transfer.total
        with transfer.part.open("ab") as file:
            have = transfer.offset
            bar.update(have - bar.n)
            while data := response.read(_CHUNK):
                have += len(data)
                transfer.take(file, data, have)
                bar.update(len(data))
    return None if transfer.total is None or transfer.is_whole else "the connection ended early"


def _asked_pause(headers: Message | None) -> float | None:
    value = headers.get("Retry-After", "") if headers is not None else ""
    return min(float(value), _LONGEST_WAIT) if value.isdecimal() else None


class _SafeRedirect(urllib.request.HTTPRedirectHandler):
    """Follows to safe addresses only."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_SafeRedirect)
