"""HTTP exchanges that end: one clock over name, connection, encryption, headers and body; verified TLS, proxies."""

import base64
import contextlib
import functools
import http.client
import ipaddress
import math
import os
import queue
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

PIECE_BYTES = 1 << 18
"""Most bytes that `read_piece` returns."""
_CUT_AGAIN_SECONDS = 0.1
_HTTPS_PORT, _PROXY_PORT = 443, 80
_FAILURES = (OSError, http.client.HTTPException, ValueError)


class WebError(Exception):
    """A request without a whole answer; the message has no part of the request."""


class UntrustedError(WebError):
    """The other side could not show that it is who it should be."""


class Clock:
    """The time that an exchange has; when it is over, its connections are cut off, whatever it waits for.

    No limit of single waits ends a server that sends a byte whenever one is due, or a line that means nothing.

    Parameters
    ----------
    seconds : float
        How long, from entering the ``with`` block on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = self._stage_end = math.inf
        self._changed = threading.Condition()
        self._handles: list[socket.socket] = []
        self._is_over = self._is_left = False

    def __enter__(self) -> Self:
        self._end = monotonic() + self._seconds
        threading.Thread(target=self._watch, daemon=True, name="exchange").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_left = True
            self._changed.notify()
            for handle in self._handles:
                handle.close()
            self._handles.clear()

    @property
    def is_over(self) -> bool:
        """Whether the time was over, or `cut` was called."""
        return self._is_over

    @contextlib.contextmanager
    def stage(self, seconds: float) -> Iterator[None]:
        """Give a part of the exchange less time than the whole has."""
        self._set(stage=monotonic() + seconds)
        try:
            yield
        finally:
            self._set(stage=math.inf)

    def renew(self) -> None:
        """Start the time again, unless it is over."""
        self._set(end=monotonic() + self._seconds)

    def add(self, sock: socket.socket) -> None:
        """Take a socket into charge, from before it is connected."""
        with self._changed:
            # A duplicate stays usable when encryption takes the socket over.
            self._handles.append(sock.dup())

    def cut(self) -> None:
        """End the exchange now; may be called from any thread."""
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def _set(self, *, end: float | None = None, stage: float | None = None) -> None:
        with self._changed:
            self._end = self._end if end is None else end
            self._stage_end = self._stage_end if stage is None else stage
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._is_left:
                left = min(self._end, self._stage_end) - monotonic()
                if left > 0 and not self._is_over:
                    self._changed.wait(None if left == math.inf else left)
                    continue
                # Again and again, for a connection may begin just now.
                self._is_over = True
                for handle in self._handles:
                    with contextlib.suppress(OSError):
                        handle.shutdown(socket.SHUT_RDWR)
                self._changed.wait(_CUT_AGAIN_SECONDS)


@contextlib.contextmanager
def exchange(
    method: str,
    url: str,
    clock: Clock,
    *,
    headers: Mapping[str, str],
    body: str | None = None,
    connect_seconds: float,
    read_seconds: float,
) -> Iterator[http.client.HTTPResponse]:
    """Send a request and give its answer; a redirect is an answer like any other.

    Parameters
    ----------
    method : str
        ``GET`` or ``POST``.
    url : str
        A checked address.
    clock : Clock
        The running clock of the whole exchange.
    headers, body : mapping, str
        What is sent.
    connect_seconds : float
        For name, connection and encryption together.
    read_seconds : float
        For each piece of the answer.

    Yields
    ------
    http.client.HTTPResponse
        Status and headers; the body is read by `read_piece`. The connection is closed after the block.

    Raises
    ------
    UntrustedError
        If the certificate is not valid for the host.
    WebError
        If there is no connection, or no answer in time.
    """
    connection: http.client.HTTPConnection | None = None
    try:
        try:
            # Connect, send and wait for the head of the answer.
            parts = urlsplit(url)
            connection = _connection(parts, connect_seconds, clock)
            with clock.stage(connect_seconds):
                connection.connect()
            connection.sock.settimeout(read_seconds)
            connection.request(method, _target(parts), body=body, headers={**headers, "Connection": "close"})
            response = connection.getresponse()
        except _FAILURES as error:
            raise _web_error(error, clock, urlsplit(url).hostname) from None
        with response:
            yield response
    finally:
        if connection is not None:
            connection.close()


def read_piece(response: http.client.HTTPResponse, clock: Clock) -> bytes:
    """Some more bytes of an answer, at most `PIECE_BYTES`; none at its end.

    Raises
    ------
    WebError
        If the connection breaks off or the time is over.
    """
    try:
        piece = response.read1(PIECE_BYTES)
    except _FAILURES as error:
        raise _web_error(error, clock, None) from None
    if clock.is_over:
        raise _web_error(TimeoutError(), clock, None)
    return piece


def is_loopback(host: str | None) -> bool:
    """Whether a host is this very machine, by its name or address."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def whole_number(text: str | None) -> int | None:
    """The number that a header states in at most 18 digits; None for anything else."""
    return int(text) if text and len(text) <= 18 and text.isascii() and text.isdecimal() else None


