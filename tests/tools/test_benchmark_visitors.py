"""The benchmark of the page: it counts those who are served, reads memory, and times the first preview."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import program_environment

SCRIPT = Path(__file__).parents[2] / "tools" / "benchmark" / "visitors.py"


def test_visitors_are_counted_and_memory_is_read(tmp_path: Path, make_release: Callable[..., Path]) -> None:
    pytest.importorskip("gradio", reason='the app extra is not installed: pip install ".[app]"')
    words = ["--model", str(make_release(tmp_path / "toy")), "--previews", "1", "--visitors", "3", "--requests", "2"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words, "--out", str(tmp_path / "found.json")],
        env=program_environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert "| 3 visitors at once | 3 served, the last after " in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["wrong"] == [] and len(found["visitor_seconds"]) == 3
    assert len(found["resident_megabytes"]) == 3 and min(found["resident_megabytes"]) > 50
    assert all(len(found[f"first_preview_of_{pictures}"]) == 1 for pictures in (1, 4))
