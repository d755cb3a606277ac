"""Verified downloads: over TLS, of a known size and check sum, going on after every interruption, whole or absent."""

import contextlib
import hashlib
import http.client
import os
import random
import shutil
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO

from speech2img.errors import DataError, DiskFullError, RunInterrupted
from speech2img.storage.atomic import disk_errors, disk_full, fsync, write_json
from speech2img.storage.exchange import Clock, UntrustedError, WebError, exchange, is_loopback, read_piece, whole_number
from speech2img.storage.lock import run_lock
from speech2img.storage.progress import Progress
from speech2img.storage.reading import read_json

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
"""Seconds within which an answer has to begin, redirects included, and within which `LEAST_HEADWAY` has to come."""
LEAST_HEADWAY = 16 << 10
MAX_BYTES = 30 << 30
TRIES = 5
ENOUGH_PROGRESS = 1 << 20
"""Bytes that a try has to bring so that the count of tries starts again."""
_LONGEST_WAIT = 60.0
_LONGEST_VERSION = 1000
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10


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
        if not (self.size or self.sha256 or self.md5):
            raise ValueError(f"{self.url}: neither size nor check sum, so nothing could be verified")
        _check_address(self.url)
        if not self.name:
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
        of the file that is a part of: the same call resumes from there, also after a power cut.
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
    DiskFullError
        On a full disk: what has come is removed, for it is in the way.
    RunInterrupted
        On Ctrl-C: what has come stays.
    """
    # A file that is there must be the one that was published.
    path = Path(path)
    if path.is_file():
        _verify(path, remote)
        return path
    part = path.with_name(f"{path.name}.part")
    with run_lock(path.parent):
        with disk_errors(part):
            transfer = _Transfer(remote, part)
        try:
            with disk_errors(path, remote.size):
                _complete(transfer, path, progress, wait)
        except DiskFullError:
            # A part that fills the disk is in the way of everybody: it goes, and the next call starts again.
            transfer.forget()
            raise
    return path


def _complete(transfer: "_Transfer", path: Path, progress: bool, wait: Callable[[float], None]) -> None:
    """Fetch what is missing, check all of it, and put it in its place."""
    # Transfer.
    try:
        with Progress(total=transfer.total, what=path.name, unit="B", progress=progress) as shown:
            _fetch(transfer, shown, wait)
    except KeyboardInterrupt:
        reason = f"interrupted after {transfer.offset:,} bytes"
        raise RunInterrupted.about(path, reason, "run the same command again to go on") from None
    try:
        _verify(transfer.part, transfer.remote)
    except DataError:
        transfer.forget()
        raise
    # Complete under the final name.
    fsync(transfer.part)
    os.replace(transfer.part, path)
    fsync(path.parent)
    transfer.facts_path.unlink(missing_ok=True)


def _check_address(url: str) -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        parts.port  # noqa: B018  (reading it checks it)
    except ValueError:
        raise DataError.about(repr(url[:200]), "is no address", "fetch the file by hand") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise DataError.about(url[:200], "is not an https address", "fetch the file by hand")
    if not parts.hostname:
        raise DataError.about(url[:200], "is an address without a host", "fetch the file by hand")


def _verify(path: Path, remote: Remote) -> None:
    size = path.stat().st_size
    if remote.size is not None and size != remote.size:
        raise DataError.about(path, f"has {size:,} bytes, published are {remote.size:,}", _by_hand(remote))
    kind, wanted = ("sha256", remote.sha256) if remote.sha256 else ("md5", remote.md5)
    if wanted is None:
        return
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, kind).hexdigest()
    if actual != wanted:
        reason = f"is not the published file (its {kind.upper()} is {actual}, not {wanted})"
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
                self.version, self.total = _as_version(version), total
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
        """Start again."""
        self.version, self.total = "", self.remote.size
        self.part.unlink(missing_ok=True)
        self.facts_path.unlink(missing_ok=True)

    def headers(self) -> dict[str, str]:
        """Ask for the rest of the same version, or for all of it where the server does not name versions."""
        if not self.version:
            self.forget()
        headers = {"User-Agent": "speech2img", "Accept-Encoding": "identity"}
        if self.offset:
            headers |= {"Range": f"bytes={self.offset}-", "If-Range": self.version}
        return headers

    def begin(self, status: int, headers: Message) -> None:
        """Take note of what the server is about to send."""
        # The server resumes: at the place asked for, of a file as long as before.
        if status == 206:
            first, _, total = headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            length = whole_number(total)
            fits = length is None or self.total in (None, length)
            if whole_number(first.partition("-")[0]) != self.offset or not fits:
                self.forget()
                raise WebError("the server resumes at another place than asked for")
            self.total = length if self.total is None else self.total
            return
        # It begins: the length must be the published one, and there must be room.
        self.forget()
        length = whole_number(headers.get("Content-Length"))
        self.total = self.remote.size if length is None else length
        if self.remote.size is not None and self.total != self.remote.size:
            reason = f"has {self.total:,} bytes, published are {self.remote.size:,}"
            raise DataError.about(self.remote.url, reason, _by_hand(self.remote))
        if (self.total or 0) > MAX_BYTES:
            raise DataError.about(self.remote.url, f"has {self.total:,} bytes", _by_hand(self.remote))
        free = shutil.disk_usage(self.part.parent).free
        if (self.total or 0) > free:
            raise disk_full(self.part, self.total)
        strong = headers.get("ETag", "")
        self.version = _as_version(
            strong if strong and not strong.startswith("W/") else headers.get("Last-Modified", "")
        )
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


def _as_version(text: str) -> str:
    """What may be sent back as the name of a version; "" for anything else."""
    return text if text.isascii() and text.isprintable() and len(text) <= _LONGEST_VERSION else ""


def _fetch(transfer: _Transfer, shown: Progress, wait: Callable[[float], None]) -> None:
    failures, best = 0, transfer.offset
    while not transfer.is_whole:
        pause: float | None = None
        try:
            reason = _one_try(transfer, shown)
            if reason is None:
                return
        except _Refusal as refusal:
            reason, pause = str(refusal), refusal.pause
            if refusal.status == 416:
                transfer.forget()
            elif refusal.status not in _AGAIN:
                raise DataError.about(transfer.remote.url, reason, _by_hand(transfer.remote)) from refusal
        except UntrustedError as error:
            fix = "check the clock and the proxy of this machine, or set SSL_CERT_FILE to its certificates"
            raise DataError.about(transfer.remote.url, error, fix) from error
        except WebError as error:
            reason = str(error)
        if transfer.is_whole:
            return
        # Only what was never reached before is headway: a server may take back what it gave.
        failures = 1 if transfer.offset - best >= ENOUGH_PROGRESS else failures + 1
        best = max(best, transfer.offset)
        if failures == TRIES:
            text = f"{TRIES} tries in a row brought next to nothing, the last because: {reason[:200]}"
            raise DataError.about(transfer.remote.url, text, "run the same command again later to go on")
        wait(random.uniform(0, min(_LONGEST_WAIT, 0.5 * 2**failures)) if pause is None else pause)


def _one_try(transfer: _Transfer, shown: Progress) -> str | None:
    """Take what the server gives; returns why it ended too early, or None if all has come."""
    with Clock(READ_TIMEOUT) as clock, _answer(transfer, clock) as response:
        transfer.begin(response.status, response.headers)
        clock.renew()
        shown.total = transfer.total
        with transfer.part.open("ab") as file:
            # Each piece is kept at once; time is given again only for real headway.
            have = renewed = transfer.offset
            shown.update(have - shown.n)
            while data := read_piece(response, clock):
                have += len(data)
                transfer.take(file, data, have)
                shown.update(len(data))
                if have - renewed >= LEAST_HEADWAY:
                    clock.renew()
                    renewed = have
    return None if transfer.total is None or transfer.is_whole else "the connection ended early"


class _Refusal(Exception):
    """An answer that is not the file."""

    def __init__(self, status: int, reason: str, pause: float | None) -> None:
        super().__init__(f"the server says {status} {reason[:80]}".strip())
        self.status, self.pause = status, pause


@contextlib.contextmanager
def _answer(transfer: _Transfer, clock: Clock) -> Iterator[http.client.HTTPResponse]:
    """The answer to a transfer's request, wherever redirects to safe addresses lead."""
    url, headers = transfer.remote.url, transfer.headers()
    for _ in range(_MOST_REDIRECTS):
        # Follow redirects by hand: each address is checked.
        with exchange(
            "GET", url, clock, headers=headers, connect_seconds=CONNECT_TIMEOUT, read_seconds=READ_TIMEOUT
        ) as response:
            if response.status in _REDIRECTS and response.headers.get("Location"):
                url = _next_address(url, str(response.headers["Location"]))
                continue
            if response.status not in (200, 206):
                pause = whole_number(response.headers.get("Retry-After"))
                raise _Refusal(
                    response.status, response.reason, None if pause is None else min(float(pause), _LONGEST_WAIT)
                )
            yield response
            return
    raise DataError.about(transfer.remote.url, f"redirects more than {_MOST_REDIRECTS} times", "fetch it by hand")


def _next_address(url: str, location: str) -> str:
    try:
        target = urllib.parse.urljoin(url, location)
    except ValueError:
        target = location
    _check_address(target)
    if url.startswith("https:") and not target.startswith("https:"):
        raise DataError.about(target[:200], "is not an https address", "fetch the file by hand")
    return target
