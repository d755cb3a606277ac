"""``speech2img evaluate --model`` on photographs in tests: a GoogLeNet that takes no time, features, rows, refusals."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.features.base import FeatureExtractor

DIM = 16
MEAN, STD = 3.0, 0.5


class StubGoogLeNet(FeatureExtractor):
    """Stands in for GoogLeNet, whose pass over the pictures of a report takes ten seconds."""

    kind, name, classes, weights_sha256 = "stub", "stub network", "3 colours", "ef" * 32
    outputs, pooled, logits = {"means": 3, "scores": 3}, "means", "scores"

    def prepare(self, images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(images)

    def read(self, images: torch.Tensor, outputs: Sequence[str]) -> dict[str, np.ndarray]:
        means = images.numpy().reshape(len(images), -1, 3).mean(axis=1).astype(np.float32)
        return {"means": means, "scores": means / 64}


def store_features(root: Path, source: Path, *, kind: str = "caffe-googlenet") -> np.ndarray:
    """Teacher features of the six photographs, as if made by the network at ``source``; (6, DIM)."""
    features = MEAN + STD * np.random.default_rng(1).normal(size=(6, 1, DIM)).astype(np.float32)
    (root / "derived").mkdir(exist_ok=True)
    with h5py.File(root / "derived" / "features-googlenet.h5", "w") as file:
        file["features"] = features
        file["ids"] = [item.id for item in Manifest.load(root).items]
        file.attrs.update(kind=kind, source=str(source), sha256="0" * 64, views=1)
    return features[:, 0]


def evaluated(model: Path, root: Path, *more: str) -> dict[str, Any]:
    """The report of ``speech2img evaluate --model``."""
    out = root / "report"
    argv = ["evaluate", "--model", str(model), "--root", str(root), "--features", "googlenet", "--out", str(out)]
    assert main([*argv, "--device", "cpu", *more]) == 0
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def metric_row(report: dict[str, Any], name: str) -> dict[str, Any]:
    """The first row of a report of that name."""
    return next(row for row in report["metrics"] if row["name"] == name)


def refused_line(capsys: pytest.CaptureFixture[str], status: int, *argv: object) -> str:
    """The one line of an evaluation that cannot be."""
    capsys.readouterr()
    assert main(["evaluate", "--device", "cpu", *map(str, argv)]) == status
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img:")]
    assert "bug of speech2img" not in line
    return line
