"""The benchmark of latency: everything one waits for, of two models side by side, in one table."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from helpers import program_environment

from speech2img.audio.wav import write_wav

SCRIPT = Path(__file__).parents[2] / "tools" / "benchmark" / "latency.py"
PAINTERS = ["first picture", "four pictures", "first preview", "embedding", "generate, a whole process"]


def test_models_stand_side_by_side(tmp_path: Path, make_release: Callable[..., Path]) -> None:
    time = np.arange(2 * 22_050) / 22_050
    write_wav(tmp_path / "x.wav", 0.3 * np.sin(2000 * time), sample_rate=22_050)
    models = [make_release(tmp_path / "whole"), make_release(tmp_path / "ear", kind="speech-encoder")]
    words = [str(tmp_path / "x.wav"), *map(str, models), "--rounds", "2", "--processes", "1", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words, "--out", str(tmp_path / "found.json")],
        env=program_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "x.wav, medians of n, 1 thread\n" in done.stdout
    rows = re.findall(r"^\| ([\w, ]+) \| (\w+) \| (\d+) \| (\d+) \| (\d+) \| ([\d.]+) \|$", done.stdout, re.M)
    heard = [
        (what, model) for what in PAINTERS for model in ("whole", "ear") if model == "whole" or what == "embedding"
    ]
    assert [row[:2] for row in rows] == heard
    assert [row[2] for row in rows] == ["2"] * 5 + ["1"]
    assert all(row[5] == "1.00" for row in rows if row[1] == "whole")
    found = json.loads((tmp_path / "found.json").read_text())
    assert list(found["turns"]) == PAINTERS and found["threads"] == 1
    assert len(found["turns"]["embedding"][str(models[1])]) == 2
