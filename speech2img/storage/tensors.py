"""Reading torch files of any origin: weights only, then nothing but plain values and dense tensors on the CPU."""

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speech2img.errors import CheckpointError, UnsafeFileError

_ATOMS = (type(None), bool, int, float, str, bytes)
_CONTAINERS = (dict, OrderedDict, list, tuple, set)


def load_torch_file(path: str | Path) -> Any:
    """Load a file of ``torch.save`` without running anything in it.

    Parameters
    ----------
    path : path
        Zip format of torch >= 1.6, or the older one.

    Returns
    -------
    value : plain containers, numbers, strings and dense strided CPU tensors

    Raises
    ------
    UnsafeFileError
        If the file asks for any other object or for a tensor that is not dense and strided.
    CheckpointError
        If it is missing or damaged.
    """
    path = Path(path)
    try:
        if zipfile.is_zipfile(path):
            _refuse_compressed(path)
        value = torch.load(path, map_location="cpu", weights_only=True)
    except UnsafeFileError:
        raise
    except pickle.UnpicklingError as error:
        raise UnsafeFileError.about(path, "holds more than tensors, numbers and text", "do not use it") from error
    except OSError as error:
        raise CheckpointError.about(path, error.strerror or error, "check the path") from error
    # A damaged file makes torch.load raise almost any type.
    except Exception as error:
        reason = f"is no intact torch file ({type(error).__name__})"
        raise CheckpointError.about(path, reason, "fetch it again or use an older one") from error
    check_plain(value, path)
    return value


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
    """Raise UnsafeFileError unless the tensor is strided, real-valued storage no larger than it claims to be.

    A malformed sparse tensor loads without complaint and kills the process at its first product (torch 2.13).
    """
    plain = tensor.layout is torch.strided and not (tensor.is_quantized or tensor.is_meta or tensor.is_nested)
    if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise UnsafeFileError.about(where, "is not a dense strided tensor", "save it again as a dense one")


def _refuse_compressed(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    total = sum(member.file_size for member in members)
    if any(member.compress_type != zipfile.ZIP_STORED for member in members) or total > path.stat().st_size:
        raise UnsafeFileError.about(path, "is compressed, as torch never writes it", "do not use it")
