"""A corpus with frames and tokens, and a finished run on it."""

from pathlib import Path

import pytest
from helpers import tiny_trainings

from speech2img.training.train import train


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_trainings.build(tmp_path_factory.mktemp("vq-diffusion") / "corpus")


@pytest.fixture(scope="package")
def run(root: Path) -> Path:
    """A run far from its codec, which therefore keeps its own copy."""
    folder = root.parent / "runs" / "diffusion"
    settings = tiny_trainings.vq_diffusion_settings(root)
    assert train("generator", root, folder, settings, device="cpu", progress=False).finished
    return folder
