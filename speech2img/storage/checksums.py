"""Sealed folders: a manifest with the size and SHA-256 of every file, so that damage is found before use."""

import hashlib
import json
from pathlib import Path
from typing import Any

from speech2img.errors import CheckpointError, DataError
from speech2img.storage.reading import file_sha256, parse_json, read_bytes

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 1 << 20


def verify_folder(folder: Path) -> dict[str, Any]:
    """Compare a sealed folder with its manifest, byte for byte, the manifest itself included.

    Returns
    -------
    manifest : dict
        The facts, and ``files``: name to ``{"size": bytes, "sha256": hex}``.

    Raises
    ------
    CheckpointError
        If the manifest or a file is missing or differs in a single bit.
    """
    try:
        manifest = _read(folder)
        for name, expected in manifest["files"].items():
            size = (folder / name).stat().st_size if Path(name).name == name else -1
            if expected != {"size": size, "sha256": expected["sha256"]}:  # before a file of any length is read
                raise ValueError(f"{name:.80} differs")
            if expected["sha256"] != file_sha256(folder / name):
                raise ValueError(f"{name} differs")
    except (DataError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError.about(
            folder, f"is not intact ({error})", "use an older checkpoint or fetch the folder again"
        ) from error
    return manifest


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder if that itself is intact, whatever became of the files; None otherwise."""
    try:
        return _read(folder)
    except (DataError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _read(folder: Path) -> dict[str, Any]:
    """A manifest whose text is exactly what `write_checksums` writes; otherwise almost any error."""
    data = read_bytes(folder / MANIFEST, max_bytes=MAX_MANIFEST_BYTES)
    manifest = parse_json(data)
    seal = manifest.pop("seal")
    if data != manifest_text(manifest) or not seal or not manifest["files"]:
        raise ValueError("its own check sum differs")
    return dict(manifest)


def manifest_text(manifest: dict[str, Any]) -> bytes:
    """Write the one text a manifest can have, with its own check sum as last entry."""
    body = json.dumps(manifest, sort_keys=True)
    sealed = {**json.loads(body), "seal": hashlib.sha256(body.encode()).hexdigest()}
    return json.dumps(sealed, indent=2).encode() + b"\n"
