"""The arrays of a CTranslate2 ``model.bin``: a small reader of its binary format, with bounds on everything."""

import math
import struct
from typing import IO

import torch
from torch import Tensor

VERSIONS = range(4, 7)
"""Versions of the format that are read; the first ones described their arrays in another way."""
MAX_ARRAYS = 10_000
MAX_NAME = 300
MAX_AXES = 8
_MAX_BYTES = 1 << 32  # lengths are u32; beyond that an array is claimed that is empty along another axis

_TYPES = {0: torch.float32, 1: torch.int8, 2: torch.int16, 3: torch.int32, 4: torch.float16, 5: torch.bfloat16}


def read_ctranslate2(file: IO[bytes], *, spec: str, part: str = "") -> dict[str, Tensor]:
    """Arrays by name.

    Parameters
    ----------
    file : binary file
        Content of a ``model.bin``, at its beginning; can be sought in.
    spec : str
        Kind of model that it must be, such as ``WhisperSpec``.
    part : str
        Only arrays whose names begin so are read. The others are given on the device ``meta``: their shapes and types,
        and no memory.

    Returns
    -------
    dict of str to Tensor
        In the types of the file.

    Raises
    ------
    ValueError
        If the file is no such model, is cut off, claims more than it holds, or its weights are quantised.

    Notes
    -----
    Little-endian: u32 version, text kind, u32 revision, u32 count; of each array text name, u8 axes, u32 lengths of the
    axes, u8 type, u32 bytes, values; u32 count of aliases, each of two texts. A text is u16 bytes, the last of them 0.
    """
    # The beginning says version and kind.
    reader = _Reader(file)
    version = reader.number("I")
    if version not in VERSIONS:
        raise ValueError(f"not a CTranslate2 model of a known version ({version:,})")
    if (kind := reader.text()) != spec:
        raise ValueError(f"a CTranslate2 model of the kind {kind!r:.60}, and not {spec}")
    reader.number("I")  # revision of that kind

    # Read the arrays.
    arrays: dict[str, Tensor] = {}
    for _ in range(reader.count("arrays")):
        name = reader.text()
        if name in arrays:
            raise ValueError(f"damaged CTranslate2 model: {name!r:.80} occurs twice")
        arrays[name] = _read_array(reader, name, wanted=name.startswith(part))

    # What follows says that the file is whole.
    for _ in range(reader.count("aliases")):
        reader.text(), reader.text()
    if reader.left:
        raise ValueError(f"damaged CTranslate2 model: {reader.left:,} bytes behind its end")
    return arrays


def _read_array(reader: "_Reader", name: str, *, wanted: bool) -> Tensor:
    # Shape and type, which must fit the length.
    axes = reader.number("B")
    if axes > MAX_AXES:
        raise ValueError(f"damaged CTranslate2 model: {name!r:.80} has {axes} axes")
    shape = [reader.number("I") for _ in range(axes)]
    code, length = reader.number("B"), reader.number("I")
    if code not in _TYPES:
        raise ValueError(f"damaged CTranslate2 model: {name!r:.80} is of an unknown type ({code})")
    dtype = _TYPES[code]
    without_empty_axes = math.prod(max(1, size) for size in shape) * dtype.itemsize
    if math.prod(shape) * dtype.itemsize != length or without_empty_axes > _MAX_BYTES:
        raise ValueError(f"damaged CTranslate2 model: {name!r:.80} of shape {shape} has {length:,} bytes")
    # Arrays of other parts are passed over.
    if not wanted:
        reader.skip(length)
        return torch.empty(shape, dtype=dtype, device="meta")
    # Quantised weights lack the precision of the published ones.
    if axes and not dtype.is_floating_point:
        kind = str(dtype).removeprefix("torch.")
        raise ValueError(f"its weights are quantised ({kind}): convert it again with --quantization float16")
    data = bytearray(reader.bytes(length))
    return torch.frombuffer(data, dtype=dtype).view(shape) if length else torch.empty(shape, dtype=dtype)


class _Reader:
    """Numbers, texts and bytes from a file that may end anywhere."""

    def __init__(self, file: IO[bytes]) -> None:
        start = file.tell()
        self.left = file.seek(0, 2) - start
        file.seek(start)
        self._file = file

    def bytes(self, length: int) -> bytes:
        """So many bytes, which the file must have."""
        self._take(length)
        return self._file.read(length)

    def skip(self, length: int) -> None:
        """Pass over so many bytes, which the file must have."""
        self._take(length)
        self._file.seek(length, 1)

    def number(self, code: str) -> int:
        """A number in the notation of `struct`."""
        value: int = struct.unpack(f"<{code}", self.bytes(struct.calcsize(code)))[0]
        return value

    def count(self, what: str) -> int:
        """How many of something follow."""
        count = self.number("I")
        if count > MAX_ARRAYS:
            raise ValueError(f"not a CTranslate2 model: {count:,} {what}")
        return count

    def text(self) -> str:
        """A text without its final zero."""
        length = self.number("H")
        if not 0 < length <= MAX_NAME:
            raise ValueError(f"not a CTranslate2 model: a name of {length:,} bytes")
        try:
            return self.bytes(length).rstrip(b"\0").decode()
        except UnicodeDecodeError:
            raise ValueError("not a CTranslate2 model: a name is not text") from None

    def _take(self, length: int) -> None:
        if length > self.left:
            raise ValueError(f"cut off or not a CTranslate2 model: {length:,} bytes claimed, {self.left:,} there")
        self.left -= length
