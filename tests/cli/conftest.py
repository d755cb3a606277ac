"""Fixtures of the verbs."""

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.folder_evaluations import Run, StubReader, random_pictures
from helpers.photograph_evaluations import StubGoogLeNet
from helpers.trainer_checkpoints import Settings
from PIL import Image

from speech2img.audio.wav import write_wav
from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.features import googlenet, inception


@pytest.fixture
def foreign_module() -> Any:
    """The module of `Settings` is there while a file is written, never when it is read."""
    name = Settings.__module__
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].Settings = Settings  # type: ignore[attr-defined]
    yield
    sys.modules.pop(name, None)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> type[StubReader]:
    monkeypatch.setattr(inception, "load_inception", lambda *_, **__: StubReader())
    monkeypatch.setattr(StubReader, "pictures", 0)
    return StubReader


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return random_pictures(tmp_path / "made", 70, seed=0), random_pictures(tmp_path / "photos", 80, seed=1)


@pytest.fixture
def run(tmp_path: Path, stub: type[StubReader]) -> Run:
    """Call the verb; the report."""

    def call(*argv: object) -> dict[str, Any]:
        assert main(["evaluate", "--network", "net", "--out", str(tmp_path / "out"), *map(str, argv)]) == 0
        report: dict[str, Any] = json.loads((tmp_path / "out" / "report.json").read_text())
        return report

    return call


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Paths that GoogLeNet was loaded from."""
    paths: list[Path] = []

    def load(path: Path, *, device: Any = "cpu", side: int | None = None) -> StubGoogLeNet:
        paths.append(Path(path))
        return StubGoogLeNet()

    monkeypatch.setattr(googlenet, "load_googlenet", load)
    return paths


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Six photographs of three species that were not seen, two spoken captions each; no attributes."""
    root, rng = tmp_path / "cub100", np.random.default_rng(0)
    items = []
    for row in range(6):
        name = f"{row % 3:03d}.Bird/Bird_{row}"
        image = f"images/{row}.png"
        (root / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(root / image)
        captions = []
        for index in range(2):
            audio = f"audio/{row}_{index}.wav"
            wave = 0.3 * np.sin(np.arange(8000) * (0.05 + 0.03 * row + 0.01 * index)).astype(np.float32)
            write_wav(root / audio, wave, sample_rate=16_000)
            captions.append(
                Caption(
                    index=index,
                    text="a bird",
                    voice="en-us",
                    audio=audio,
                    rate=175,
                    pitch=50,
                    pitch_range=50,
                    mentions={},
                    manner=None,
                    held_out_voice=bool(index),
                )
            )
        items.append(
            Item(
                id=name,
                image=image,
                class_id=row % 3,
                class_name=name.split("/")[0],
                split="test",
                box=None,
                attributes=None,
                captions=tuple(captions),
            )
        )
    Manifest(root, "cub100", tuple(items), meta={}).save()
    return root
