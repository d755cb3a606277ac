"""``speech2img evaluate --generated`` in tests: a network that takes no time, folders of noise, rows and refusals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from speech2img.cli.main import main
from speech2img.features.layers import POOLS
from speech2img.models.vision.inception import OUTPUTS

Run = Callable[..., dict[str, Any]]


class StubReader:
    """Stands in for Inception, whose pass over a picture takes a tenth of a second: features from its pixels."""

    name, weights_sha256, precision = "Inception-v3 (FID, TensorFlow 2015-12-05)", "ab" * 32, "float32"
    build, classifier, outputs = "fid", "fid", dict.fromkeys(OUTPUTS, 20)
    spoiled = False
    pictures = 0

    def read(self, prepared: torch.Tensor, taps: tuple[str, ...]) -> dict[str, np.ndarray]:
        StubReader.pictures += len(prepared)
        flat = prepared[:, ::16, ::16].reshape(len(prepared), -1).double().numpy()
        found = {}
        for tap in taps:
            width = POOLS.get(tap, 20)
            weights = np.random.default_rng(width).normal(size=(flat.shape[1], width)) / 30
            found[tap] = (flat @ weights).astype(np.float32)
            if self.spoiled:
                found[tap][-1, 0] = np.nan
        return found


def random_pictures(folder: Path, count: int, *, seed: int, size: tuple[int, int] = (20, 16)) -> Path:
    """Pictures of noise, in three folders by turns."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        path = folder / f"{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)
    return folder


def metric_row(report: dict[str, Any], name: str, group: str) -> dict[str, Any]:
    """The row of a report about one group."""
    return next(row for row in report["metrics"] if (row["name"], row["group"]) == (name, group))


def refused_line(capsys: pytest.CaptureFixture[str], tmp_path: Path, *argv: object) -> str:
    """The one line of an evaluation that cannot be, and leaves no report."""
    capsys.readouterr()
    status = main(["evaluate", "--out", str(tmp_path / "out"), *map(str, argv)])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img:")]
    assert status in (1, 2) and len(lines) == 1 and "bug" not in lines[0], (status, lines)
    assert not (tmp_path / "out" / "report.json").exists()
    return lines[0]
