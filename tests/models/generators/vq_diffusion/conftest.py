"""What the tests of discrete diffusion share."""

from pathlib import Path
from types import ModuleType

import pytest
from helpers.golden import load_recipe


@pytest.fixture(scope="module")
def recipe(realdata: Path) -> ModuleType:
    """The rule that made the golden weights and inputs, as a module."""
    return load_recipe(realdata)
