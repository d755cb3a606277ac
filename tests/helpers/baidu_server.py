"""A server on this machine that speaks Baidu's protocol as documented, and fails in every way it can."""

import io
import itertools
import json
import random
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote_plus
from zlib import crc32

import numpy as np
import soundfile

API_KEY, SECRET_KEY = "Ak4+test/key=EXAMPLE", "Sk9 is/never&shown".replace(" ", "_")
RATES = {"3": 16_000, "4": 16_000, "5": 8_000, "6": 16_000}
TYPES = {
    "3": "audio/mp3",
    "4": "audio/basic;codec=pcm;rate=16000;channel=1",
    "5": "audio/basic;codec=pcm;rate=8000;channel=1",
    "6": "audio/wav",
}
CODES = {
    "6": "No permission to access data",
    "13": "Open api qps request limit reached",
    "15": "Open api concurrency limit reached",
    "16": "Open api characters limit reached",
    "18": "Open api cluster limit reached",
    "330": "invalid user_id or type for limiter",
    "500": "notsupport.",
    "501": "parameter error.",
    "503": "synthesis backend error",
    "513": "tex param err",
    "999": "nginx forwarding failed",
}
STALL_SECONDS = 2.0
BROKEN = (
    "stall",
    "reset",
    "half",
    "half chunked",
    "http 500",
    "http 503",
    "http 429",
    "json as audio",
    "html",
    "empty",
    "short",
    "noise",
    "riff",
)
"""Faults that are no code."""
ALL_FAULTS = (*CODES, "revoke", *BROKEN)

Faults = Callable[[str, int], str | None]


def chaos(share: float, seed: int = 0) -> Faults:
    """A share of the requests fails, decided by the text and by how often it was asked; all kinds take turns."""
    kinds = itertools.cycle(random.Random(seed).sample(ALL_FAULTS, len(ALL_FAULTS)))

    def draw(text: str, nth: int) -> str | None:
        return next(kinds) if random.Random(f"{seed} {text} {nth}").random() < share else None

    return draw


def sound(text: str, form: dict[str, str]) -> bytes:
    """A tone whose length and pitch tell text and form, in the format that ``aue`` asks for."""
    rate = RATES[form["aue"]]
    t = np.arange(int(rate * (0.4 + 0.06 * len(text)) * 5 / (2 + int(form["spd"])))) / rate
    pitch = 150 + crc32(text.encode()) % 400 + 20 * int(form["pit"]) + int(form["per"]) % 97
    y = (0.02 * (1 + int(form["vol"])) * np.sin(2 * np.pi * pitch * t)).astype(np.float32)
    file = io.BytesIO()
    if form["aue"] in "45":
        return np.rint(y * 32767).astype("<i2").tobytes()
    soundfile.write(file, y, rate, format="WAV" if form["aue"] == "6" else "MP3")
    return file.getvalue()


class BaiduServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1; ``with BaiduServer() as server`` serves until the block ends."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, faults: Faults = lambda text, nth: None, *, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _Handler)
        self.faults = faults
        self.is_down = False
        self.expires_in = 2_592_000
        self.lock = threading.Lock()
        self.tokens: set[str] = set()
        self.all_tokens: set[str] = set()
        self.asked: dict[str, int] = {}
        self.forms: list[dict[str, str]] = []
        self.arrivals: list[float] = []
        self.injected: list[str] = []

    def __enter__(self) -> "BaiduServer":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def speech_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/text2audio"

    @property
    def token_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/oauth/2.0/token"

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are expected here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: BaiduServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.arrivals.append(time.monotonic())
        if self.server.is_down:
            self.close_connection = True
            return
        form = {key: values[0] for key, values in parse_qs(body.decode(), strict_parsing=True).items()}
        if self.path == "/oauth/2.0/token":
            self._give_token(form)
        elif self.path == "/text2audio":
            self._speak(form)
        else:
            self._send(404, b"not here", "text/plain")

    def _give_token(self, form: dict[str, str]) -> None:
        if form["grant_type"] != "client_credentials" or form["client_id"] != API_KEY:
            self._json({"error": "invalid_client", "error_description": f"unknown client id {form['client_id']}"}, 401)
        elif form["client_secret"] != SECRET_KEY:
            described = f"Client authentication failed {form['client_secret']}"
            self._json({"error": "invalid_client", "error_description": described}, 401)
        else:
            with self.server.lock:
                token = f"24.{len(self.server.all_tokens):032x}.2592000.1798284651.282335-8574074"
                self.server.tokens.add(token)
                self.server.all_tokens.add(token)
            self._json(
                {
                    "refresh_token": "25.x",
                    "expires_in": self.server.expires_in,
                    "scope": "public audio_tts_post",
                    "session_key": "y",
                    "access_token": token,
                    "session_secret": "",
                }
            )

    def _speak(self, form: dict[str, str]) -> None:
        text = unquote_plus(form["tex"])
        with self.server.lock:
            nth = self.server.asked[text] = self.server.asked.get(text, 0) + 1
            self.server.forms.append(form)
        fault = self.server.faults(text, nth)
        if fault:
            self.server.injected.append(fault)
        if fault == "revoke":
            self.server.tokens.discard(form["tok"])
        refusal = self._refusal(form, text)
        if refusal:
            self._error(*refusal, form)
        elif fault in CODES:
            self._error(int(fault), CODES[fault], None, form)
        elif fault:
            self._break(fault, sound(text, form), form)
        else:
            self._send(200, sound(text, form), TYPES[form["aue"]])

    def _refusal(self, form: dict[str, str], text: str) -> tuple[int, str, int | None] | None:
        if form["tok"] not in self.server.tokens:
            return 502, "authentication failed.", None
        if form["ctp"] != "1":
            return 503, "ctp", 20071
        numbers = {"spd": 15, "pit": 15, "vol": 9 if form["per"] in "0134" else 15}
        fits = all(form[name].isdecimal() and int(form[name]) <= most for name, most in numbers.items())
        if form["lan"] != "zh" or form["aue"] not in RATES or not fits or not 1 <= len(form["cuid"]) <= 60:
            return 501, "parameter error.", 29
        if form["per"] not in ("0", "1", "3", "4", "106", "5118"):
            return 501, "per not bought", 29
        try:
            size = len(text.encode("gbk"))
        except UnicodeEncodeError:
            return 503, "not gbk", None
        return (501, "Tex length exceeds limit", 10) if size >= 1024 else None

    def _error(self, code: int, message: str, subcode: int | None, form: dict[str, str]) -> None:
        fields = {"err_no": code, "err_msg": f"{message} tok={form['tok']}", "sn": "abcdefgh", "idx": 1}
        self._json(fields if subcode is None else {**fields, "err_subcode": subcode})

    def _break(self, fault: str, body: bytes, form: dict[str, str]) -> None:
        kind = TYPES[form["aue"]]
        if fault == "stall":
            time.sleep(STALL_SECONDS)
        elif fault == "reset":
            pass
        elif fault == "half":
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
        elif fault == "half chunked":
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % len(body) + body[: len(body) // 2])
        elif fault.startswith("http"):
            self._send(int(fault[5:]), b"<html>busy</html>", "text/html", {"Retry-After": "0"})
        elif fault == "json as audio":
            self._send(200, json.dumps({"err_no": 500, "err_msg": "notsupport."}).encode(), kind)
        elif fault == "html":
            self._send(200, b"<html>please log in</html>", "text/html")
        elif fault == "empty":
            self._send(200, b"", kind)
        elif fault == "short":
            self._send(200, sound("", {**form, "spd": "99"}), kind)
        elif fault == "noise":
            self._send(200, random.Random(0).randbytes(3001), kind)
        elif fault == "riff":
            self._send(200, body[:-1000] if form["aue"] == "6" else b"\0", kind)
        else:
            self._json(
                {"err_no": 502, "err_msg": "authentication failed.", "err_subcode": 4}
                if fault == "quota"
                else {"err_no": int(fault), "err_msg": "?"}
            )
        self.close_connection = True

    def _json(self, fields: dict[str, object], status: int = 200) -> None:
        self._send(status, json.dumps(fields).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
