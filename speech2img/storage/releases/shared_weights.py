"""Weights that several releases need and one holds: front-ends and image codecs are stored once, found by hash."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from speech2img.errors import CheckpointError
from speech2img.storage.checksums import MANIFEST, read_manifest
from speech2img.storage.reading import shipped_folder

SHARED = "shared_weights"
"""Key in a release's config: beginning of the names of tensors -> ``sha256`` and ``name`` of the release with them, and
``prefix``, how their names begin there, where that release holds more than them."""
VARIABLE = "SPEECH2IMG_WEIGHTS"
"""Environment variable: folders of releases, or of folders that hold some, separated as in PATH."""

_IMPORTED = {"front-end": "whisper-encoder FILE", "codec": "taef2 ENCODER --decoder DECODER"}
"""How what is shared comes from its publisher's files."""
_LEVELS = 2
_MAX_FOLDERS = 1000


def find_shared_weights(sha256: str, *, beside: str | Path) -> Path | None:
    """Folder of the release whose weights have a hash.

    Parameters
    ----------
    sha256 : str
        Of its ``weights.safetensors``.
    beside : path
        The release that needs them; it need not exist.

    Returns
    -------
    Path or None
        The first of: what `VARIABLE` names; folders beside the release, and beside the folder that holds it (the
        ``export`` of a run); the weights that came with the package. None if it is in none of them.
    """
    for folder in _places(Path(beside).absolute()):
        manifest = read_manifest(folder) if os.path.isfile(folder / MANIFEST) else None
        files = manifest.get("files") if manifest is not None else None
        entries = files.values() if isinstance(files, Mapping) else ()
        if any(isinstance(entry, Mapping) and entry.get("sha256") == sha256 for entry in entries):
            return folder
    return None


def require_shared_weights(part: Mapping[str, Any], *, beside: str | Path, prefix: str) -> Path:
    """Do what `find_shared_weights` does for an entry of `SHARED`; CheckpointError says how to get what is missing."""
    folder = find_shared_weights(part["sha256"], beside=beside)
    if folder is None:
        reason = f"it needs the weights of {part['name']} (sha256 {part['sha256'][:16]}...), and they are not beside it"
        kind = shared_part(prefix)
        place = Path(beside).absolute().parent / kind
        published = _IMPORTED.get(kind)
        got = f"copy them to {place}" if published is None else f"run 'speech2img import {published} --out {place}'"
        fix = f"{got}, or name their folder in ${VARIABLE}"
        raise CheckpointError.about(str(beside), reason, fix)
    return folder


def shared_part(prefix: str) -> str:
    """What weights whose tensors' names begin so are called in a folder's name: ``front-end``, ``codec``."""
    return prefix.rstrip(".").rpartition(".")[2].replace("_", "-")


def _places(release: Path) -> Iterator[Path]:
    """Folders that may be the one, the named ones first."""
    for named in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        yield Path(named)
        yield from _subfolders(Path(named))
    for level in range(min(_LEVELS, len(release.parents))):
        yield from _subfolders(release.parents[level])
    yield from _subfolders(shipped_folder())


def _subfolders(folder: Path) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    yield from (folder / name for name in names[:_MAX_FOLDERS])
