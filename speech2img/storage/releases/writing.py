"""Releases are written as a whole: a temp folder takes the place of an older release, or nothing happens."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.storage.atomic import disk_errors, fsync, temp_name, write_checksums, write_json, write_text
from speech2img.storage.checksums import MANIFEST, read_manifest
from speech2img.storage.foreign.dense_tensors import check_dense
from speech2img.storage.places import require_writable_place
from speech2img.storage.reading import read_json
from speech2img.storage.releases.config import check_config
from speech2img.storage.releases.release import (
    CARD,
    CONFIG,
    FILES,
    FORMAT,
    MAX_CONFIG_BYTES,
    WEIGHTS,
    load_own,
    shared_tensors,
    strip_prefix,
)
from speech2img.storage.releases.shared_weights import SHARED, find_shared_weights, require_shared_weights, shared_part

FULL_PRECISION = ("confidence.",)
"""Beginnings of the names of tensors that stay float32: small differences of embeddings are measured by them."""


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
        What the weights need to be used, JSON values. Tensors that it calls shared (`shared_weights.SHARED`) are left
        out where the same ones will be found from the folder; otherwise the release keeps its own.
    card : str
        Markdown for people: what, from what, how good, which licence.
    half : bool
        Store floating tensors as float16 where all their values fit its range, but for those of `FULL_PRECISION`.

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
    tensors, config = _without_shared(folder, tensors, config)
    stored = {name: _packed(tensor, name, half=half) for name, tensor in tensors.items()}
    with _replacing(folder, sum(tensor.nbytes for tensor in stored.values())) as temp:
        (temp / WEIGHTS).write_bytes(save(stored))
        write_json(temp / CONFIG, config)
        write_text(temp / CARD, card)
        write_checksums(temp, FILES, format=FORMAT)


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
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
    if others := sorted(set(names) - {*FILES, MANIFEST}):
        raise ConfigError.about(folder, f"holds other files ({others[0]})", "choose an empty folder or a new one")
    if names and (read_manifest(folder) or {}).get("format") != FORMAT:
        reason = f"holds files that are no release of this package ({names[0]})"
        raise ConfigError.about(folder, reason, "choose an empty folder or a new one")
    return folder


def release_config(folder: str | Path) -> dict[str, Any]:
    """Return the config of a release, checked, without its weights; CheckpointError where there is none."""
    try:
        config = read_json(Path(folder) / CONFIG, max_bytes=MAX_CONFIG_BYTES)
    except (OSError, DataError, ValueError) as error:
        raise CheckpointError.about(folder, f"cannot be read ({error})", "fetch the folder again") from error
    return check_config(config, name=str(folder))


def copy_release(source: str | Path, target: str | Path) -> None:
    """Copy a release as a whole; an older release at the target is replaced, errors as `save_release`.

    Weights that it shares with others are copied beside it, unless they will be found from there.

    Parameters
    ----------
    source, target : path
        Release folders; nothing is done where they are the same.
    """
    if os.path.realpath(source) == os.path.realpath(target):
        return
    folder = require_release_place(target)
    config = release_config(source)
    for prefix, part in config.get(SHARED, {}).items():
        if find_shared_weights(part["sha256"], beside=folder) is None:
            origin = require_shared_weights(part, beside=source, prefix=prefix)
            copy_release(origin, folder.parent / f"{shared_part(prefix)}-{part['sha256'][:12]}")
    with _replacing(folder) as temp:
        for name in (*FILES, MANIFEST):
            shutil.copyfile(Path(source) / name, temp / name)
            fsync(temp / name)


def _without_shared(
    folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]
) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    """Tensors and config of a release without weights that will be found from its folder with the same values."""
    elsewhere = {}
    # The longest first: what a part holds may itself have a part that lies elsewhere.
    for prefix, part in sorted(config.get(SHARED, {}).items(), key=lambda entry: -len(entry[0])):
        shared = find_shared_weights(part["sha256"], beside=folder)
        if shared is not None and _same(strip_prefix(tensors, prefix), shared_tensors(part, load_own(shared)[0])):
            elsewhere[prefix] = part
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    own = {key: value for key, value in config.items() if key != SHARED}
    return tensors, {**own, SHARED: elsewhere} if elsewhere else own


def _same(tensors: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> bool:
    return tensors.keys() == others.keys() and all(
        torch.equal(tensor.detach().cpu().to(others[name].dtype), others[name]) for name, tensor in tensors.items()
    )


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


def _packed(tensor: Tensor, name: str, *, half: bool) -> Tensor:
    check_dense(tensor, name)
    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor.clone(memory_format=torch.contiguous_format)
    if not tensor.isfinite().all():
        raise CheckpointError.about(name, "holds values that are not finite", "release an earlier checkpoint")
    small = tensor.half() if half and not name.startswith(FULL_PRECISION) else tensor.float()
    return (small if small.isfinite().all() else tensor.float()).clone(memory_format=torch.contiguous_format)