def _web_error(error: Exception, clock: Clock, host: str | None) -> WebError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return UntrustedError(f"the certificate of {host} is not valid ({error.verify_message})")
    if clock.is_over:
        return WebError("no whole answer in time")
    return WebError(f"{type(error).__name__}: {error}")


def _target(parts: SplitResult) -> str:
    """Path and query as a request names them; what no address may have is quoted."""
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    return quote(path, safe="!#$%&'()*+,/:;=?@[]~", encoding="iso-8859-1" if _is_latin(path) else "utf-8")


def _is_latin(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


def _tls() -> ssl.SSLContext:
    return _tls_with(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.cache
def _tls_with(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Made once for what the environment says, which OpenSSL reads by itself."""
    return ssl.create_default_context()


def _connection(parts: SplitResult, seconds: float, clock: Clock) -> http.client.HTTPConnection:
    host = str(parts.hostname)
    proxy = None if parts.scheme == "http" or is_loopback(host) or proxy_bypass(host) else getproxies().get("https")
    if parts.scheme == "http":
        connection = http.client.HTTPConnection(host, parts.port, timeout=seconds)
    elif not proxy:
        connection = http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=_tls())
    else:
        connection = _through(proxy, host, parts.port or _HTTPS_PORT, seconds)
    setattr(connection, "_create_connection", functools.partial(_connect, clock=clock))  # noqa: B010  (not in its type)
    return connection


def _through(proxy: str, host: str, port: int, seconds: float) -> http.client.HTTPSConnection:
    """A connection through a proxy's tunnel; no message shows the proxy's password."""
    try:
        through = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        name, number = str(through.hostname), through.port or _PROXY_PORT
    except ValueError:
        raise ValueError("the proxy that the environment names is no address") from None
    headers = {}
    if through.username is not None:
        login = f"{unquote(through.username)}:{unquote(through.password or '')}".encode()
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(login).decode()}"
    connection = http.client.HTTPSConnection(name, number, timeout=seconds, context=_tls())
    connection.set_tunnel(host, port, headers)
    return connection


def _connect(address: tuple[str, int], timeout: float, _source: Any = None, *, clock: Clock) -> socket.socket:
    """As ``socket.create_connection``, in one time for all addresses of a name, and known to the clock."""
    end = monotonic() + timeout
    failure: OSError = OSError(f"no address of {address[0]}")
    for family, kind, protocol, _, address_info in _addresses(*address, timeout, clock):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(end - monotonic(), 1e-3))
            clock.add(sock)
            sock.connect(address_info)
            return sock
        except OSError as error:
            sock.close()
            failure = error
    raise failure


def _addresses(host: str, port: int, seconds: float, clock: Clock) -> list[Any]:
    """Addresses of a name; the system's look-up has no limit of its own, so it is left behind when it takes longer."""
    # The system's look-up cannot be cut off: it is left to a thread of its own.
    answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=look_up, daemon=True, name="names").start()
    # Wait no longer than allowed, and look often whether the clock has cut.
    end = monotonic() + seconds
    while monotonic() < end and not clock.is_over:
        with contextlib.suppress(queue.Empty):
            answer = answers.get(timeout=_CUT_AGAIN_SECONDS)
            if isinstance(answer, Exception):
                raise answer
            return answer
    raise TimeoutError(f"no address of {host} in {seconds:g} s")
