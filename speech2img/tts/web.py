"""Forms sent over verified TLS by the standard library: time limits, no redirects, calls that can be cut off."""

import base64
import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from speech2img.errors import ConfigError

_CHUNK = 1 << 16


class WebError(Exception):
    """A request without a whole answer; the message has no part of the request."""


class UntrustedError(WebError):
    """The other side could not show that it is who it should be."""


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
    """For the connection and its encryption."""
    read_seconds: float = 30.0
    """For each piece of the answer."""
    total_seconds: float = 60.0
    """For the whole answer, once asked."""
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


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine, by its name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
        self._open: set[socket.socket] = set()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """Send a form and read the whole answer; a redirect is an answer like any other.

        Raises
        ------
        UntrustedError
            If the certificate is not valid for the host.
        WebError
            If there is no connection, no answer in time, or only a part of one.
        """
        connection = self._connection(url)
        try:
            connection.connect()
            with self._cuttable(connection.sock):
                connection.sock.settimeout(self._limits.read_seconds)
                path = urlsplit(url).path or "/"
                headers = {"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"}
                connection.request("POST", path, body=urlencode(form), headers=headers)
                return self._read(connection.getresponse())
        except ssl.SSLCertVerificationError as error:
            host = urlsplit(url).hostname
            raise UntrustedError(f"the certificate of {host} is not valid ({error.verify_message})") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise WebError(f"{type(error).__name__}: {error}"[:200]) from None
        finally:
            connection.close()

    def abort(self) -> None:
        """Cut off all calls under way; their threads get a WebError."""
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _cuttable(self, sock: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(sock)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(sock)

    def _connection(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(checked_url(url))
        host, timeout = str(parts.hostname), self._limits.connect_seconds
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=timeout)
        proxy = None if is_loopback(host) or proxy_bypass(host) else getproxies().get("https")
        if not proxy:
            return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=self._tls)
        through = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        connection = http.client.HTTPSConnection(
            str(through.hostname), through.port or 80, timeout=timeout, context=self._tls
        )
        headers = {}
        if through.username is not None:
            login = f"{unquote(through.username)}:{unquote(through.password or '')}".encode()
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        connection.set_tunnel(host, parts.port or 443, headers)
        return connection

    def _read(self, response: http.client.HTTPResponse) -> Answer:
        deadline = time.monotonic() + self._limits.total_seconds
        expected = response.length
        body = bytearray()
        while piece := response.read1(_CHUNK):
            body += piece
            if len(body) > self._limits.max_bytes:
                raise WebError(f"an answer of more than {self._limits.max_bytes:,} bytes")
            if time.monotonic() > deadline:
                raise WebError(f"no whole answer in {self._limits.total_seconds:g} s")
        if expected is not None and len(body) != expected:
            raise WebError(f"only {len(body):,} of {expected:,} bytes came")
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, bytes(body))
