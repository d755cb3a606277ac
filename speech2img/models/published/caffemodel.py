"""The learned arrays of a ``.caffemodel`` file: a small reader of Caffe's protobuf, with bounds on everything."""

import itertools
import math
import struct
from collections.abc import Iterator

import torch
from torch import Tensor

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
MAX_BYTES = 256 << 20
"""Largest file; GoogLeNet has 51 MiB."""
MAX_LAYERS = 10_000
MAX_AXES = 8
MAX_FIELDS = 100_000
"""Most fields in a file, those inside others included; GoogLeNet has thousands."""
MAX_NAME = 200

# field numbers of caffe.proto: NetParameter, LayerParameter, V1LayerParameter, BlobProto, BlobShape
NET_LAYER, NET_V1_LAYERS = 100, 2
LAYER_NAME, LAYER_BLOBS = 1, 7
V1_NAME, V1_BLOBS = 4, 6
BLOB_LEGACY_AXES, BLOB_DATA, BLOB_SHAPE, BLOB_DOUBLE_DATA = (1, 2, 3, 4), 5, 7, 8
SHAPE_DIM = 1

Field = tuple[int, int, int | memoryview]


def read_caffemodel(data: bytes) -> dict[str, Tensor]:
    """Arrays of every layer that has any.

    Parameters
    ----------
    data : bytes
        Content of a ``.caffemodel`` file (either layer format), at most `MAX_BYTES`.

    Returns
    -------
    dict of str to Tensor (float32)
        ``<layer>/weight``, ``<layer>/bias``, and ``<layer>/2`` ... for layers with more. Of shapes that the old format
        padded to four axes, the leading ones are taken off: a bias is (n,), a fully connected weight (out, in).

    Raises
    ------
    ValueError
        If the bytes are not a Caffe model, are cut off, or claim more than they hold.
    """
    # Bounds first: the file is not trusted.
    if len(data) > MAX_BYTES:
        raise ValueError(f"not read: {len(data)} bytes are more than a caffemodel may have ({MAX_BYTES})")
    arrays: dict[str, Tensor] = {}
    layers, counter = 0, itertools.count(1)
    # Layers in either of the two forms that Caffe wrote.
    for number, _, value in _fields(memoryview(data), counter):
        if number not in (NET_LAYER, NET_V1_LAYERS) or not isinstance(value, memoryview):
            continue
        layers += 1
        if layers > MAX_LAYERS:
            raise ValueError(f"not a Caffe model: more than {MAX_LAYERS} layers")
        name, blobs = _read_layer(value, counter, v1=number == NET_V1_LAYERS)
        for index, blob in enumerate(blobs):
            key = f"{name}/{('weight', 'bias')[index] if index < 2 else index}"
            if key in arrays:
                raise ValueError(f"not a Caffe model: layer {name!r} occurs twice")
            arrays[key] = blob
    if not arrays:
        raise ValueError("not a Caffe model, or one without weights (a prototxt holds none)")
    return arrays


def _read_layer(data: memoryview, counter: Iterator[int], *, v1: bool) -> tuple[str, list[Tensor]]:
    name_field, blob_field = (V1_NAME, V1_BLOBS) if v1 else (LAYER_NAME, LAYER_BLOBS)
    name, blobs = "", []
    for number, _, value in _fields(data, counter):
        if not isinstance(value, memoryview):
            continue
        if number == name_field:
            name = _text(value)
        elif number == blob_field:
            blobs.append(_read_blob(value, counter))
    return name, blobs


