"""Recordings for the mel store."""

from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.wav import write_wav


@pytest.fixture
def entries(tmp_path: Path) -> list[tuple[str, Path]]:
    """Twelve bursts of noise of different lengths, with their ids."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(12):
        path = tmp_path / "wav" / f"{number}.wav"
        write_wav(path, 0.1 * rng.standard_normal(1600 * (number + 1)).astype(np.float32), sample_rate=16_000)
        made.append((f"bird/é_{number}", path))
    return made
