"""``Guard``: what reaches the page passes here first: who comes in, which paths there are, what a request may hold.

Gradio has more doors than this page uses (proxies, files by URL, editors); only those named in `PATHS` are open.
"""

import asyncio
import base64
import binascii
import contextlib
import hmac
import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from os import PathLike
from typing import Any
from urllib.parse import urlsplit

from speech2img.app.settings import MOST_BYTES, TOO_LARGE, is_loopback
from speech2img.storage.notices import notice

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PATHS = {
    "GET": re.compile(
        r"/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/(?:assets|static)/[\w./-]+"
        r"|/gradio_api/(?:info/?|theme\.css|app_id/?|startup-events|queue/data|upload_progress"
        r"|heartbeat/\w+|call/\w+/\w+|file=/.+)"
        r"|/kept\.zip|/kept/[0-9a-f]{32}/[\w.]+|/examples/[\w.-]+"
    ),
    "POST": re.compile(r"/gradio_api/(?:queue/join|run/predict|upload|cancel|reset/?|call/(?:v2/)?\w+)"),
}
"""Paths that are open; HEAD as GET."""
UPLOAD = "/gradio_api/upload"
MOST_UPLOAD = MOST_BYTES + (64 << 10)
"""Bytes of a request that brings a file: a recording and what is around it."""
MOST_JSON = 256 << 10
"""Bytes of any other request."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
"""Content Security Policy: a browser loads nothing from elsewhere, whatever a page says."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}
WRONG_LOGIN_SECONDS = 0.5
"""Seconds that a wrong login waits for its answer."""


class Guard:
    """An ASGI application around the page.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    host : str
        Where the server listens: at a loopback address only requests for that address are answered, so that a page of
        elsewhere cannot reach it under a name of its own.
    logins : mapping of str to str
        Name to password of those who may come in; empty: anyone.
    uploads : path
        Folder of uploads: the only files that a request may name.
    has_room : callable, optional
        Whether another upload fits on the disk.
    """

    def __init__(
        self,
        app: Application,
        *,
        host: str,
        logins: Mapping[str, str],
        uploads: str | PathLike[str],
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._app, self._is_local, self._has_room = app, is_loopback(host), has_room
        self._uploads = os.fspath(uploads)
        self._logins = [f"{name}:{password}".encode() for name, password in logins.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the page answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await self._refuse(send, *refusal)
            return

        # A request is small, and names no file but uploads.
        if scope["method"] == "POST" and scope["path"] != UPLOAD:
            body = await _whole_body(receive, MOST_JSON)
            if body is None:
                await self._refuse(send, 413, "this request is too large")
                return
            if _takes_foreign_file(body, self._uploads):
                await self._refuse(send, 400, "files come by upload, not by path or address")
                return
            receive = _given(body, receive)
        await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the page answer; what goes wrong there is a line of log, and an answer that was begun is ended."""
        is_begun = is_ended = False

        async def sent(message: Message) -> None:
            nonlocal is_begun, is_ended
            is_begun, is_ended = True, message["type"] == "http.response.body" and not message.get("more_body", False)
            await _with_headers(send)(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            notice(f"serve: {scope['path'][:80]}: {type(error).__name__}: {str(error)[:200]}")
            if is_begun and not is_ended:
                with contextlib.suppress(Exception):  # more was promised: the server breaks the connection off
                    await send({"type": "http.response.body", "body": b""})
            elif not is_begun:
                await self._refuse(send, 500, "this cannot be answered")

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and sentence where a request is not let in."""
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if self._is_local and not is_loopback(host):
            return 421, "this server answers to its own address only"
        origin = headers.get("origin")
        is_foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
        if scope["method"] == "POST" and is_foreign:
            return 403, "requests come from this page only"
        if self._logins and not self._may_enter(headers.get("authorization", "")):
            return 401, "a name and a password are needed"
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        path = scope["path"]
        is_open = method in PATHS and PATHS[method].fullmatch(path) is not None
        _, is_file, named = path.partition("/gradio_api/file=")
        if not is_open or ".." in path or (is_file and not _is_inside(named, self._uploads)):
            return 404, "nothing is here"
        length = headers.get("content-length", "")
        if path == UPLOAD and (not length.isdigit() or int(length) > MOST_UPLOAD):
            return 413, "; ".join(TOO_LARGE)
        if path == UPLOAD and not self._has_room():
            return 507, "too much was uploaded in the last hour; come back later"
        return None

    def _may_enter(self, authorization: str) -> bool:
        """Whether a header names one of the logins."""
        scheme, _, coded = authorization.partition(" ")
        try:
            given = base64.b64decode(coded, validate=True) if scheme.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            given = b""
        return any([hmac.compare_digest(given, login) for login in self._logins])  # a list: all of them, always

    async def _refuse(self, send: Send, status: int, sentence: str) -> None:
        """Answer with a sentence; a wrong login waits for it."""
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
        if status == 401:
            await asyncio.sleep(WRONG_LOGIN_SECONDS)
            headers.append((b"www-authenticate", b'Basic realm="speech2img", charset="UTF-8"'))
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await _with_headers(send)(start)
        await send({"type": "http.response.body", "body": sentence.encode()})


def _with_headers(send: Send) -> Send:
    """Add `HEADERS` to every answer."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", []))
            known = {name.lower() for name, _ in given}
            added = ((name.encode(), value.encode()) for name, value in HEADERS.items())
            message = {**message, "headers": [*given, *(pair for pair in added if pair[0] not in known)]}
        await send(message)

    return sent


async def _whole_body(receive: Receive, most: int) -> bytes | None:
    """The body of a request; None where it is larger."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _given(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read once more, then what comes after it."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _takes_foreign_file(body: bytes, uploads: str) -> bool:
    """Whether a request names a file that was not uploaded: gradio would copy or fetch it, and then give it out."""
    try:
        left = [json.loads(body or b"null")]
    except (ValueError, RecursionError):
        return False  # the page says what it thinks of it
    while left:
        value = left.pop()
        if isinstance(value, dict):
            path = value.get("path")
            if path is not None and not _is_inside(str(path), uploads):
                return True
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
    return False


def _is_inside(path: str, folder: str) -> bool:
    """Whether a path, followed to its end, lies in a folder."""
    if "\0" in path or not os.path.isabs(path):
        return False
    return os.path.realpath(path).startswith(os.path.realpath(folder) + os.sep)
