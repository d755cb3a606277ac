"""Mapping files of a reduced codebook, as of VQ-Diffusion: a torch file of one vector, each code's reduced number."""

import io
from pathlib import Path

import torch
from torch import Tensor

from speech2img.errors import CheckpointError, ConfigError, with_article
from speech2img.models.codecs.code_reduction import kept_codes
from speech2img.storage.atomic import atomic_write_bytes, disk_errors
from speech2img.storage.foreign.torch_files import load_torch_file
from speech2img.storage.places import require_writable_place

_FIX = "give a mapping file of VQ-Diffusion's, or what 'speech2img features --mapping-out' wrote"
_MOST_BYTES = 1 << 20  # of an older file that may be replaced; 65,536 codes are half as much


def read_mapping(path: str | Path) -> Tensor:
    """Read and check a mapping; nothing that the file carries is run.

    Parameters
    ----------
    path : path
        Of ``torch.save``: a vector of whole numbers.

    Returns
    -------
    Tensor [shape=(K,), int64]
        Reduced number of each code, as of `reduction_table`.

    Raises
    ------
    CheckpointError, UnsafeFileError
        If the file is missing, damaged, hostile or holds something else: the codes in use must have the numbers from 0
        on, each once, and code 0 number 0.
    """
    table = load_torch_file(path)
    if not isinstance(table, Tensor):
        raise CheckpointError.about(path, f"holds {with_article(type(table).__name__)}, and no mapping of codes", _FIX)
    whole = not (table.is_floating_point() or table.is_complex() or table.dtype == torch.bool)
    table = table.to(torch.int64) if whole else table
    try:
        kept_codes(table)
    except ValueError as error:
        raise CheckpointError.about(path, f"is no mapping of codes: {error}", _FIX) from error
    return table


def require_mapping_place(path: str | Path) -> Path:
    """Where `write_mapping` would write, if that replaces nothing but an older mapping.

    Raises
    ------
    ConfigError
        If something else is there, or the folder cannot be written.
    """
    path = Path(path)
    place = require_writable_place(path.parent) / path.name
    with disk_errors(place):
        taken = place.is_symlink() or place.exists()
        small = place.is_file() and place.stat().st_size <= _MOST_BYTES
    if taken:
        try:
            if not small:
                raise CheckpointError.about(path, "is no mapping of codes", _FIX)
            read_mapping(place)
        except CheckpointError as error:
            raise ConfigError.about(path, "is there already, and no mapping of codes", "choose another name") from error
    return place


def write_mapping(path: str | Path, table_K: Tensor) -> None:
    """Write a mapping as VQ-Diffusion's own code reads it; an older one there is replaced.

    Parameters
    ----------
    path : path
        From `require_mapping_place`.
    table_K : Tensor [shape=(K,), int64]
        Of `reduction_table`.

    Raises
    ------
    ValueError
        If it is no such table.
    """
    kept_codes(table_K)
    content = io.BytesIO()
    torch.save(table_K.clone(), content)
    atomic_write_bytes(path, content.getvalue())
