"""Released weights: a folder with safetensors, config, card and manifest; and the strict way into a module."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from speech2img.errors import CheckpointError, DataError
from speech2img.storage.atomic import disk_errors, fsync, read_json, temp_name, write_json, write_text
from speech2img.storage.seal import MANIFEST, seal_folder, verify_folder
from speech2img.storage.tensors import check_dense

FORMAT = "speech2img-release-1"
WEIGHTS, CONFIG, CARD = "weights.safetensors", "config.json", "CARD.md"
_FILES = (WEIGHTS, CONFIG, CARD)


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
        If a tensor is not finite, or the folder holds other files.
    DiskFullError
        If the disk has no room.

    Notes
    -----
    A kill between the last two renames leaves an older release beside its place under a name with ``.tmp-``.
    """
    folder = Path(folder).absolute()
    others = sorted({path.name for path in folder.glob("*")} - {*_FILES, MANIFEST})
    if others:
        raise CheckpointError.about(folder, f"holds other files ({others[0]})", "choose an empty folder")
    stored = {name: _packed(tensor, name, half=half) for name, tensor in tensors.items()}
    temp, old = temp_name(folder), temp_name(folder)
    try:
        with disk_errors(folder, sum(tensor.nbytes for tensor in stored.values())):
            temp.mkdir(parents=True)
            (temp / WEIGHTS).write_bytes(save(stored))
            write_json(temp / CONFIG, config)
            write_text(temp / CARD, card)
            seal_folder(temp, _FILES, format=FORMAT)
            fsync(temp)
            if folder.exists():
                folder.rename(old)
            temp.rename(folder)
            fsync(folder.parent)
    finally:
        shutil.rmtree(temp, ignore_errors=True)
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
        If the folder is missing, damaged or no release.
    """
    folder = Path(folder)
    _verify(folder)
    try:
        stored, config = load_file(folder / WEIGHTS), read_json(folder / CONFIG)
    except (SafetensorError, OSError, DataError) as error:
        raise CheckpointError.about(folder, f"cannot be read ({error})", "fetch the folder again") from error
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in stored.items()}, config


def release_sha256(folder: str | Path) -> str:
    """Return the SHA-256 of the weights of a release, as its verified manifest gives it."""
    return str(_verify(Path(folder))["files"][WEIGHTS]["sha256"])


def part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those tensors whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def load_weights(module: nn.Module, state: Mapping[str, Tensor], *, name: str) -> None:
    """Load tensors into a module if they are exactly its own: names, shapes, kinds and density.

    Parameters
    ----------
    module : nn.Module
        Changed in place, or not at all.
    state : Mapping
        Names to tensors.
    name : str
        What the weights are, for the message.

    Raises
    ------
    CheckpointError
        If anything differs; the message lists the first differences.
    """
    own = module.state_dict()
    differences = [f"{key} is missing" for key in own if key not in state]
    differences += [f"{key} is unknown" for key in state if key not in own]
    for key in own.keys() & state.keys():
        check_dense(state[key], f"{name}: {key}")
        if own[key].shape != state[key].shape:
            differences.append(f"{key} has shape {tuple(state[key].shape)} instead of {tuple(own[key].shape)}")
        elif own[key].is_floating_point() != state[key].is_floating_point():
            differences.append(f"{key} is {state[key].dtype} instead of {own[key].dtype}")
    if differences:
        more = f" and {len(differences) - 5} more" if len(differences) > 5 else ""
        reason = f"does not fit the model: {', '.join(sorted(differences)[:5])}{more}"
        raise CheckpointError.about(name, reason, "use the settings these weights were trained with")
    module.load_state_dict(state)


def _packed(tensor: Tensor, name: str, *, half: bool) -> Tensor:
    check_dense(tensor, name)
    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor.clone(memory_format=torch.contiguous_format)
    if not tensor.isfinite().all():
        raise CheckpointError.about(name, "holds values that are not finite", "release an earlier checkpoint")
    small = tensor.half() if half else tensor.float()
    return (small if small.isfinite().all() else tensor.float()).clone(memory_format=torch.contiguous_format)


def _verify(folder: Path) -> dict[str, Any]:
    manifest = verify_folder(folder)
    if manifest.get("format") != FORMAT or not set(_FILES) <= manifest["files"].keys():
        raise CheckpointError.about(folder, f"is no {FORMAT} folder", "name a release of this package")
    return manifest
