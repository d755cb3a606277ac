"""The benchmark of GoogLeNet: both ways in one table, one line for impossible sizes, and the network as it was."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import program_environment

SCRIPT = Path(__file__).parents[2] / "tools" / "benchmark" / "googlenet.py"


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words], env=program_environment(), capture_output=True, text=True, timeout=120
    )


def test_both_ways_stand_in_one_table() -> None:
    done = call("--side", "32", "--batch-size", "1", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| (\S+), ([^|]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", done.stdout, re.M)
    assert [row[:2] for row in rows] == [
        (precision, what) for precision in ("float32", "bfloat16") for what in ("forward", "with gradient")
    ]
    assert all(float(cell) > 0 for row in rows for cell in row[2:])
    difference = re.search(r"off by (\S+)", done.stdout)
    assert difference is not None and float(difference[1]) < 1e-4


@pytest.mark.parametrize("words", [("--side", "16"), ("--rounds", "0")])
def test_impossible_sizes_are_one_line(words: tuple[str, str]) -> None:
    done = call(*words)
    assert done.returncode == 2 and "--side is 32 or more, and all are 1 or more" in done.stderr
    assert "Traceback" not in done.stderr
