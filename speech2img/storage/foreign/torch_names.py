"""What a torch file may name: numbers, tensors and their storages; and what a stranger's file may name besides."""

import sys
from enum import Enum

import torch

from speech2img.storage.foreign.dense_tensors import PLAIN_DTYPES

_TYPED_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class TorchName(Enum):
    """Tokens for functions and classes of torch files."""

    TENSOR = "_rebuild_tensor"
    TYPED_TENSOR = "_rebuild_tensor_v3"
    PARAMETER = "_rebuild_parameter"
    ORDERED_DICT = "OrderedDict"
    DEFAULT_DICT = "defaultdict"
    SIZE = "Size"
    SET = "set"
    BYTES_OF_NO_TYPE = "UntypedStorage"


TORCH_NAMES: dict[tuple[str, str], TorchName | torch.dtype] = {
    ("torch._utils", "_rebuild_tensor"): TorchName.TENSOR,
    ("torch._utils", "_rebuild_tensor_v2"): TorchName.TENSOR,
    ("torch._utils", "_rebuild_tensor_v3"): TorchName.TYPED_TENSOR,
    ("torch._utils", "_rebuild_parameter"): TorchName.PARAMETER,
    ("torch._utils", "_rebuild_parameter_with_state"): TorchName.PARAMETER,
    ("torch.nn.parameter", "Parameter"): TorchName.PARAMETER,
    ("collections", "OrderedDict"): TorchName.ORDERED_DICT,
    ("torch", "Size"): TorchName.SIZE,
    ("__builtin__", "set"): TorchName.SET,
    ("builtins", "set"): TorchName.SET,
    ("torch.storage", "UntypedStorage"): TorchName.BYTES_OF_NO_TYPE,
    ("torch.storage", "_UntypedStorage"): TorchName.BYTES_OF_NO_TYPE,
    **{("torch", name): dtype for name, dtype in _TYPED_STORAGES.items()},
    **{("torch", name): dtype for name, dtype in PLAIN_DTYPES.items()},
}
"""What every torch file may name. A storage of one type stands for its type."""

STRANGERS_NAMES = {("collections", "defaultdict"): TorchName.DEFAULT_DICT}
"""What a stranger's file may name besides, and is understood."""

_DATA_MODULES = {"argparse", "collections", "pathlib", "datetime", "decimal", "fractions", "enum", "typing", "uuid"}
_DATA_MODULES |= {"copyreg", "copy_reg", "functools", "dataclasses", "__main__"}
_PYTHON_2_MODULES = {"__builtin__", "commands", "popen2", "nt", "posix", "ntpath", "posixpath", "imp"}
_DATA_NAMES = {
    "object",
    "list",
    "dict",
    "tuple",
    "frozenset",
    "bytearray",
    "complex",
    "slice",
    "range",
    "xrange",
    "type",
}
_DATA_NAMES |= {"int", "long", "float", "bool", "str", "unicode"}


class Foreign:
    """Stands for an object of a stranger's file that is neither data nor a tensor: nothing of it is made or run.

    Parameters
    ----------
    name : str
        What the file calls it, for messages.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def is_harmless(module: str, name: str) -> bool:
    """Whether a checkpoint may name this beside its tensors, as settings of its training.

    Of Python's own library only what holds data; of other packages everything, since nothing of it is made or run.
    """
    top = module.partition(".")[0]
    if top in ("builtins", "__builtin__"):
        return name in _DATA_NAMES
    return top in _DATA_MODULES or top not in sys.stdlib_module_names | _PYTHON_2_MODULES
