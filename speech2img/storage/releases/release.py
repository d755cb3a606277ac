"""Released weights: a folder with safetensors, config, card and manifest, read as a whole (`writing` makes them)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from speech2img.errors import CheckpointError, DataError
from speech2img.renamed import modern_tensors
from speech2img.storage.checksums import verify_folder
from speech2img.storage.reading import demand_short_header, open_regular, read_json
from speech2img.storage.releases.config import check_config

FORMAT = "speech2img-release-1"
WEIGHTS, CONFIG, CARD = "weights.safetensors", "config.json", "CARD.md"
FILES = (WEIGHTS, CONFIG, CARD)
MAX_CONFIG_BYTES = 16 << 20
_FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_DTYPES = _FLOATS | {torch.int64, torch.int32, torch.uint8, torch.bool}


def load_release(folder: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Load a release after verifying every byte of it, with the weights that it shares with others.

    Returns
    -------
    tensors : dict
        Names to CPU tensors, floating ones as float32.
    config : dict
        As saved; old names of keys, as of tensors, are replaced by the new ones.

    Raises
    ------
    CheckpointError
        If the folder is missing, damaged or no release, its config says what no release says, or the weights that it
        shares are missing.
    """
    return load_hashed_release(folder)[:2]


def load_hashed_release(
    folder: str | Path, *, opened: dict[Path, Any] | None = None
) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """Do what `load_release` does, and return the SHA-256 of its own weights too: every byte is read once for both.

    What is in ``opened`` is not read again, and what is read is added: a release that several share is read once.
    """
    opened = {} if opened is None else opened
    tensors, config, sha256 = _load_own(folder, opened)
    if "shared_weights" in config:
        from speech2img.storage.releases.shared_weights import require_shared_weights

        tensors = dict(tensors)
        for prefix, part in config["shared_weights"].items():
            other, _, _ = _load_own(require_shared_weights(part, beside=folder, prefix=prefix), opened)
            tensors |= {f"{prefix}{name}": tensor for name, tensor in shared_tensors(part, other).items()}
    return tensors, config, sha256


def load_own(folder: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Do what `load_release` does, without weights that lie elsewhere."""
    return _load_own(folder, {})[:2]


def _load_own(folder: str | Path, opened: dict[Path, Any]) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    folder = Path(folder)
    place = Path(os.path.realpath(folder))
    if place in opened:
        known: tuple[dict[str, Tensor], dict[str, Any], str] = opened[place]
        return known
    sha256 = release_sha256(folder)
    try:
        with open_regular(folder / WEIGHTS) as file:
            demand_short_header(file)
        stored, config = load_file(folder / WEIGHTS), read_json(folder / CONFIG, max_bytes=MAX_CONFIG_BYTES)
    except (SafetensorError, OSError, DataError, ValueError) as error:
        raise CheckpointError.about(folder, f"cannot be read ({error})", "fetch the folder again") from error
    tensors = {name: _unpacked(tensor, f"{folder}: {name}") for name, tensor in stored.items()}
    own = modern_tensors(tensors), check_config(config, name=str(folder)), sha256
    opened[place] = own
    return own


def release_sha256(folder: str | Path) -> str:
    """Return the SHA-256 of the weights of a release, as its verified manifest gives it; every byte is read for it."""
    return str(_verify(Path(folder))["files"][WEIGHTS]["sha256"])


def strip_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those tensors whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def shared_tensors(part: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What an entry of `shared_weights.SHARED` means among the tensors of the release that it names."""
    return strip_prefix(tensors, part.get("prefix", ""))


def _unpacked(tensor: Tensor, name: str) -> Tensor:
    if tensor.dtype not in _DTYPES:
        raise CheckpointError.about(name, f"holds numbers of type {tensor.dtype}", "export or import it again")
    if tensor.dtype not in _FLOATS:
        return tensor
    values = tensor.float()
    if values.numel() and not torch.stack(values.aminmax()).isfinite().all():  # four times as fast as each value
        raise CheckpointError.about(name, "holds values that are not finite", "fetch or export it again")
    return values


def _verify(folder: Path) -> dict[str, Any]:
    manifest = verify_folder(folder)
    if manifest.get("format") != FORMAT or not set(FILES) <= manifest["files"].keys():
        raise CheckpointError.about(folder, f"is no {FORMAT} folder", "name a release of this package")
    return manifest
