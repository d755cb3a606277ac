"""Small trees of pictures and recordings."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}
Maker = Callable[..., Path]


def write_file(path: Path, number: int, *, sample_rate: int = 16_000, text: str = "") -> None:
    """Write a picture, a recording or a text, each with content of its own number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".txt":
        path.write_text(text or f"line 0 of {path.stem}\nline 1 of {path.stem}\n", encoding="utf-8")
    elif path.suffix in FORMATS:
        time = np.arange(sample_rate // 2) / sample_rate
        sound = 0.3 * np.sin(2 * np.pi * (200 + 10 * number) * time)
        soundfile.write(path, sound, sample_rate, format=FORMATS[path.suffix])
    else:
        rng = np.random.default_rng(number)
        Image.fromarray(rng.integers(0, 255, (24, 20, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def tree(tmp_path: Path) -> Maker:
    """Make a folder of the named files: ``tree("a.jpg", "a.wav")``."""

    def make(*names: str, **texts: str) -> Path:
        for number, name in enumerate(names):
            write_file(tmp_path / name, number, text=texts.get(Path(name).stem, ""))
        return tmp_path

    return make
