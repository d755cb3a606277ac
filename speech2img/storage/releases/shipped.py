"""The weights that came with the package."""

import importlib.resources
from pathlib import Path


def shipped_folder() -> Path:
    """Folder of the weights that came with the package."""
    return Path(str(importlib.resources.files("speech2img"))) / "released"
