"""MATLAB files: vectors of whole numbers are read, everything else is refused before a parser sees it."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from speech2img.corpora.readers.matlab import MAX_BYTES, read_mat_vectors
from speech2img.errors import DataError

LABELS = np.array([[77, 77, 1, 102]], np.uint8)


def header() -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content


def matrix(array_class: int, rest: bytes = b"\0" * 16) -> bytes:
    return element(14, struct.pack("<4I", 6, 8, array_class, 0) + rest)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_read(tmp_path, compressed, dtype):
    content = {"labels": LABELS.astype(dtype), "other": np.eye(3)}
    savemat(tmp_path / "x.mat", content, do_compression=compressed)
    found = read_mat_vectors(tmp_path / "x.mat", ("labels",))["labels"]
    assert found.tolist() == [77, 77, 1, 102] and found.dtype == np.int64


@pytest.mark.parametrize(
    "content, reason",
    [
        ({"labels": np.array([{"a": 1}], object)}, "more than arrays of numbers"),
        ({"labels": LABELS, "more": {"a": 1}}, "more than arrays of numbers"),
        ({"labels": "text"}, "more than arrays of numbers"),
        ({"labels": np.eye(3)}, "'labels' is no vector of numbers"),
        ({"labels": np.zeros((1, 0))}, "'labels' is no vector of numbers"),
        ({"labels": np.array([[1j, 2]])}, "'labels' is no vector of numbers"),
        ({"labels": np.array([[1.5, 2]])}, "no whole numbers"),
        ({"labels": np.array([[np.nan, 2]])}, "no whole numbers"),
        ({"labels": np.array([[1e300, 2]])}, "no whole numbers"),
        ({"label": LABELS}, "has no variable 'labels'"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_other_content(tmp_path, content, reason, compressed):
    savemat(tmp_path / "x.mat", content, do_compression=compressed)
    with pytest.raises(DataError, match=reason):
        read_mat_vectors(tmp_path / "x.mat", ("labels",))


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "not a MATLAB 5 file"),
        (b"\x89HDF\r\n\x1a\n" * 40, "not a MATLAB 5 file"),
        (header() + b"\0\0", "ends too early"),
        (header() + element(14, b"\0" * 8)[:-4], "larger than the file"),
        (header() + element(9, b"\0" * 8), "an element is no array"),
        (header() + element(14, b"\0" * 8), "ends too early"),
        (header() + matrix(1) * 2, "more than arrays of numbers"),
        (header() + matrix(17), "more than arrays of numbers"),
        (header() + element(15, b"nonsense"), "damaged"),
        (header() + element(15, zlib.compress(b"\0" * (MAX_BYTES + 1))), "larger than 4,194,304 bytes when unpacked"),
        (header() + element(15, zlib.compress(matrix(6))[:-9]), "cut off"),
        (header() + element(15, zlib.compress(element(15, b"\0" * 32))), "an element is no array"),
        (header() + matrix(6), "damaged"),
        (header() + element(15, zlib.compress(matrix(6, b"\0" * (3 << 20)))) * 2, "larger than 4,194,304 bytes"),
    ],
    ids=range(14),
)
def test_hostile_files(tmp_path, data, reason):
    (tmp_path / "x.mat").write_bytes(data)
    with pytest.raises(DataError, match=f"x.mat: .*{reason}"):
        read_mat_vectors(tmp_path / "x.mat", ("labels",))


def test_missing_and_too_large(tmp_path):
    with pytest.raises(DataError, match="x.mat: No such file"):
        read_mat_vectors(tmp_path / "x.mat", ("labels",))
    (tmp_path / "x.mat").write_bytes(b"\0" * (MAX_BYTES + 1))
    with pytest.raises(DataError, match="x.mat: is larger than"):
        read_mat_vectors(tmp_path / "x.mat", ("labels",))


@given(data=st.data(), compressed=st.booleans())
@settings(max_examples=150, deadline=None)
def test_mutants_are_read_or_refused(data, compressed, tmp_path_factory):
    path = tmp_path_factory.mktemp("mat") / "x.mat"
    savemat(path, {"labels": LABELS, "valid": LABELS.astype(np.float64)}, do_compression=compressed)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    try:
        found = read_mat_vectors(path, ("labels",))["labels"]
    except DataError as error:
        assert "x.mat" in str(error)
    else:
        assert found.ndim == 1 and found.dtype == np.int64
