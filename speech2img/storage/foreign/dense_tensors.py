"""What may be in a file of tensors: plain values, and dense tensors of usual numbers."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from speech2img.errors import UnsafeFileError

PLAIN_DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int64": torch.int64,
    "int32": torch.int32,
    "int16": torch.int16,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "bool": torch.bool,
}
"""Types of numbers that tensors may have: the others (float8, complex, quantized, uint16) few functions can work on."""

_ATOMS = (type(None), bool, int, float, str, bytes)
_CONTAINERS = (dict, OrderedDict, list, tuple, set)


def check_plain(value: Any, subject: object) -> None:
    """Raise UnsafeFileError unless `value` holds only plain values and dense strided CPU or CUDA tensors.

    A numpy number counts as not plain: ``torch.load(weights_only=True)`` would refuse it later.
    """
    # Each container once, without recursion: the depth is not ours to trust.
    todo, seen = [(value, "")], set()
    while todo:
        item, path = todo.pop()
        if isinstance(item, Tensor):
            check_dense(item, f"{subject}{path}")
        elif type(item) in _CONTAINERS:
            if id(item) not in seen:
                seen.add(id(item))
                todo += [(key, f"{path}, a key") for key in item] if isinstance(item, dict) else []
                pairs = item.items() if isinstance(item, dict) else enumerate(item)
                todo += [(part, f"{path}[{key!r:.60}]") for key, part in pairs]
        elif type(item) not in _ATOMS:
            reason = f"is of type {type(item).__module__}.{type(item).__name__}"
            raise UnsafeFileError.about(f"{subject}{path}", reason, "keep to numbers, text and tensors")


def check_dense(tensor: Tensor, subject: object) -> None:
    """Raise UnsafeFileError unless the tensor is strided, of usual numbers, and no larger than its storage.

    A malformed sparse tensor loads without complaint and kills the process at its first product (torch 2.13).
    """
    plain = tensor.layout is torch.strided and not (tensor.is_quantized or tensor.is_meta or tensor.is_nested)
    if plain and tensor.dtype not in PLAIN_DTYPES.values():
        raise UnsafeFileError.about(subject, f"holds numbers of type {tensor.dtype}", "save it again as float32")
    if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise UnsafeFileError.about(subject, "is not a dense strided tensor", "save it again as a dense one")
