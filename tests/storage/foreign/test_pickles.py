"""Plain pickles: every protocol and age reads as the standard reader has it, and ours reads everywhere."""

import pickle
import pickletools
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from speech2img.errors import DataError
from speech2img.storage.foreign.pickles import load_pickle, save_pickle
from speech2img.storage.foreign.restricted_unpickler import run_pickle

ARRAYS = hnp.arrays(
    st.sampled_from(["?", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "S3", "U4", ">f4", ">i8"]),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
)
TEXT = st.text(st.characters(codec="utf-8"))
UNWRITABLE = [print, {1, 2}, [Path()], object(), lambda: 0, np.zeros(2, "f4,f4"), np.array([None]), 1j]
KEYS = TEXT | st.integers(-(2**59), 2**59)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**100), 2**100) | st.floats(allow_nan=False) | TEXT | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner),
)


def same(ours: Any, theirs: Any) -> bool:
    """Equal in type and value, arrays to the bit."""
    if isinstance(theirs, np.ndarray):
        return ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
    if isinstance(theirs, dict):
        return type(ours) is dict and list(ours) == list(theirs) and same(list(ours.values()), list(theirs.values()))
    if isinstance(theirs, (list, tuple)):
        return type(ours) is type(theirs) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    return type(ours) is type(theirs) and bool(ours == theirs)


@given(PLAIN, st.integers(0, 5))
def test_plain_data_reads_as_the_standard_reader_has_it(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    assert same(run_pickle(data), pickle.loads(data))


@given(ARRAYS, st.integers(0, 5), st.booleans())
def test_arrays_read_as_the_standard_reader_has_them(array: np.ndarray, protocol: int, turned: bool) -> None:
    data = pickle.dumps([array.T if turned else array, array[..., ::2] if array.ndim else array], protocol)
    assert same(run_pickle(data), pickle.loads(data))


@pytest.mark.parametrize("protocol", range(6))
def test_numpy_numbers_become_plain(protocol: int) -> None:
    values = [np.float32(0.5), np.int64(-3), np.bool_(True), np.str_("é")]
    assert same(run_pickle(pickle.dumps(values, protocol)), [0.5, -3, True, "é"])


@pytest.mark.parametrize("protocol", range(6))
def test_the_same_array_twice_is_one_array(protocol: int) -> None:
    array = np.arange(5.0)
    first, second = run_pickle(pickle.dumps([array, array], protocol))
    assert first is second
    first[0] = 7


def test_python_2_protocol_0_array() -> None:
    data = (
        b"cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\ntp4\nRp5\n(I1\n(I2\ntp6\n"
        b"cnumpy\ndtype\np7\n(S'f4'\np8\nI0\nI1\ntp9\nRp10\n(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\nbI00\n"
        b"S'\\x00\\x00\\x80?\\x00\\x00\\x00\\xc0'\np13\ntp14\nb."
    )
    assert same(run_pickle(data), np.array([1, -2], "<f4"))


def test_python_2_protocol_2_array_text_and_long() -> None:
    data = (
        b"\x80\x02]q\x00(cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85q\x03U\x01bq\x04\x87q"
        b"\x05Rq\x06(K\x01K\x02\x85q\x07cnumpy\ndtype\nq\x08U\x02f4q\tK\x00K\x01\x87q\nRq\x0b(K\x03U\x01<q\x0cNNNJ\xff"
        b"\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\rb\x89U\x08\x00\x00\x80?\x00\x00\x00\xc0q\x0etq\x0fbU\x03caf\xe9"
        b"\x8a\x01\x07e."
    )
    with pytest.raises(ValueError, match="too early"):
        run_pickle(data[:-10])
    array, *rest = run_pickle(data.replace(b"U\x03caf\xe9", b"U\x04caf\xe9"))
    assert same(array, np.array([1, -2], "<f4"))
    assert rest == ["café", 7]


@settings(max_examples=30)
@given(PLAIN, ARRAYS)
def test_saved_data_read_back_here_and_with_the_standard_reader(
    tmp_path_factory: pytest.TempPathFactory, value: Any, array: np.ndarray
) -> None:
    path = tmp_path_factory.getbasetemp() / "saved.pickle"
    native = array.astype(array.dtype.newbyteorder("="))
    save_pickle(path, [value, native, {"a": native}])
    assert same(load_pickle(path), [value, native, {"a": native}])
    assert same(pickle.loads(path.read_bytes()), [value, native, {"a": native}])


def test_saved_arrays_name_what_numpy_1_has(tmp_path: Path) -> None:
    save_pickle(tmp_path / "x.pickle", [np.arange(3.0), np.arange(2)])
    operations = list(pickletools.genops((tmp_path / "x.pickle").read_bytes()))
    names = {argument for operation, argument, _ in operations if operation.name == "GLOBAL"}
    assert names == {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"}
    assert "STACK_GLOBAL" not in {operation.name for operation, _, _ in operations}


@pytest.mark.parametrize("value", UNWRITABLE, ids=range(8))
def test_what_is_no_plain_data_is_not_written(tmp_path: Path, value: object) -> None:
    path = tmp_path / "x.pickle"
    save_pickle(path, "old")
    with pytest.raises(DataError, match="x.pickle"):
        save_pickle(path, value)
    assert load_pickle(path) == "old"


def test_a_missing_or_big_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="x.pickle: No such file"):
        load_pickle(tmp_path / "x.pickle")
    save_pickle(tmp_path / "x.pickle", "text")
    with pytest.raises(DataError, match="x.pickle: is larger than 3 bytes"):
        load_pickle(tmp_path / "x.pickle", max_bytes=3)


def test_the_published_split_pickles(realdata: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(realdata / "cub_meta.zip") as archive:
        for split, count, classes in (("train", 8855, 150), ("test", 2933, 50)):
            for name in ("filenames", "class_info"):
                archive.extract(f"stackgan_split/{split}/{name}.pickle", tmp_path)
            names = load_pickle(tmp_path / f"stackgan_split/{split}/filenames.pickle")
            assert names == archive.read(f"stackgan_split/{split}_filenames.txt").decode().split()
            info = load_pickle(tmp_path / f"stackgan_split/{split}/class_info.pickle")
            assert [int(name[:3]) for name in names] == info
            assert (len(info), len(set(info))) == (count, classes)


def test_the_evaluation_lists_of_s2igan(realdata: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(realdata / "s2igan_eval_lists.zip") as archive:
        pickles = [name for name in archive.namelist() if name.endswith(".pickle")]
        assert len(pickles) == 6
        for name in pickles:
            names = load_pickle(archive.extract(name, tmp_path))
            assert names == archive.read(name.replace(".pickle", ".txt")).decode().splitlines()
