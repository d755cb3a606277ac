"""A corpus with frames, and a DAMSM that was trained on it."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import tiny_trainings

from speech2img.training.damsm.settings import DAMSMSettings
from speech2img.training.train import train

LOOP = replace(tiny_trainings.LOOP, max_steps=2)


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_trainings.build(tmp_path_factory.mktemp("attngan") / "corpus")


@pytest.fixture(scope="package")
def damsm_settings(root: Path) -> DAMSMSettings:
    return replace(tiny_trainings.DAMSM, trunk=str(root / "trunk"), loop=LOOP)


@pytest.fixture(scope="package")
def damsm(root: Path, damsm_settings: DAMSMSettings) -> Path:
    folder = root.parent / "runs" / "damsm"
    assert train("damsm", root, folder, damsm_settings, device="cpu", progress=False).finished
    return folder
