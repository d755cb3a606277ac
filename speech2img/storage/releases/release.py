"""Released weights: a folder with safetensors, config, card and manifest, written and read as a whole."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.storage.atomic import disk_errors, fsync, temp_name, write_json, write_text
from speech2img.storage.checksums import MANIFEST, read_manifest, verify_folder, write_checksums
from speech2img.storage.foreign.dense_tensors import check_dense, demand_short_header
from speech2img.storage.places import require_writable_place
from speech2img.storage.reading import open_regular, read_json
from speech2img.storage.releases.config import check_config

FORMAT = "speech2img-release-1"
WEIGHTS, CONFIG, CARD = "weights.safetensors", "config.json", "CARD.md"
_FILES = (WEIGHTS, CONFIG, CARD)
MAX_CONFIG_BYTES = 16 << 20
_FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_DTYPES = _FLOATS | {torch.int64, torch.int32, torch.uint8, torch.bool}


def save_release(
    folder: str | Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any], card: str, *, half: bool = True
) -> None:
    """Write a release folder as a whole; an older release there is replaced.

    Parameters
    ----------
    folder : path
        Absent, empty or an older release.
    tensors : Mapping
        Names to dense finite tensors.
    config : Mapping
        What the weights need to be used, JSON values.
    card : str
        Markdown for people: what, from what, how good, which licence.
    half : bool
        Store floating tensors as float16 where all their values fit its range.

    Raises
    ------
    CheckpointError
        If a tensor is not finite.
    ConfigError
        As `require_release_place`.
    DiskFullError
        If the disk has no room.

    Notes
    -----
    A kill between the last two renames leaves an older release beside its place under a name with ``.tmp-``.
    """
    folder = require_release_place(folder)
    stored = {name: _packed(tensor, name, half=half) for name, tensor in tensors.items()}
    with _replacing(folder, sum(tensor.nbytes for tensor in stored.values())) as temp:
        (temp / WEIGHTS).write_bytes(save(stored))
        write_json(temp / CONFIG, config)
        write_text(temp / CARD, card)
        write_checksums(temp, _FILES, format=FORMAT)


def require_release_place(folder: str | Path) -> Path:
    """Where `save_release` would write, if that replaces nothing but an older release and can be written.

    A verb calls this before its work, so that an ``--out`` that will not do costs nothing.

    Parameters
    ----------
    folder : path
        As the user gave it; a link is followed.

    Returns
    -------
    Path
        Absolute, without links.

    Raises
    ------
    ConfigError
        If it is a file, holds what no release of this package holds, or cannot be made.
    """
    folder = require_writable_place(folder)
    with disk_errors(folder):
        found = sorted(os.listdir(folder)) if folder.is_dir() else []
    if others := sorted(set(found) - {*_FILES, MANIFEST}):
        raise ConfigError.about(folder, f"holds other files ({others[0]})", "choose an empty folder or a new one")
    if found and (read_manifest(folder) or {}).get("format") != FORMAT:
        reason = f"holds files that are no release of this package ({found[0]})"
        raise ConfigError.about(folder, reason, "choose an empty folder or a new one")
    return folder


def copy_release(source: str | Path, target: str | Path) -> None:
    """Copy a release as a whole; an older release at the target is replaced, errors as `save_release`.

    Parameters
    ----------
    source, target : path
        Release folders; nothing is done where they are the same.
    """
    if os.path.realpath(source) == os.path.realpath(target):
        return
    folder = require_release_place(target)
    with _replacing(folder) as temp:
        for name in (*_FILES, MANIFEST):
            shutil.copyfile(Path(source) / name, temp / name)
            fsync(temp / name)


@contextlib.contextmanager
def _replacing(folder: Path, bytes_needed: int | None = None) -> Iterator[Path]:
    """Give a temp folder that takes the place of an older release when the block ends well, and vanishes otherwise."""
    temp, old = temp_name(folder), temp_name(folder)
    try:
        with disk_errors(folder, bytes_needed):
            # Write the new release.
            temp.mkdir(parents=True)
            yield temp
            fsync(temp)

            # Put it in the place of the older one, which comes back if that fails.
            require_release_place(folder)
            if folder.exists():
                folder.rename(old)
            try:
                temp.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
            fsync(folder.parent)
    finally:
        shutil.rmtree(temp, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def load_release(folder: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Load a release after verifying every byte of it.

    Returns
    -------
    tensors : dict
        Names to CPU tensors, floating ones as float32.
    config : dict
        As saved.

    Raises
    ------
    CheckpointError
        If the folder is missing, damaged or no release, or its config says what no release says.
    """
    folder = Path(folder)
    _verify(folder)
    try:
        with open_regular(folder / WEIGHTS) as file:
            demand_short_header(file)
        stored, config = load_file(folder / WEIGHTS), read_json(folder / CONFIG, max_bytes=MAX_CONFIG_BYTES)
    except (SafetensorError, OSError, DataError, ValueError) as error:
        raise CheckpointError.about(folder, f"cannot be read ({error})", "fetch the folder again") from error
    tensors = {name: _unpacked(tensor, f"{folder}: {name}") for name, tensor in stored.items()}
    return tensors, check_config(config, name=str(folder))


def release_sha256(folder: str | Path) -> str:
    """Return the SHA-256 of the weights of a release, as its verified manifest gives it."""
    return str(_verify(Path(folder))["files"][WEIGHTS]["sha256"])


def strip_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those tensors whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def reader_of(
    folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The teacher inside a whole model, as a release of its own; what its heads see is known by number only.

    Parameters
    ----------
    folder : Path
        For messages.
    tensors, config : Mapping
        Of the whole model, as `load_release` gives them.

    Raises
    ------
    CheckpointError
        If the config describes no such teacher.
    """
    found = config.get("reader")
    reader: dict[str, Any] = found if isinstance(found, dict) else {}
    heads = reader.get("heads")
    if not isinstance(heads, dict) or not all(type(count) is int and 0 < count < 1 << 20 for count in heads.values()):
        raise CheckpointError.about(folder, "its config describes no network that reads pictures", "give a teacher")
    names = {name: [str(number) for number in range(count)] for name, count in heads.items()}
    return strip_prefix(tensors, "reader.network."), {**reader, "heads": names, "kind": "attribute-network"}


def _packed(tensor: Tensor, name: str, *, half: bool) -> Tensor:
    check_dense(tensor, name)
    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor.clone(memory_format=torch.contiguous_format)
    if not tensor.isfinite().all():
        raise CheckpointError.about(name, "holds values that are not finite", "release an earlier checkpoint")
    small = tensor.half() if half else tensor.float()
    return (small if small.isfinite().all() else tensor.float()).clone(memory_format=torch.contiguous_format)


def _unpacked(tensor: Tensor, name: str) -> Tensor:
    if tensor.dtype not in _DTYPES:
        raise CheckpointError.about(name, f"holds numbers of type {tensor.dtype}", "export or import it again")
    if tensor.dtype not in _FLOATS:
        return tensor
    if not tensor.isfinite().all():
        raise CheckpointError.about(name, "holds values that are not finite", "fetch or export it again")
    return tensor.float()


def _verify(folder: Path) -> dict[str, Any]:
    manifest = verify_folder(folder)
    if manifest.get("format") != FORMAT or not set(_FILES) <= manifest["files"].keys():
        raise CheckpointError.about(folder, f"is no {FORMAT} folder", "name a release of this package")
    return manifest
