"""The benchmark of a discrete diffusion's sampling: a table by steps and guidance, one line for impossible sizes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import program_environment

SCRIPT = Path(__file__).parents[2] / "tools" / "benchmark" / "diffusion_sampling.py"


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words], env=program_environment(), capture_output=True, text=True, timeout=120
    )


def test_steps_and_guidance_stand_in_one_table() -> None:
    sizes = ("--width", "16", "--depth", "1", "--tokens", "16", "--threads", "1", "--rounds", "3")
    done = call(*sizes)
    assert done.returncode == 0, done.stderr
    assert "16 tokens, 0.0 M parameters, 1 threads" in done.stdout
    rows = re.findall(r"^\| ([12]\.0) \| ([\d.]+) \| ([\d.]+) \|$", done.stdout, re.M)
    assert [row[0] for row in rows] == ["1.0", "2.0"]
    assert all(float(cell) >= 0 for row in rows for cell in row[1:])


@pytest.mark.parametrize("words", [("--tokens", "200"), ("--rounds", "0")])
def test_impossible_sizes_are_one_line(words: tuple[str, str]) -> None:
    done = call(*words)
    assert done.returncode == 2 and "--tokens is a square such as 256, and all are 1 or more" in done.stderr
    assert "Traceback" not in done.stderr
