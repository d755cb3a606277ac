"""Where released weights are: shipped with the package, in a folder of their own, or exported by a training run."""

import difflib
import importlib.resources
from os import PathLike
from pathlib import Path

from speech2img.errors import CheckpointError
from speech2img.storage.weights import CONFIG, WEIGHTS


def shipped_folder() -> Path:
    """Folder of the weights that came with the package."""
    return Path(str(importlib.resources.files("speech2img"))) / "released"


def shipped_releases() -> list[str]:
    """Names of the weights that came with the package."""
    folder = shipped_folder()
    return sorted(path.parent.name for path in folder.glob(f"*/{CONFIG}")) if folder.is_dir() else []


def find_release(name_or_path: str | PathLike[str]) -> Path:
    """Folder of released weights that a name or a path stands for.

    Parameters
    ----------
    name_or_path : str or path
        Name of shipped weights, a release folder, its ``weights.safetensors``, or a run folder (its ``export/``).

    Returns
    -------
    Path
        A folder with ``weights.safetensors`` and ``config.json``.

    Raises
    ------
    CheckpointError
        If there is no such folder, or the run has not exported any weights yet.
    """
    path = Path(name_or_path)
    if path.name == WEIGHTS and path.is_file():
        path = path.parent
    if (path / CONFIG).is_file() and (path / WEIGHTS).is_file():
        return path
    if (path / "export" / CONFIG).is_file():
        return path / "export"
    name = str(name_or_path)
    known = shipped_releases()
    if name in known:  # before the complaints: a corpus folder may happen to have the name of shipped weights
        return shipped_folder() / name
    if path.name.startswith("step-") and path.is_dir():
        raise CheckpointError.about(str(path), "a training checkpoint, not released weights", "give the run folder")
    if path.is_dir():
        raise CheckpointError.about(
            str(path),
            "neither a release folder nor a run that has exported weights",
            "let the training reach its first evaluation, or give another folder",
        )
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise CheckpointError.about(
        name,
        "no folder and no shipped weights of that name",
        f"{hint}shipped: {', '.join(known) or 'none'}; or give a run folder",
    )
