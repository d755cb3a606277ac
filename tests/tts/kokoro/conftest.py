"""Kokoro's packages, replaced by a few lines."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import fake_kokoro


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand-ins of ``kokoro_onnx`` and ``onnxruntime`` are what an import finds."""
    monkeypatch.syspath_prepend(str(fake_kokoro.make_packages(tmp_path / "site")))
    for name in ("kokoro_onnx", "onnxruntime"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in ("kokoro_onnx", "onnxruntime"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
