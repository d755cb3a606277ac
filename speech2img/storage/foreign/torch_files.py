"""Reading torch files of any origin: plain values and dense tensors on the CPU, and nothing that runs."""

from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from speech2img.errors import CheckpointError, DataError, UnsafeFileError
from speech2img.storage.atomic import disk_errors
from speech2img.storage.bounded import open_unpacked
from speech2img.storage.foreign.pickle_names import RefusedError
from speech2img.storage.foreign.restricted_unpickler import DAMAGE
from speech2img.storage.foreign.torch_names import PLAIN_DTYPES
from speech2img.storage.foreign.torch_storages import read_torch
from speech2img.storage.foreign.zips import ZIP_DAMAGE

_ATOMS = (type(None), bool, int, float, str, bytes)
_MAX_HEADER_BYTES = 4 << 20  # some forty thousand tensors
_CONTAINERS = (dict, OrderedDict, list, tuple, set)


def load_torch_file(path: str | Path) -> Any:
    """Load a file of ``torch.save`` without running anything in it.

    Parameters
    ----------
    path : path
        Zip format of torch >= 1.6, or the older one; compressed with gzip or not.

    Returns
    -------
    value : plain containers, numbers, strings and dense strided CPU tensors
        Numbers of NumPy become plain ones.

    Raises
    ------
    UnsafeFileError
        If the file asks for any other object, for a tensor that is not dense and strided, or for far more memory than
        its size.
    CheckpointError
        If it is missing, damaged, a pipe or a device.
    """
    value = _load(path, strangers=False)
    check_plain(value, Path(path))
    return value


def load_published_file(path: str | Path) -> Any:
    """Load a file of ``torch.save``, ``pickle.dump`` or safetensors that others wrote, with all that is beside tensors.

    Returns
    -------
    value : as `load_torch_file`, arrays of numbers, and `Foreign` in the place of any other object
        Settings of trainers and the like: none of them is made, nothing of them runs.

    Raises
    ------
    UnsafeFileError, CheckpointError
        As `load_torch_file`; of other objects only those that could do harm elsewhere are an error.
    """
    return _load(path, strangers=True)


def read_published_file(file: IO[bytes], *, name: str | Path) -> Any:
    """Do what `load_published_file` does, with a file that is open and can be sought in."""
    return _read(file, name, strangers=True)


def _load(path: str | Path, *, strangers: bool) -> Any:
    try:
        with open_unpacked(path) as file:
            return _read(file, path, strangers=strangers)
    except DataError as error:
        raise CheckpointError(str(error)) from error


def _read(file: IO[bytes], name: str | Path, *, strangers: bool) -> Any:
    try:
        with disk_errors(name):
            return (
                _read_safetensors(file)
                if strangers and _is_safetensors(file)
                else read_torch(file, strangers=strangers)
            )
    except RefusedError as error:
        raise UnsafeFileError.about(name, f"is refused: it {error}", "do not use it") from error
    except (*DAMAGE, *ZIP_DAMAGE) as error:
        if isinstance(error, RuntimeError) and "allocate memory" in str(error):  # the machine is at fault, not the file
            raise
        reason = f"is no intact torch file ({error if isinstance(error, ValueError) else type(error).__name__})"
        raise CheckpointError.about(name, reason, "fetch it again or use an older one") from error


def _is_safetensors(file: IO[bytes]) -> bool:
    """Whether a file begins as safetensors do: the length of a header in JSON, and the header."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(9)
    file.seek(0)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def _read_safetensors(file: IO[bytes]) -> dict[str, Tensor]:
    length = int.from_bytes(file.read(8), "little")
    if length > _MAX_HEADER_BYTES:
        raise RefusedError(f"has a header of {length:,} bytes")
    file.seek(0)
    try:
        return load(file.read())
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"safetensors: {error}") from error


def check_plain(value: Any, where: object) -> None:
    """Raise UnsafeFileError unless `value` holds only plain values and dense strided CPU or CUDA tensors.

    A numpy number counts as not plain: ``torch.load(weights_only=True)`` would refuse it later.
    """
    todo, seen = [(value, "")], set()
    while todo:
        item, place = todo.pop()
        if isinstance(item, Tensor):
            check_dense(item, f"{where}{place}")
        elif type(item) in _CONTAINERS:
            if id(item) not in seen:
                seen.add(id(item))
                todo += [(key, f"{place}, a key") for key in item] if isinstance(item, dict) else []
                pairs = item.items() if isinstance(item, dict) else enumerate(item)
                todo += [(part, f"{place}[{key!r:.60}]") for key, part in pairs]
        elif type(item) not in _ATOMS:
            reason = f"is of type {type(item).__module__}.{type(item).__name__}"
            raise UnsafeFileError.about(f"{where}{place}", reason, "keep to numbers, text and tensors")


def check_dense(tensor: Tensor, where: object) -> None:
    """Raise UnsafeFileError unless the tensor is strided, of usual numbers, and no larger than its storage.

    A malformed sparse tensor loads without complaint and kills the process at its first product (torch 2.13).
    """
    plain = tensor.layout is torch.strided and not (tensor.is_quantized or tensor.is_meta or tensor.is_nested)
    if plain and tensor.dtype not in PLAIN_DTYPES.values():
        raise UnsafeFileError.about(where, f"holds numbers of type {tensor.dtype}", "save it again as float32")
    if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise UnsafeFileError.about(where, "is not a dense strided tensor", "save it again as a dense one")
