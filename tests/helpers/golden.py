"""Golden weights of the published networks, made by the rule in the data folder, and how far ours are from them."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

TOLERANCE = 1e-4


def load_recipe(realdata: Path) -> ModuleType:
    """The rule that made the golden weights and inputs, as a module."""
    path = realdata / "golden_peers" / "recipe.py"
    spec = importlib.util.spec_from_file_location("golden_recipe", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def published_state(recipe: ModuleType, name: str) -> dict[str, Tensor]:
    return {key: torch.from_numpy(np.asarray(value)) for key, value in recipe.weights(name).items()}


def difference(ours: Tensor, golden: Any) -> float:
    return float(np.abs(ours.detach().numpy() - golden).max())


def ready(module: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    module.load_state_dict(state)
    return module.eval()
