"""Fixtures of the verbs."""

import sys
import types
from typing import Any

import pytest
from helpers.trainer_checkpoints import Settings


@pytest.fixture
def foreign_module() -> Any:
    """The module of `Settings` is there while a file is written, never when it is read."""
    name = Settings.__module__
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].Settings = Settings  # type: ignore[attr-defined]
    yield
    sys.modules.pop(name, None)
