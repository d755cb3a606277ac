"""The caffemodel reader: both layer formats, and bytes that are no model."""

import struct
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.models.published.caffemodel import read_caffemodel
from speech2img.models.published.googlenet import convert_caffe_googlenet


def varint(value: int) -> bytes:
    output = bytearray()
    while value > 0x7F:
        output.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*output, value])


def integer(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def blob(shape: tuple[int, ...], *values: float) -> bytes:
    return message(7, message(1, b"".join(varint(dim) for dim in shape))) + message(5, floats(*values))


def layer(name: str, *blobs: bytes) -> bytes:
    return message(100, message(1, name.encode()) + b"".join(message(7, content) for content in blobs))


MODEL = (
    message(1, b"GoogleNet")
    + layer("data")
    + layer("conv1/7x7_s2", blob((2, 1, 1, 2), 1, 2, 3, 4), blob((2,), 5, 6))
    + layer("loss1/classifier", blob((1,), 9))
)


def test_current_format() -> None:
    arrays = read_caffemodel(MODEL)
    assert sorted(arrays) == ["conv1/7x7_s2/bias", "conv1/7x7_s2/weight", "loss1/classifier/weight"]
    assert torch.equal(arrays["conv1/7x7_s2/weight"], torch.tensor([1.0, 2, 3, 4]).view(2, 1, 1, 2))
    assert arrays["conv1/7x7_s2/bias"].tolist() == [5, 6]
    assert sorted(convert_caffe_googlenet(arrays)) == ["conv1.bias", "conv1.weight"]


def test_old_format_with_four_axes_and_single_values() -> None:
    def old_blob(*axes: int) -> bytes:
        return b"".join(integer(field, axis) for field, axis in enumerate(axes, start=1))

    weight = old_blob(1, 1, 2, 3) + message(5, floats(1, 2, 3, 4, 5, 6))
    bias = old_blob(1, 1, 1, 2) + b"".join(varint(5 << 3 | 5) + floats(value) for value in (7, 8))
    scale = old_blob(2, 1, 1, 1) + message(8, struct.pack("<2d", 0.5, 0.25))
    content = message(4, b"fc") + message(6, weight) + message(6, bias) + message(6, scale)
    arrays = read_caffemodel(message(2, content))
    assert arrays["fc/weight"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert arrays["fc/bias"].tolist() == [7, 8]
    assert arrays["fc/2"].flatten().tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no|without weights"),
        (b"name: 'GoogleNet'\nlayer { }", "Caffe"),
        (MODEL[:-3], "cut off"),
        (layer("a", blob((3,), 1, 2)), "holds 2 values"),
        (layer("a", blob((0, 1 << 62), *())), "holds 0 values"),
        (layer("a", message(7, message(1, varint(1) * 9)) + message(5, floats(1))), "axes"),
        (layer("a", message(5, b"\0\0\0")), "whole value"),
        (layer("a", blob((1,), 1)) * 2, "twice"),
        (message(100, message(1, b"\xff") + message(7, blob((1,), 1))), "not text"),
        (b"\x80" * 20, "ten bytes"),
        (b"\x00\x01", "field number 0"),
        (b"\x0b\x01", "wire type"),
        (message(100, b"\x08\x01" * 100_001), "fields"),
        (message(100, b"") * 10_001, "layers"),
        (layer("a", message(7, message(1, b"\1" * (8 << 20)))), "axes"),
        (layer("a", message(7, (integer(1, 1)) * 9)), "axes"),
        (layer("a", *[blob((1,), 1)] * 30_000), "more than 100000 fields"),
        (layer("a", *[b""] * 2), "holds 0 values"),
        (layer("a" * 201, blob((1,), 1)), "a layer name of 201 bytes"),
        (bytes((256 << 20) + 1), "more than a caffemodel may have"),
    ],
)
def test_what_is_no_model(data: bytes, reason: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=reason):
        read_caffemodel(data)
    assert time.process_time() - start < 5


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_damaged_bytes_give_arrays_or_value_errors(data: st.DataObject) -> None:
    damaged = bytearray(MODEL)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    try:
        arrays = read_caffemodel(bytes(damaged))
    except ValueError:
        return
    assert all(array.numel() <= len(damaged) for array in arrays.values())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_bytes_give_arrays_or_value_errors(data: bytes) -> None:
    try:
        read_caffemodel(data)
    except ValueError:
        pass
