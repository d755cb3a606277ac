"""Forms over the net: only encrypted or to this machine, whole answers or none, and never a hang."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from speech2img.errors import ConfigError
from speech2img.tts.baidu.https_client import UntrustedError, Web, WebError, WebLimits, checked_url

QUICK = WebLimits(connect_seconds=5.0, read_seconds=0.25, total_seconds=5.0)
FORM = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}


@pytest.mark.parametrize(
    "url",
    [
        "http://tsn.baidu.com/text2audio",
        "http://127.0.0.1.example.com/",
        "http://10.0.0.1/",
        "ftp://127.0.0.1/",
        "https://",
        "https://user@host/",
        "tsn.baidu.com",
        "http://[::1",
        "https://host:port/",
        "",
    ],
)
def test_addresses_that_get_no_keys(url: str) -> None:
    with pytest.raises(ConfigError, match="https"):
        checked_url(url)
    with pytest.raises(ConfigError, match="https"):
        Web().post(url, FORM)


@pytest.mark.parametrize(
    "url", ["https://tsn.baidu.com/x", "http://127.0.0.1:80/", "http://[::1]/", "http://localhost/"]
)
def test_addresses_that_do(url: str) -> None:
    assert checked_url(url) == url


def test_a_whole_answer(serve: Callable[..., Any]) -> None:
    answer = Web(QUICK).post(serve().token_url, FORM)
    assert (answer.status, answer.headers["content-type"]) == (401, "application/json")
    assert b"unknown client id" in answer.body


@pytest.mark.parametrize("fault", ["stall", "reset", "half", "half chunked"])
def test_half_an_answer_is_none(serve: Callable[..., Any], baidu_server: ModuleType, fault: str) -> None:
    server = serve(lambda text, nth: fault)
    server.tokens.add("t")
    form = {
        "tex": "a+bird",
        "tok": "t",
        "cuid": "c",
        "ctp": "1",
        "lan": "zh",
        "aue": "6",
        "vol": "5",
        "spd": "5",
        "pit": "5",
        "per": "0",
    }
    with pytest.raises(WebError):
        Web(QUICK).post(server.speech_url, form)
    assert server.injected == [fault]


def test_no_answer_of_more_than_the_limit(serve: Callable[..., Any]) -> None:
    with pytest.raises(WebError, match="more than 10 bytes"):
        Web(WebLimits(max_bytes=10)).post(serve().token_url, FORM)


def test_nobody_there() -> None:
    with pytest.raises(WebError, match="refused"):
        Web(QUICK).post("http://127.0.0.1:1/", FORM)


def test_a_call_can_be_cut_off(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    asked, let_go = threading.Event(), threading.Event()

    def stall(*_: object) -> None:
        asked.set()
        let_go.wait(60)

    monkeypatch.setattr(server.RequestHandlerClass, "_give_token", stall)
    web = Web(WebLimits(read_seconds=60.0))
    errors: list[Exception] = []

    def call() -> None:
        try:
            web.post(server.token_url, FORM)
        except WebError as error:
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    assert asked.wait(30)
    web.abort()
    thread.join(30)
    let_go.set()
    assert not thread.is_alive() and len(errors) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("the program openssl is needed to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    files = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


def test_certificates_are_verified(
    serve: Callable[..., Any], certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = serve()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.token_url.replace("http:", "https:")
    with pytest.raises(UntrustedError, match="certificate of 127.0.0.1"):
        Web(QUICK).post(url, FORM)
    assert server.arrivals == []
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    assert Web(QUICK).post(url, FORM).status == 401
    with pytest.raises(UntrustedError, match="certificate of localhost"):
        Web(QUICK).post(url.replace("127.0.0.1", "localhost"), FORM)


def test_a_proxy_is_asked_for_a_tunnel(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    def tunnel(handler: Any) -> None:
        heard.append(f"{handler.path} {handler.headers['Proxy-Authorization']}")
        handler.send_error(403, "not through here")

    server = serve()
    monkeypatch.setattr(server.RequestHandlerClass, "do_CONNECT", tunnel, raising=False)
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", f"http://me:p%40ss@127.0.0.1:{server.server_port}")
    with pytest.raises(WebError, match="403"):
        Web(QUICK).post("https://tsn.example/text2audio", FORM)
    assert heard == ["tsn.example:443 Basic bWU6cEBzcw=="]
    assert Web(QUICK).post(server.token_url, FORM).status == 401
