"""Arrays of any HDF5 file: what is plain is read, what is not is named, and nothing brings the reader down."""

import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.storage.hdf5.arrays import read_arrays


def test_numbers_come_back_by_their_paths(tmp_path: Path) -> None:
    arrays = {
        "a/b/vars/0": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a/c": np.array(7, dtype=np.int64),
        "d": np.arange(3, dtype=np.uint8),
        "big": np.arange(2, dtype=">f8"),
    }
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
        file.create_group("empty")
    with (tmp_path / "x.h5").open("rb") as opened:
        read = read_arrays(opened)
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype and np.array_equal(read[name], array)


def _soft(file: h5py.File) -> None:
    file["link"] = h5py.SoftLink("/a")


def _external(file: h5py.File) -> None:
    file["link"] = h5py.ExternalLink("other.h5", "/a")


def _inside(file: h5py.File) -> None:
    file.create_group("group")["link"] = h5py.ExternalLink("other.h5", "/a")


def _compressed(file: h5py.File) -> None:
    file.create_dataset("bomb", shape=(1 << 20,), dtype="f4", compression="gzip")


def _outside(file: h5py.File) -> None:
    file.create_dataset("outside", shape=(4,), dtype="f4", external=[("/etc/hostname", 0, 16)])


def _text(file: h5py.File) -> None:
    file["text"] = "a text"


def _loop(file: h5py.File) -> None:
    group = file.create_group("loop")
    group["again"] = group


def _hole(file: h5py.File) -> None:
    file.create_dataset("hole", shape=(1 << 24,), dtype="f4", chunks=(1 << 20,))


def _kind(file: h5py.File) -> None:
    file["kind"] = np.dtype("f4")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_soft, "'link' is a link"),
        (_external, "'link' is a link"),
        (_inside, "'group/link' is a link"),
        (_compressed, "'bomb' is compressed"),
        (_outside, "'outside' lies in other files"),
        (_text, "'text' is of a type"),
        (_loop, "more than 12 deep"),
        (_hole, "does not fit in the file"),
        (_kind, "neither a group nor an array"),
    ],
)
def test_what_is_not_plain_is_named(make: Callable[[h5py.File], None], message: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = np.zeros(3, np.float32)
        make(file)
    with (tmp_path / "x.h5").open("rb") as opened, pytest.raises(ValueError, match=message):
        read_arrays(opened)


def test_other_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no such thing")
    with (tmp_path / "x").open("rb") as opened, pytest.raises(ValueError, match="no HDF5 file"):
        read_arrays(opened)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6), st.floats(0.3, 1))
def test_damaged_files_never_bring_it_down(changes: list[tuple[float, int]], part: float) -> None:
    whole = _sample()
    damaged = bytearray(whole[: max(8, int(part * len(whole)))])
    for place, value in changes:
        damaged[8 + int(place * (len(damaged) - 9))] = value
    try:
        read = read_arrays(io.BytesIO(bytes(damaged)))
    except ValueError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert all(array.nbytes <= len(whole) for array in read.values())


def _sample() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["a/vars/0"] = np.arange(12, dtype=np.float32)
        file["b/vars/1"] = np.arange(4, dtype=np.float32)
    return buffer.getvalue()
