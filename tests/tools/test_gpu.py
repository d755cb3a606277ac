"""The check of a GPU, small on the CPU: packed photographs, steps within a budget, a training with its grid."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

REPO = Path(__file__).parents[2]
FOLDER = REPO / "tools" / "gpu"


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    """Modules of tools/gpu."""
    names = ("pack", "parity")
    sys.path.insert(0, str(FOLDER))
    try:
        yield SimpleNamespace(**{name: __import__(name) for name in names})
    finally:
        sys.path.remove(str(FOLDER))


def packed(parts: SimpleNamespace, folder: Path, *, side: int = 64) -> Path:
    """Twelve smooth photographs for training, eight for the grid."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (20, 4, 4, 3), dtype=np.uint8)
    images = np.stack([np.asarray(Image.fromarray(image).resize((side, side))) for image in small])
    embeddings = rng.standard_normal((20, 1024))
    out = folder / "data.npz"
    quality = parts.pack.pack(
        images, embeddings, [row % 4 for row in range(20)], ["train"] * 12 + ["test"] * 8, out, most_bytes=10**6
    )
    found = parts.pack.unpack(out)
    assert quality == 92 and np.abs(found["images"].astype(int) - images).mean() < 4
    np.testing.assert_allclose(found["embeddings"], embeddings, atol=2e-3)
    assert found["parts"].tolist() == [0] * 12 + [1] * 8
    return out


def test_the_quality_falls_until_the_file_fits(parts: SimpleNamespace, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    given = (images, np.zeros((6, 4)), [0] * 6, ["train"] * 6, tmp_path / "x.npz")
    whole = parts.pack.pack(*given, most_bytes=10**6)
    size = (tmp_path / "x.npz").stat().st_size
    assert parts.pack.pack(*given, most_bytes=size - 1) < whole
    with pytest.raises(ValueError, match="6 pictures do not fit"):
        parts.pack.pack(*given, most_bytes=1000)


def test_differences_of_losses_are_relative(parts: SimpleNamespace) -> None:
    assert parts.parity.difference([{"a": 1.1, "b": 0.02}], [{"a": 1.0, "b": 0.01}]) == pytest.approx(0.1)


def test_the_same_script_runs_small_on_the_cpu(parts: SimpleNamespace, tmp_path: Path) -> None:
    data, out = packed(parts, tmp_path), tmp_path / "out"
    environ = os.environ | {"SPEECH2IMG_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    command = ["bash", str(REPO / "tools" / "gpu.sh"), str(out), "--data", str(data), "--device", "cpu"]
    done = subprocess.run(
        [*command, "--minutes", "0.4", "--only", "memory", "training"],
        env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    summary = json.loads((out / "summary.json").read_text())
    assert summary["device"] == "CPU" and list(summary["steps"]) == ["memory", "training"], done.stderr
    logs = [path.read_text() for path in out.glob("*.log")]
    assert summary["steps"]["training"]["ended"] == "done", logs
    assert summary["results"]["training"]["steps"] >= 1
    with Image.open(out / "grid.png") as grid:
        assert grid.size == (8 * 64, 2 * 64)
    assert subprocess.run([*command[:2], str(out), "--data", str(tmp_path / "none")], env=environ).returncode == 2
