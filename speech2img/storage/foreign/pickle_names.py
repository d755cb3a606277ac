"""What a pickle of plain data may name: tokens for the machine, never the functions and classes themselves."""

import re
from enum import Enum
from typing import Any

import numpy as np

from speech2img.errors import with_article

KINDS = "biufSU"
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_DTYPE = re.compile(r"[<>=|]?(?:[biufSU?]\d{0,4}|bool)")


class RefusedError(Exception):
    """The file asks for something that plain data never needs; the message ends a sentence that begins with "it"."""


class Name(Enum):
    """What a file may name; each is a token for the machine, never the function itself."""

    RECONSTRUCT = "_reconstruct"
    SCALAR = "scalar"
    FROMBUFFER = "_frombuffer"
    NDARRAY = "ndarray"
    DTYPE = "dtype"
    ENCODE = "encode"
    BYTES = "bytes"


NAMES = {
    **{(module, "_reconstruct"): Name.RECONSTRUCT for module in _MULTIARRAY},
    **{(module, "scalar"): Name.SCALAR for module in _MULTIARRAY},
    **{(module, "_frombuffer"): Name.FROMBUFFER for module in _NUMERIC},
    ("numpy", "ndarray"): Name.NDARRAY,
    ("numpy", "dtype"): Name.DTYPE,
    ("_codecs", "encode"): Name.ENCODE,
    ("__builtin__", "bytes"): Name.BYTES,
    ("builtins", "bytes"): Name.BYTES,
}


class DType:
    """A dtype under construction: its byte order comes in a second step."""

    def __init__(self, name: Any) -> None:
        name = name.decode("latin1") if isinstance(name, bytes) else name
        if not isinstance(name, str) or not _DTYPE.fullmatch(name):
            shown = ascii(name[:40]) if isinstance(name, str) else f"of {with_article(type(name).__name__)}"
            raise RefusedError(f"names the data type {shown}")
        self.value = np.dtype(name)
        if self.value.itemsize > 4096:
            raise RefusedError(f"names the data type {name!r}")
