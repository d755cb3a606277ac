"""A corpus with frames and latents."""

from pathlib import Path

import pytest
from helpers import tiny_trainings


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_trainings.build(tmp_path_factory.mktemp("encoded") / "corpus")
