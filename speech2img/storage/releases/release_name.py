"""What reports call released weights: a name that does not depend on the folder from which they are looked at."""

import os
from os import PathLike
from pathlib import Path

from speech2img.storage.checksums import read_manifest
from speech2img.storage.reading import shipped_folder
from speech2img.storage.releases.find_release import find_release, shipped_releases
from speech2img.storage.releases.release import WEIGHTS, release_sha256


def release_name(name_or_path: str | PathLike[str]) -> str:
    """Name of released weights.

    Parameters
    ----------
    name_or_path : str or path
        As for `find_release`.

    Returns
    -------
    str
        The name of weights that came with the package, also of a copy that lies elsewhere; else that of the folder, and
        of the run that exported it.

    Raises
    ------
    CheckpointError
        If there is no such folder, or it is damaged.
    """
    folder = find_release(name_or_path)
    # The package's own, known by their hash; a damaged one among them is another call's affair.
    sha256 = release_sha256(folder)
    for name in shipped_releases():
        shipped = read_manifest(shipped_folder() / name) or {"files": {}}
        if shipped["files"].get(WEIGHTS, {}).get("sha256") == sha256:
            return name
    # A folder, or the run whose export it is.
    real = Path(os.path.realpath(folder))
    return (real.parent if real.name == "export" else real).name
