"""Forms sent over verified TLS: time limits over all of a call, no redirects, calls that can be cut off."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from speech2img.errors import ConfigError
from speech2img.storage.exchange import Clock, UntrustedError, WebError, exchange, is_loopback, read_piece

__all__ = ["Answer", "UntrustedError", "Web", "WebError", "WebLimits", "checked_url"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class WebLimits:
    """How long and how large a call may be."""

    connect_seconds: float = 10.0
    """For the name, the connection and its encryption together."""
    read_seconds: float = 30.0
    """For each piece of the answer."""
    total_seconds: float = 60.0
    """For the whole call, from the look-up of the name to the last byte."""
    max_bytes: int = 16 << 20
    """Of the answer."""


def checked_url(url: str) -> str:
    """Return an address that may be given secrets: https, or plain http to this very machine.

    Raises
    ------
    ConfigError
        For any other one.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (reading it checks it)
    except ValueError:
        raise ConfigError.about(f"address {url!r}", "is no address", "give https://HOST/PATH") from None
    if not parts.hostname or parts.username or parts.scheme not in ("https", "http"):
        raise ConfigError.about(f"address {url!r}", "is no plain https address", "give https://HOST/PATH")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError.about(f"address {url!r}", "would send keys unencrypted", "use https")
    return url


class Web:
    """Posts forms; may be used by several threads.

    Parameters
    ----------
    limits : WebLimits
        Of each call.
    """

    def __init__(self, limits: WebLimits | None = None) -> None:
        self._limits = limits or WebLimits()
        self._lock = threading.Lock()
        self._under_way: set[Clock] = set()

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """Send a form and read the whole answer; a redirect is an answer like any other.

        Raises
        ------
        UntrustedError
            If the certificate is not valid for the host.
        WebError
            If there is no connection, no answer in time, or only a part of one.
        """
        limits = self._limits
        with (
            self._cuttable(Clock(limits.total_seconds)) as clock,
            exchange(
                "POST",
                checked_url(url),
                clock,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode(form),
                connect_seconds=limits.connect_seconds,
                read_seconds=limits.read_seconds,
            ) as response,
        ):
            # Read within bounds of time and size, to the very end.
            expected = response.length
            body = bytearray()
            while piece := read_piece(response, clock):
                body += piece
                if len(body) > limits.max_bytes:
                    raise WebError(f"an answer of more than {limits.max_bytes:,} bytes")
            if expected is not None and len(body) != expected:
                raise WebError(f"only {len(body):,} of {expected:,} bytes came")
            return Answer(response.status, {name.lower(): text for name, text in response.getheaders()}, bytes(body))

    def abort(self) -> None:
        """Cut off all calls under way; their threads get a WebError."""
        with self._lock:
            for clock in self._under_way:
                clock.cut()

    @contextlib.contextmanager
    def _cuttable(self, clock: Clock) -> Iterator[Clock]:
        with clock:
            with self._lock:
                self._under_way.add(clock)
            try:
                yield clock
            finally:
                with self._lock:
                    self._under_way.discard(clock)
