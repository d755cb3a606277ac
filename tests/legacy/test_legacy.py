"""Runs, releases, stores and a report of the code before the redesign: today's code reads, resumes and repeats them.

``legacy.tar.xz`` was made by ``make.py`` with commit 3a65252. Numbers are compared without names, which may change.
"""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.features.image_features import load_features
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.tts.tacotron2.engine import Tacotron2Synthesizer

CASES = ("encoder", "s2igan-encoder", "teacher", "judge", "prior", "generator", "classifier", "tacotron2")
"""Runs; what follows the last hyphen is the role."""
ROOTS = {"classifier": "corpus/shapes", "tacotron2": "corpus/clips"}
"""Corpora of the runs that have one of their own."""
MADE_AGAIN = ("images-64.h5",)
"""Stores that are computed again: since then photographs are turned as their EXIF says."""
UNITS = ("seconds", "processor_seconds", "steps_per_second", "gradient_norm")
"""Numbers of a line of statistics that tell of the machine, or only of the last digits."""

NO_GRADIENT = {"tacotron2": 5e-3}
"""Runs with convolutions before a batch norm: the gradient of their biases is rounding alone, which differs between
processors and which Adam brings to the size of its rate; the running means follow. Vectors only; matrices are exact."""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the old code wrote, as it wrote it."""
    folder = tmp_path_factory.mktemp("legacy")
    with tarfile.open(Path(__file__).with_name("legacy.tar.xz")) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture
def legacy(unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the current folder: its settings name places relative to it."""
    folder = tmp_path / "legacy"
    shutil.copytree(unpacked, folder)
    monkeypatch.chdir(folder)
    return folder


def _call(line: str) -> int:
    return main([*line.split(), "--device", "cpu"])


def _lines(run: Path) -> list[list[float]]:
    """Values of each line of a run's statistics, sorted."""
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    return [sorted(float(v) for k, v in line.items() if k != "kind" and k not in UNITS) for line in lines]


def _weights(run: Path) -> list[torch.Tensor]:
    return [tensor.float() for tensor in load_file(run / "export" / "weights.safetensors").values()]


def _take(tensors: list[torch.Tensor], wanted: torch.Tensor, *, vectors: float = 2e-5) -> bool:
    """Take the tensor that is like the wanted one out of a list; ``vectors`` is how far a vector may be from it."""
    atol = vectors if wanted.dim() == 1 else 2e-5
    for number, tensor in enumerate(tensors):
        if tensor.shape == wanted.shape and torch.allclose(tensor, wanted, rtol=1e-3, atol=atol):
            del tensors[number]
            return True
    return False


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_the_old_code_stopped_ends_as_it_would_have_ended(case: str, legacy: Path) -> None:
    kept = [path for path in legacy.glob("corpus/derived/*.h5") if path.name not in MADE_AGAIN]
    stores = {path: path.read_bytes() for path in kept}
    run, whole = Path("stopped") / case, Path("whole") / case
    root = ROOTS.get(case, "corpus")
    assert _call(f"train {case.rpartition('-')[2]} --config {run}/config.toml --root {root} --out {run}") == 0
    numbers, expected = _lines(run), _lines(whole)
    assert len(numbers) == len(expected)
    for line, wanted in zip(numbers, expected, strict=True):
        assert line == pytest.approx(wanted, rel=2e-3, abs=1e-5)
    weights, old = _weights(run), _weights(whole)
    assert len(weights) == len(old)
    assert all(_take(weights, tensor, vectors=NO_GRADIENT.get(case, 2e-5)) for tensor in old)
    assert all(path.read_bytes() == before for path, before in stores.items())


def test_the_corpus_and_its_stores_are_read(legacy: Path) -> None:
    root = Path("corpus")
    assert len(Manifest.load(root).items) == 14
    features, embeddings = load_features(root, "teacher"), load_embeddings(root, "encoder")
    assert features.features.shape == (14, 1, 16) and embeddings.embeddings.shape == (28, 16)
    assert np.isfinite(features.features).all() and np.isfinite(embeddings.embeddings).all()


@pytest.mark.parametrize("case", ["teacher", "judge"])
def test_feature_networks_of_the_old_code_read_images(case: str, legacy: Path) -> None:
    assert _call(f"features --root corpus --teacher whole/{case} --name again") == 0
    found = load_features(Path("corpus"), "again").features
    assert found.shape[0] == 14 and np.isfinite(found).all() and found.std() > 0


@pytest.mark.parametrize("case", ["encoder", "s2igan-encoder"])
def test_encoders_of_the_old_code_embed_speech(case: str, legacy: Path) -> None:
    assert _call(f"extract --run whole/{case} --root corpus --name again") == 0
    found = load_embeddings(Path("corpus"), "again").embeddings
    assert len(found) == 28 and np.isfinite(found).all() and found.std() > 0


def test_an_evaluation_of_the_old_code_gives_the_same_numbers(legacy: Path) -> None:
    line = "evaluate --model whole/generator --embeddings encoder --judge whole/judge --root corpus --split val"
    assert _call(f"{line} --out report") == 0
    rows, old = (json.loads(Path(path).read_text())["metrics"] for path in ("report/report.json", "report.json"))
    rows = [row for row in rows if row["name"] in {row["name"] for row in old}]  # others came later
    assert [row["num_samples"] for row in rows] == [row["num_samples"] for row in old]
    for row, wanted in zip(rows, old, strict=True):
        if row["name"] == "kernel_distance":  # its subsets follow the last bits of the features, so the processor
            low, high = wanted["interval"]
            assert low <= row["value"] <= high
            continue
        assert row["value"] == pytest.approx(wanted["value"], rel=1e-3, abs=1e-6)
        assert _numbers(row["interval"]) == pytest.approx(_numbers(wanted["interval"]), rel=5e-3, abs=1e-5)


def _numbers(value: Any) -> list[float]:
    return [float(part) for part in value or []]


def test_a_prior_of_the_old_code_is_evaluated(legacy: Path) -> None:
    line = "evaluate --model whole/prior --embeddings encoder --judge whole/judge --root corpus --split val"
    assert _call(f"{line} --limit 2 --out report") == 0
    assert json.loads(Path("report/report.json").read_text())["metrics"]


def test_a_classifier_of_the_old_code_scores_images(legacy: Path) -> None:
    line = "evaluate --generated corpus/images --real corpus/shapes --classifier whole/classifier --fit equal"
    assert _call(f"{line} --allow-small --out report") == 0
    assert json.loads(Path("report/report.json").read_text())["metrics"]


def test_a_voice_of_the_old_code_is_opened(legacy: Path) -> None:
    assert Tacotron2Synthesizer("whole/tacotron2").name.startswith("tacotron2 ")