def _read_blob(data: memoryview, counter: Iterator[int]) -> Tensor:
    shape: list[int] | None = None
    legacy: dict[int, int] = {}
    pieces: list[tuple[str, memoryview]] = []
    singles: list[float] = []
    # Fields come in any order, packed or one by one.
    for number, kind, value in _fields(data, counter):
        if isinstance(value, memoryview):
            if number == BLOB_SHAPE:
                shape = _read_shape(value, counter)
            elif number in (BLOB_DATA, BLOB_DOUBLE_DATA):
                pieces.append(("f" if number == BLOB_DATA else "d", value))
        elif number in BLOB_LEGACY_AXES and kind == VARINT:
            legacy[number] = value
        elif number == BLOB_DATA and kind == FIXED32:
            singles.append(struct.unpack("<f", struct.pack("<I", value))[0])
    # The shape, in the new form or as four axes, must hold the values.
    values = _join_values(pieces, singles)
    if shape is None:
        shape = _without_padding([legacy.get(axis, 1) for axis in BLOB_LEGACY_AXES]) if legacy else [len(values)]
    if math.prod(shape) != len(values) or not len(values):
        raise ValueError(f"damaged Caffe model: an array of shape {shape} holds {len(values)} values")
    return values.view(shape)


def _join_values(pieces: list[tuple[str, memoryview]], singles: list[float]) -> Tensor:
    tensors = []
    for code, piece in pieces:
        width = 4 if code == "f" else 8
        if len(piece) % width:
            raise ValueError("damaged Caffe model: an array does not end on a whole value")
        if len(piece):
            dtype = torch.float32 if code == "f" else torch.float64
            tensors.append(torch.frombuffer(bytearray(piece), dtype=dtype).float())
    if singles:
        tensors.append(torch.tensor(singles, dtype=torch.float32))
    if len(tensors) == 1:
        return tensors[0]
    return torch.cat(tensors) if tensors else torch.zeros(0)


def _read_shape(data: memoryview, counter: Iterator[int]) -> list[int]:
    dims: list[int] = []
    # Axes, packed or one by one.
    for number, kind, value in _fields(data, counter):
        if number != SHAPE_DIM:
            continue
        if isinstance(value, memoryview):
            position = 0
            while position < len(value) and len(dims) <= MAX_AXES:
                dim, position = _varint(value, position)
                dims.append(dim)
        elif kind == VARINT:
            dims.append(value)
        if len(dims) > MAX_AXES:
            raise ValueError(f"damaged Caffe model: an array of more than {MAX_AXES} axes")
    return dims


def _without_padding(axes: list[int]) -> list[int]:
    """The old format pads every shape to four axes with leading ones: a bias is (1, 1, 1, n)."""
    return axes if axes[:2] != [1, 1] else axes[3:] if axes[2] == 1 else axes[2:]


def _fields(data: memoryview, counter: Iterator[int]) -> Iterator[Field]:
    """Fields of one protobuf message, counted with those of all others: number, wire type, integer or bytes."""
    position = 0
    while position < len(data):
        if next(counter) > MAX_FIELDS:
            raise ValueError(f"not a Caffe model: more than {MAX_FIELDS} fields")
        # The tag: number of the field, and how its value is written.
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("not a Caffe model: field number 0")
        # The value, which must lie within the message.
        value: int | memoryview
        if kind == VARINT:
            value, position = _varint(data, position)
        elif kind in (FIXED64, FIXED32):
            width = 8 if kind == FIXED64 else 4
            value, position = int.from_bytes(_slice(data, position, width), "little"), position + width
        elif kind == LENGTH:
            length, position = _varint(data, position)
            value, position = _slice(data, position, length), position + length
        else:
            raise ValueError(f"not a Caffe model: unknown wire type {kind}")
        yield number, kind, value


def _slice(data: memoryview, position: int, length: int) -> memoryview:
    if length > len(data) - position:
        raise ValueError(f"cut off or not a Caffe model: {length} bytes claimed, {len(data) - position} there")
    return data[position : position + length]


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("cut off or not a Caffe model: it ends inside a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("not a Caffe model: a number of more than ten bytes")


def _text(data: memoryview) -> str:
    if len(data) > MAX_NAME:
        raise ValueError(f"not a Caffe model: a layer name of {len(data)} bytes")
    try:
        return bytes(data).decode()
    except UnicodeDecodeError:
        raise ValueError("not a Caffe model: a layer name is not text") from None
