"""Made speech: bursts of a hum with pauses, so that levels are known."""

import numpy as np
import pytest

RATE = 16_000


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """Three seconds at 16 kHz: words of 300 ms of harmonics of 120 Hz at 0.1 root mean square, pauses of 100 ms."""
    seconds = np.arange(3 * RATE) / RATE
    hum = sum(np.sin(2 * np.pi * 120 * k * seconds + k) / k for k in range(1, 60))
    hum *= 0.1 / np.sqrt(np.mean(np.square(hum)))
    return np.asarray(hum * (seconds % 0.4 < 0.3), dtype=np.float32)
