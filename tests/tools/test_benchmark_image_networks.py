"""The benchmark of networks that look at images: both ways in one table, one line for impossible sizes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import program_environment

SCRIPT = Path(__file__).parents[2] / "tools" / "benchmark" / "image_networks.py"
NETWORKS = ("GoogLeNet", "EfficientNet-Lite0")


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words], env=program_environment(), capture_output=True, text=True, timeout=120
    )


def test_both_ways_stand_in_one_table() -> None:
    done = call("--side", "64", "--batch-size", "1", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    rows = re.findall(
        r"^\| ([^|]+) \| (\w+), ([\w ]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", done.stdout, re.MULTILINE
    )
    assert [row[:3] for row in rows] == [
        (network, precision, what)
        for network in NETWORKS
        for precision in ("float32", "bfloat16")
        for what in ("forward", "with gradient")
    ]
    assert all(float(cell) > 0 for row in rows for cell in row[3:])
    difference = re.search(r"largest difference (\S+)", done.stdout)
    assert difference is not None and 0 < float(difference[1]) < 1e-4


@pytest.mark.parametrize("words", [("--side", "32"), ("--rounds", "0")])
def test_impossible_sizes_are_one_line(words: tuple[str, str]) -> None:
    done = call(*words)
    assert done.returncode == 2 and "--side is 64 or more, and all are 1 or more" in done.stderr
    assert "Traceback" not in done.stderr
