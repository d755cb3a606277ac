"""What stands for services and packages: Baidu's server and the engine that asks it, Kokoro's packages."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from helpers import baidu_server as baidu_server_module
from helpers import fake_kokoro
from helpers import humming as humming_module
from speech2img.tts.baidu.client import ServiceSettings
from speech2img.tts.baidu.credentials import BaiduKeys
from speech2img.tts.baidu.engine import BaiduSettings, BaiduSynthesizer
from speech2img.tts.baidu.https_client import WebLimits


@pytest.fixture(scope="session")
def baidu_server() -> ModuleType:
    """The module of the server."""
    return baidu_server_module


@pytest.fixture(scope="session")
def humming() -> ModuleType:
    """The module of an engine without speech, and of corpora for it."""
    return humming_module


@pytest.fixture
def serve(baidu_server: ModuleType) -> Iterator[Callable[..., Any]]:
    """Start a server: ``serve(faults)``; it ends with the test."""
    servers = []

    def start(*args: Any, **options: Any) -> Any:
        server = baidu_server.BaiduServer(*args, **options)
        servers.append(server.__enter__())
        return server

    yield start
    for server in servers:
        server.__exit__()


@pytest.fixture
def engine_for(baidu_server: ModuleType) -> Callable[..., BaiduSynthesizer]:
    """An engine that asks a server, with minutes scaled to tenths of seconds."""

    def make(
        server: Any,
        *,
        keys: BaiduKeys | None = None,
        token_file: Path | None = None,
        rank: Any = None,
        settings: BaiduSettings | None = None,
        **service: Any,
    ) -> BaiduSynthesizer:
        keys = keys or BaiduKeys(baidu_server.API_KEY, baidu_server.SECRET_KEY)
        scaled = {
            "qps": 1000.0,
            "backoff_base": 0.002,
            "backoff_cap": 0.05,
            "patience": 20.0,
            "limits": WebLimits(connect_seconds=5.0, read_seconds=0.25, total_seconds=5.0),
            "speech_url": server.speech_url,
            "token_url": server.token_url,
        }
        options = {} if rank is None else {"rank": rank}
        return BaiduSynthesizer(
            keys, settings, service=ServiceSettings(**{**scaled, **service}), token_file=token_file, **options
        )

    return make


@pytest.fixture
def kokoro_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand-ins of ``kokoro_onnx`` and ``onnxruntime`` are what an import finds."""
    monkeypatch.syspath_prepend(str(fake_kokoro.make_packages(tmp_path / "site")))
    for name in ("kokoro_onnx", "onnxruntime"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in ("kokoro_onnx", "onnxruntime"):
        sys.modules.pop(name, None)
