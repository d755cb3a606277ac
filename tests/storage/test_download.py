"""Downloads from a server that cuts, stalls, lies and refuses: the whole published file, or one error; never half."""

import hashlib
import http.server
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speech2img.errors import ConfigError, DataError, DiskFullError, RunInterrupted
from speech2img.storage import download as module
from speech2img.storage.download import Remote, download
from speech2img.storage.lock import run_lock

DATA = os.urandom(3_000_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


class Server:
    """Serves DATA at /file.bin; ``plan`` says what each request in turn does to it."""

    def __init__(self) -> None:
        self.plan: list[dict] = []
        self.ranges: list[str | None] = []
        self.data, self.etag = DATA, '"one"'
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                outer.ranges.append(self.headers.get("Range"))
                do = outer.plan.pop(0) if outer.plan else {}
                data, status, start = outer.data, do.get("status", 200), 0
                if self.headers.get("Range") and not do.get("no_ranges") and status == 200:
                    if self.headers.get("If-Range") == outer.etag:
                        start, status = int(self.headers["Range"][6:-1]), 206
                if status >= 300:
                    data = b"<html>no</html>"
                self.send_response(status)
                if status == 206:
                    shift = do.get("shift", 0)
                    self.send_header("Content-Range", f"bytes {start + shift}-{len(data) - 1}/{len(data)}")
                for name, value in do.get("headers", {}).items():
                    self.send_header(name, value)
                if "chunk" in do:
                    data = f"{len(data):x}\r\n".encode() + data[: do["chunk"]]
                if "trickle" in do:
                    self.end_headers()
                    for _ in range(1000):
                        self.wfile.write(do["trickle"])
                        time.sleep(0.02)
                if not do.get("no_length"):
                    self.send_header("Content-Length", str(do.get("length", len(data) - start)))
                if not do.get("no_etag"):
                    self.send_header("ETag", outer.etag)
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(data[start : start + do["cut"]] if "cut" in do else data[start:])
                self.close_connection = True

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/file.bin"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def fetch(server: Server, tmp_path: Path) -> Callable[..., Path]:
    def run(path: str = "file.bin", *, wait: Callable[[float], None] = lambda seconds: None, **facts) -> Path:
        remote = Remote(**({"url": server.url, "size": len(DATA), "sha256": SHA256, "page": "the page"} | facts))
        return download(remote, tmp_path / path, progress=False, wait=wait)

    return run


def test_whole_at_once_and_not_again(server, fetch, tmp_path):
    assert fetch().read_bytes() == DATA
    assert fetch() == tmp_path / "file.bin" and server.ranges == [None]
    assert [path.name for path in tmp_path.iterdir() if path.name != "run.lock"] == ["file.bin"]
    (tmp_path / "file.bin").write_bytes(DATA[:-1] + b"x")
    with pytest.raises(DataError, match="file.bin: is not the published file .its SHA256"):
        fetch()


def test_cut_connections_go_on_where_they_were(server, fetch):
    server.plan = [{"cut": 1_100_000}, {"cut": 700_000}, {"status": 503}, {"cut": 0}]
    waits: list[float] = []
    assert fetch(wait=waits.append).read_bytes() == DATA
    assert server.ranges == [None, "bytes=1100000-", *["bytes=1800000-"] * 3]
    assert len(waits) == 4 and all(0 <= seconds <= 60 for seconds in waits)


def test_a_size_that_only_a_part_tells_is_taken(server, fetch, tmp_path):
    server.plan = [{"status": 206, "cut": 900_000}]
    assert fetch(size=None).read_bytes() == DATA
    assert server.ranges == [None, None]
    chunked = {"chunk": 700_000, "no_length": True, "headers": {"Transfer-Encoding": "chunked"}}
    server.plan, server.ranges = [chunked], []
    assert fetch("other.bin", size=None).read_bytes() == DATA
    assert server.ranges == [None, "bytes=700000-"]


def test_another_process_goes_on(server, fetch, tmp_path):
    server.plan = [{"cut": 500_000}, *[{"status": 500}] * 4]
    with pytest.raises(DataError, match="5 tries in a row brought next to nothing, .*500.*run the same command again"):
        fetch()
    assert (tmp_path / "file.bin.part").stat().st_size == 500_000 and not (tmp_path / "file.bin").exists()
    server.ranges.clear()
    assert fetch().read_bytes() == DATA and server.ranges == ["bytes=500000-"]


def test_ctrl_c_keeps_what_has_come(server, fetch, tmp_path):
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    server.plan = [{"cut": 400_000}]
    with pytest.raises(RunInterrupted, match="interrupted after 400,000 bytes; run the same command"):
        fetch(wait=interrupt)
    assert fetch().read_bytes() == DATA and server.ranges[1] == "bytes=400000-"


@pytest.mark.parametrize("change", ["etag", "no_ranges", "shift", "416"])
def test_a_part_that_fits_no_more_is_not_joined(server, fetch, change):
    """The file changed on the server, or the server cannot or will not go on: it starts again, never mixes."""
    server.plan = [{"cut": 900_000}, {"status": 416} if change == "416" else {change: 1}]
    if change == "etag":

        def renew(seconds: float) -> None:
            server.etag = '"two"'

        assert fetch(wait=renew).read_bytes() == DATA
    else:
        assert fetch().read_bytes() == DATA


def test_without_a_version_nothing_is_resumed(server, fetch):
    server.plan = [{"cut": 900_000, "no_etag": True}]
    assert fetch().read_bytes() == DATA and server.ranges == [None, None]


def test_unknown_length_is_judged_by_the_check_sum(server, fetch):
    server.plan = [{"no_length": True}]
    assert fetch(size=None).read_bytes() == DATA
    server.plan = [{"no_length": True, "cut": 1000}]
    with pytest.raises(DataError, match="is not the published file"):
        fetch("other.bin", size=None)


def test_md5_where_nothing_better_is_published(server, fetch):
    good = hashlib.md5(DATA).hexdigest()
    assert fetch(size=None, sha256=None, md5=good).read_bytes() == DATA
    with pytest.raises(DataError, match="its MD5 is"):
        fetch("other.bin", size=None, sha256=None, md5="0" * 32)


def test_wrong_content_is_removed(server, fetch, tmp_path):
    server.data = DATA[:-1] + b"x"
    with pytest.raises(DataError, match="is not the published file .its SHA256.*fetch it by hand from the page"):
        fetch()
    assert not list(tmp_path.glob("file.bin*"))


def test_wrong_length_is_refused_before_it_is_taken(server, fetch, tmp_path):
    server.data = DATA + b"more"
    with pytest.raises(DataError, match="has 3,000,004 bytes, published are 3,000,000"):
        fetch()
    assert not list(tmp_path.glob("file.bin*"))


def test_more_than_promised_is_refused(server, fetch, tmp_path):
    server.data = DATA + bytes(300_000)
    server.plan = [{"no_length": True}]
    with pytest.raises(DataError, match="sends more than it promised"):
        fetch()
    assert not (tmp_path / "file.bin.part").exists()


def test_size_limit(server, fetch, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1_000_000)
    with pytest.raises(DataError, match="has 3,000,000 bytes; fetch it by hand"):
        fetch(size=None)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_final(server, fetch, status):
    server.plan = [{"status": status}]
    with pytest.raises(DataError, match=f"the server says {status}.*; fetch it by hand from the page"):
        fetch()
    assert len(server.ranges) == 1


def test_retry_after_is_honoured_within_reason(server, fetch):
    waits: list[float] = []
    server.plan = [{"status": code, "headers": {"Retry-After": text}} for code, text in ((429, "7"), (503, "9999"))]
    fetch(wait=waits.append)
    assert waits == [7.0, 60.0]


def test_a_server_that_is_not_who_it_should_be_is_asked_once(fetch, monkeypatch):
    asked: list[str] = []

    def untrusted(method: str, url: str, clock: object, **options: object) -> None:
        asked.append(url)
        raise module.UntrustedError("the certificate of host is not valid (expired)")

    monkeypatch.setattr(module, "exchange", untrusted)
    with pytest.raises(DataError, match="certificate of host is not valid .expired.; check the clock"):
        fetch(url="https://host/file.bin")
    assert len(asked) == 1


def test_https_is_not_left_for_this_machine():
    with pytest.raises(DataError, match="is not an https address"):
        module._next_address("https://host/file.bin", "http://127.0.0.1/file.bin")
    assert module._next_address("https://host/a/file.bin?x", "../b") == "https://host/b"


def test_nobody_listens(fetch):
    with pytest.raises(DataError, match="5 tries in a row"):
        fetch(url="http://127.0.0.1:9/file.bin")


@pytest.mark.parametrize("target", ["http://example.org/file.bin", "file:///etc/passwd", "ftp://example.org/file.bin"])
def test_only_safe_addresses(server, fetch, target):
    with pytest.raises(DataError, match="is not an https address"):
        fetch(url=target)
    server.plan = [{"status": 302, "headers": {"Location": target}}]
    with pytest.raises(DataError, match="is not an https address|the server says 302"):
        fetch()


def test_a_file_without_any_check_is_no_remote():
    with pytest.raises(ValueError, match="nothing could be verified"):
        Remote(url="https://example.org/file.bin")


def test_one_process_at_a_time(fetch, tmp_path):
    with run_lock(tmp_path), pytest.raises(ConfigError, match="is working here"):
        fetch()


@pytest.mark.parametrize("facts", ["", "[]", '{"version": 3}', '{"version": "\\"one\\"", "total": "x"}'])
def test_damaged_notes_of_a_part_begin_anew(server, fetch, tmp_path, facts):
    (tmp_path / "file.bin.part").write_bytes(b"old")
    (tmp_path / "file.bin.part.json").write_text(facts)
    assert fetch().read_bytes() == DATA and server.ranges == [None]


@pytest.mark.parametrize(
    "do",
    [
        {"trickle": b"a"},
        {"status": 302, "headers": {"Location": "/again"}},
        {"status": 503, "headers": {"Retry-After": "9" * 5000}, "trickle": b"a"},
    ],
)
def test_a_server_without_headway_is_left(server, fetch, monkeypatch, do):
    monkeypatch.setattr(module, "READ_TIMEOUT", 0.3)
    server.plan = [do] * 80
    started = time.monotonic()
    with pytest.raises(DataError, match="5 tries in a row|redirects more than 10 times"):
        fetch()
    assert time.monotonic() - started < 8


def test_redirects_are_followed_and_their_bodies_are_not_read(server, fetch):
    flood = {"status": 302, "headers": {"Location": "file.bin?again"}, "trickle": bytes(1 << 20)}
    server.plan = [flood, {"status": 307, "headers": {"Location": server.url}}]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert fetch().read_bytes() == DATA
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 50 << 10


@pytest.mark.parametrize(
    "target", ["http://[::1", "https://host:port/", "https://", "//", "http://\u0663/", "x" * 9000]
)
def test_redirects_to_no_address_are_one_error(server, fetch, target):
    server.plan = [{"status": 302, "headers": {"Location": target.encode().decode("latin-1")}}] * 30
    with pytest.raises(DataError) as caught:
        fetch()
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("name", ["Content-Length", "Content-Range", "Retry-After", "ETag"])
@pytest.mark.parametrize(
    "value", ["9" * 400, "9" * 5000, "-1", "bytes 0-1/" + "9" * 5000, "\xb2", "a\r\n b", "[" * 9000]
)
def test_headers_may_say_anything(server, fetch, name, value):
    status = 206 if name == "Content-Range" else 200
    plan = {"status": status, "headers": {name: value}, "no_length": True, "no_etag": name == "ETag", "cut": 1_200_000}
    server.plan = [plan, plan]
    try:
        assert fetch().read_bytes() == DATA
    except DataError as error:
        assert "published are 3,000,000" in str(error)


def test_a_server_that_gives_and_takes_back_is_left(server, fetch):
    """Of a file without a version each try starts again: what was reached before is no headway."""
    server.plan = [{"cut": size, "no_etag": True} for size in (2_500_000, 100, 2_400_000, 1_300_000) * 20]
    with pytest.raises(DataError, match="5 tries in a row"):
        fetch()


def test_a_full_disk_leaves_no_part(server, fetch, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(DiskFullError, match="the disk is full .3,000,000 bytes are needed"):
            fetch()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.glob("file.bin*"))
    assert fetch().read_bytes() == DATA


def test_a_pipe_or_a_folder_in_the_way_is_no_hang(server, fetch, tmp_path):
    os.mkfifo(tmp_path / "file.bin.part")
    os.mkfifo(tmp_path / "file.bin.part.json")
    assert fetch().read_bytes() == DATA
    (tmp_path / "other.bin.part").mkdir()
    with pytest.raises(DataError, match="other.bin.part"):
        fetch("other.bin")


@given(facts=st.binary(max_size=60) | st.sampled_from([b'{"version": "a\\r\\nb", "total": 9}', b"[" * 100_000]))
@settings(max_examples=25, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_notes_of_a_part_are_read_or_begin_anew(server, fetch, tmp_path, facts):
    (tmp_path / "file.bin").unlink(missing_ok=True)
    (tmp_path / "file.bin.part").write_bytes(b"old")
    (tmp_path / "file.bin.part.json").write_bytes(facts)
    assert fetch().read_bytes() == DATA
