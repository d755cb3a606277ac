"""The folder that the help of ``prepare folder`` shows."""

import re
from pathlib import Path

import pytest
from helpers.own_folder import write_file

from speech2img.corpora.folder.guide import EXAMPLE, GUIDE

RATES = (8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """Exactly the eight pictures that the help shows, recorded at rates from 8 to 48 kHz."""
    names = re.findall(r"\S+/\S+\.\w+", EXAMPLE)
    assert EXAMPLE in GUIDE and len(names) == 8 + 8 + 3
    for number, name in enumerate(names):
        write_file(tmp_path / name, number, sample_rate=RATES[number % len(RATES)])
    return tmp_path
