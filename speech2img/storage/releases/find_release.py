"""Where released weights are: shipped with the package, in a folder of their own, or exported by a training run."""

import difflib
import os
from os import PathLike
from pathlib import Path

from speech2img.errors import CheckpointError
from speech2img.storage.reading import shipped_folder
from speech2img.storage.releases.release import CONFIG, WEIGHTS


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
    path, name = Path(name_or_path), str(name_or_path)
    known = shipped_releases()
    if not name.strip():
        raise CheckpointError.about("weights", "their name is empty", f"shipped: {', '.join(known) or 'none'}")
    # A folder: the release itself, its file of weights, or the run that exported it.
    # Questions of os.path have an answer for any text; those of Path raise for names that are too long.
    if path.name == WEIGHTS and os.path.isfile(path):
        path = path.parent
    if os.path.isfile(path / CONFIG) and os.path.isfile(path / WEIGHTS):
        return path
    if os.path.isfile(path / "export" / CONFIG):
        return path / "export"
    if name in known:  # before the complaints: a corpus folder may happen to have the name of shipped weights
        return shipped_folder() / name
    if path.name.startswith("step-") and os.path.isdir(path):
        raise CheckpointError.about(str(path), "a training checkpoint, not released weights", "give the run folder")
    if os.path.isdir(path):
        raise CheckpointError.about(
            str(path),
            "neither a release folder nor a run that has exported weights",
            "let the training reach its first evaluation, or give another folder",
        )
    # Nothing of that name: say what is near.
    name = name if len(name) <= 200 else f"{name[:200]}..."
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise CheckpointError.about(
        name,
        "no folder and no shipped weights of that name",
        f"{hint}shipped: {', '.join(known) or 'none'}; or give a run folder",
    )
