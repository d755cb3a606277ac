"""The toy training task for the tests of the loop."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

TOY = Path(__file__).with_name("toy_runs.py")


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module ``toy_runs``."""
    spec = importlib.util.spec_from_file_location("toy_runs", TOY)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_runs"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy_server() -> Iterator[subprocess.Popen]:
    """A process that forks toy trainings on demand."""
    environment = {**os.environ, "PYTHONPATH": str(TOY.parents[2])}
    server = subprocess.Popen(
        [sys.executable, str(TOY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    yield server
    assert server.stdin is not None
    server.stdin.close()
    server.wait(timeout=20)
