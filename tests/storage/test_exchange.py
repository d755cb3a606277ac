"""Exchanges with servers that never end, whatever they send: each is over in time, as a value or as a WebError."""

import contextlib
import itertools
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speech2img.storage.exchange import Clock, WebError, exchange, read_piece, whole_number

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GOOD = b'HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 5\r\nETag: "one"\r\n\r\nhello'
Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server: ``serve(first, again, gap)`` answers with ``first``, then sends ``again`` every ``gap`` s."""
    listeners: list[socket.socket] = []
    ended = threading.Event()

    def answer(client: socket.socket, first: bytes, again: bytes | None, gap: float, reads: bool) -> None:
        with client, contextlib.suppress(OSError):
            if reads:
                client.recv(65536)
            client.sendall(first)
            while again is not None and not ended.wait(gap):
                client.sendall(again)

    def start(first: bytes = b"", again: bytes | None = None, gap: float = 0.02, *, reads: bool = True) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def listen() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    threading.Thread(target=answer, args=(client, first, again, gap, reads), daemon=True).start()

        threading.Thread(target=listen, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    ended.set()
    for listener in listeners:
        listener.close()


def ask(url: str, *, seconds: float = 0.5, connect: float = 5.0, most: int = 1 << 20) -> tuple[int, bytes]:
    """A whole answer of at most so many bytes."""
    with (
        Clock(seconds) as clock,
        exchange("GET", url, clock, headers={}, connect_seconds=connect, read_seconds=5.0) as response,
    ):
        body = b""
        while len(body) < most and (piece := read_piece(response, clock)):
            body += piece
        return response.status, body


def test_a_whole_answer(serve: Serve) -> None:
    assert ask(f"http://127.0.0.1:{serve(GOOD)}/a?b=c") == (200, b"hello")


@pytest.mark.parametrize(
    ("first", "again", "gap"),
    [
        (b"", None, 0.0),
        (b"", b"H", 0.1),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a", 0.1),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.1),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"a", 0.1),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"a", 0.1),
        (CHUNKED, b"0", 0.1),
        (CHUNKED, b"1;", 0.1),
        (CHUNKED + b"1\r\na\r\n0\r\n", b"X: y\r\n", 0.1),
    ],
)
def test_answers_without_end_are_cut_off(serve: Serve, first: bytes, again: bytes | None, gap: float) -> None:
    started = time.monotonic()
    port = serve(first, again if again is not None else b"", 10.0 if again is None else gap)
    with pytest.raises(WebError, match="in time"):
        ask(f"http://127.0.0.1:{port}/")
    assert time.monotonic() - started < 5.0


def test_encryption_that_never_comes_about_is_cut_off(serve: Serve) -> None:
    started = time.monotonic()
    with pytest.raises(WebError, match="in time"):
        ask(f"https://127.0.0.1:{serve(bytes([22, 3, 3, 64, 0]), b'a', 0.1, reads=False)}/", connect=0.5, seconds=9.0)
    assert time.monotonic() - started < 5.0


def test_a_name_that_is_looked_up_for_ever_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args: let_go.wait(60) and [])
    started = time.monotonic()
    with pytest.raises(WebError, match="in time|no address of nowhere"):
        ask("https://nowhere.example/", connect=0.3)
    let_go.set()
    assert time.monotonic() - started < 5.0


def test_all_addresses_of_a_name_share_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten addresses that answer nothing do not take ten times as long."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as clients:
        where = full.getsockname()
        for _ in range(3):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(where)
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where)] * 10
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args: found)
        started = time.monotonic()
        with pytest.raises(WebError):
            ask("http://localhost:1/", connect=0.4, seconds=20.0)
        assert time.monotonic() - started < 4.0


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"X" * 100_000 + b": y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/9.9 " + b"9" * 5000 + b" OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"5\r\nab",
    ],
)
def test_what_is_no_answer_is_an_error(serve: Serve, answer: bytes) -> None:
    with pytest.raises(WebError):
        ask(f"http://127.0.0.1:{serve(answer)}/", seconds=5.0)


def test_numbers_of_headers_may_be_anything(serve: Serve) -> None:
    for number in (b"9" * 5000, b"-5", b"1e9", b"\xb2"):
        port = serve(b"HTTP/1.1 200 OK\r\nContent-Length: " + number + b"\r\n\r\nab")
        assert ask(f"http://127.0.0.1:{port}/", seconds=5.0) == (200, b"ab")
    assert [whole_number(text) for text in ("12", "", None, "9" * 19, "9" * 5000, "-1", "\u0663", "1.0")] == [
        12, *[None] * 7
    ]  # fmt: skip


def test_a_body_that_floods_is_read_in_pieces(serve: Serve) -> None:
    port = serve(CHUNKED + b"-5\r\n", b"a" * 1_000_000, 0.0)
    with contextlib.suppress(WebError):
        assert len(ask(f"http://127.0.0.1:{port}/", seconds=5.0, most=3_000_000)[1]) < 4_000_000


def test_it_can_be_cut_from_another_thread(serve: Serve) -> None:
    port = serve(b"", b"", 10.0)
    started = time.monotonic()
    with Clock(60.0) as clock:
        threading.Timer(0.2, clock.cut).start()
        with (
            pytest.raises(WebError),
            exchange("GET", f"http://127.0.0.1:{port}/", clock, headers={}, connect_seconds=5.0, read_seconds=60.0),
        ):
            pass
    assert time.monotonic() - started < 5.0


def test_no_thread_and_no_socket_is_left(serve: Serve) -> None:
    before = threading.active_count()
    port = serve(GOOD)
    for _ in range(20):
        ask(f"http://127.0.0.1:{port}/", seconds=60.0)
    for _ in itertools.takewhile(lambda _: threading.active_count() > before + 4, range(100)):
        time.sleep(0.02)
    assert threading.active_count() <= before + 4


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda at, junk, cut: GOOD[:at] + junk + GOOD[at + cut :],
            st.integers(0, len(GOOD)),
            st.binary(max_size=8),
            st.integers(0, 8),
        ),
        st.binary(max_size=60).map(lambda body: CHUNKED + body),
    )
)
@settings(max_examples=120, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_an_answer_or_an_error(serve: Serve, answer: bytes) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(WebError):
        status, body = ask(f"http://127.0.0.1:{serve(answer)}/", seconds=2.0)
        assert isinstance(status, int) and len(body) <= len(answer)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100 << 10
