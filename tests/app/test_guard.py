"""Who comes in, which paths there are, what a request may hold: asked of the guard alone, without gradio."""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from speech2img.app import guard
from speech2img.app.guard import MOST_JSON, MOST_UPLOAD, POLICY, Guard, Message, Receive, Scope, Send

LOCAL = {"host": "127.0.0.1:7860"}


async def _page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it was given."""
    body = (await receive())["body"] if scope["method"] == "POST" else b""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-frame", b"1")]})
    await send({"type": "http.response.body", "body": body})


def _ask(
    app: Guard, path: str, *, method: str = "GET", headers: Mapping[str, str] = LOCAL, parts: tuple[bytes, ...] = (b"",)
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    sent: list[Message] = []
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    waiting[-1]["more_body"] = False

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    coded = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": "http", "method": method, "path": path, "headers": coded}
    asyncio.run(app(scope, receive, send))
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def local() -> Guard:
    return Guard(_page, host="127.0.0.1", logins={}, uploads="/tmp/up")


OPEN = ["/", "/config", "/theme.css", "/assets/index-a.js", "/static/js/x.js", "/gradio_api/queue/data", "/kept.zip"]
OPEN += [
    "/gradio_api/heartbeat/abc",
    f"/kept/{'0' * 32}/0.png",
    "/examples/01-snow.ogg",
    "/gradio_api/file=/tmp/up/a/x.wav",
]
SHUT = ["/monitoring", "/docs", "/gradio_api/proxy=http://x", "/gradio_api/file=http://x/y", "/gradio_api/vibe-code"]
SHUT += ["/gradio_api/run-history/connect", "/gradio_api/file=../../etc/passwd", "/gradio_api/file=/tmp/../etc/passwd"]
SHUT += ["/kept/x/0.png", f"/kept/{'0' * 32}/a/b", "/examples/../x", "/gradio_api/custom_component/1/a/b/c", "//", ""]
SHUT += [
    "/gradio_api/file=/tmp/x.wav",
    "/gradio_api/file=/tmp/up",
    "/gradio_api/deep_link",
    "/login",
    "/gradio_api/dev/reload",
    "/assets/../config",
    "/gradio_api/queue/join",
]


@pytest.mark.parametrize("path", OPEN)
def test_what_the_page_needs_is_open(local: Guard, path: str) -> None:
    status, headers, _ = _ask(local, path)
    assert status == 200 and headers["content-security-policy"] == POLICY and headers["x-frame"] == "1"
    assert _ask(local, path, method="HEAD")[0] == 200


@pytest.mark.parametrize("path", SHUT)
def test_all_other_doors_of_gradio_are_shut(local: Guard, path: str) -> None:
    status, headers, body = _ask(local, path)
    assert (status, body) == (404, b"nothing is here") and headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_no_other_method(local: Guard, method: str) -> None:
    assert _ask(local, "/", method=method)[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "10.0.0.1", "", "127.0.0.1.evil.example"])
def test_a_name_of_elsewhere_does_not_reach_this_machine(local: Guard, host: str) -> None:
    assert _ask(local, "/", headers={"host": host})[0] == 421
    assert _ask(Guard(_page, host="0.0.0.0", logins={}, uploads="/tmp/up"), "/", headers={"host": host})[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:7860", "[::1]:7860"])
def test_names_of_this_machine(local: Guard, host: str) -> None:
    assert _ask(local, "/", headers={"host": host})[0] == 200


def test_pages_of_elsewhere_send_nothing(local: Guard) -> None:
    for origin, status in (("http://evil.example", 403), ("null", 403), ("http://127.0.0.1:7860", 200)):
        assert _ask(local, "/gradio_api/queue/join", method="POST", headers={**LOCAL, "origin": origin})[0] == status


def _basic(text: str) -> dict[str, str]:
    return {**LOCAL, "authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def test_a_login_opens_every_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "WRONG_LOGIN_SECONDS", 0)
    app = Guard(_page, host="127.0.0.1", logins={"anna": "päss:word", "ben": "x"}, uploads="/tmp/up")
    assert _ask(app, "/", headers=_basic("anna:päss:word"))[0] == _ask(app, "/", headers=_basic("ben:x"))[0] == 200
    wrong = [_basic("anna:x"), _basic("anna"), _basic(""), _basic("ben:päss:word"), LOCAL]
    wrong += [{**LOCAL, "authorization": text} for text in ("Basic !!!", "Bearer x", "Basic", "basic YW5uYQ")]
    for headers in wrong:
        for path in OPEN[:3]:
            status, answered, _ = _ask(app, path, headers=headers)
            assert status == 401 and answered["www-authenticate"].startswith("Basic realm=")


def test_requests_are_small(local: Guard) -> None:
    path = "/gradio_api/queue/join"
    assert _ask(local, path, method="POST", parts=(b"[1", b",2]"))[2] == b"[1,2]"
    assert _ask(local, path, method="POST", parts=(bytes(MOST_JSON), b"x"))[0] == 413


@pytest.mark.parametrize("length", [str(MOST_UPLOAD + 1), "", "-1", "1e3", "x"])
def test_uploads_have_a_size(local: Guard, length: str) -> None:
    headers = {**LOCAL, "content-length": length}
    assert _ask(local, "/gradio_api/upload", method="POST", headers=headers)[0] == 413
    good = {**LOCAL, "content-length": str(MOST_UPLOAD)}
    assert _ask(local, "/gradio_api/upload", method="POST", headers=good)[0] == 200
    full = Guard(_page, host="127.0.0.1", logins={}, uploads="/tmp/up", has_room=lambda: False)
    assert _ask(full, "/gradio_api/upload", method="POST", headers=good)[0] == 507


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"path": "http://10.0.0.1/x", "meta": {"_type": "gradio.FileData"}}, 400),
        ([1, [{"a": {"path": " HTTPS://x"}}]], 400),
        ({"path": "file:///etc/passwd"}, 400),
        ({"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, 400),
        ({"path": "/tmp/up/../x.wav"}, 400),
        ({"path": "/tmp/upx/x.wav"}, 400),
        ({"path": "/tmp/up"}, 400),
        ({"path": "up/x.wav"}, 400),
        ({"path": "/tmp/up/a\0b"}, 400),
        ({"path": ["/etc/passwd"]}, 400),
        ({"path": "/tmp/up/a/x.wav", "url": "http://127.0.0.1:7860/gradio_api/file=/tmp/up/a/x.wav"}, 200),
        ({"text": "see http://x"}, 200),
        ("words", 200),
    ],
)
def test_only_uploads_are_taken(local: Guard, data: Any, status: int) -> None:
    body = json.dumps({"data": data}).encode()
    assert _ask(local, "/gradio_api/queue/join", method="POST", parts=(body,))[0] == status
    for broken in (body[:-1], b"[" * 100_000, b"\xff"):
        assert _ask(local, "/gradio_api/queue/join", method="POST", parts=(broken,))[0] == 200


@pytest.mark.parametrize(
    ("begun", "status", "body"),
    [("", 500, b"this cannot be answered"), ("start", 200, b""), ("start body", 200, b"wrong")],
)
def test_what_goes_wrong_behind_it_is_one_line(
    begun: str, status: int, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gradio answers to a session that it does not know with a traceback."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        if "start" in begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if "body" in begun:
            await send({"type": "http.response.body", "body": b"wrong"})
        raise RuntimeError("no such session")

    answered = _ask(Guard(broken, host="127.0.0.1", logins={}, uploads="/tmp/up"), "/")
    assert (answered[0], answered[2]) == (status, body) and "content-security-policy" in answered[1]
    assert capsys.readouterr().err == "speech2img: serve: /: RuntimeError: no such session\n"


def test_an_answer_that_is_shorter_than_promised_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The server under it refuses to end such an answer, and breaks the connection off."""
    sent: list[str] = []

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        raise RuntimeError("the file is gone")

    async def send(message: Message) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            raise RuntimeError("too little data for declared content-length")

    async def receive() -> Any:
        return {"type": "http.request"}

    headers = [(b"host", b"127.0.0.1")]
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    asyncio.run(Guard(broken, host="127.0.0.1", logins={}, uploads="/tmp/up")(scope, receive, send))
    assert sent == ["http.response.start", "http.response.body"]
    assert capsys.readouterr().err == "speech2img: serve: /: RuntimeError: the file is gone\n"
