"""A corpus of a few images with a teacher, and a finished run of a codec on it."""

from pathlib import Path

import pytest
from helpers import tiny_trainings

from speech2img.training.codec.settings import CodecSettings


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_trainings.build(tmp_path_factory.mktemp("codec") / "corpus")


@pytest.fixture(scope="package")
def run(root: Path) -> Path:
    folder = root.parent / "runs" / "own"
    assert tiny_trainings.train("codec", root, folder).finished
    return folder


@pytest.fixture(scope="package")
def settings() -> CodecSettings:
    """Settings of `run` but for its loop."""
    return tiny_trainings.CODEC
