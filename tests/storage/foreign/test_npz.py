"""Arrays from files of any origin: what is plain comes through, all else is one reason."""

import io
import os
import random
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.errors import DataError
from speech2img.storage.foreign.npz import load_arrays


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def test_reads_what_numpy_wrote(tmp_path):
    arrays = {"conv1/weight": np.arange(6.0).reshape(2, 3), "count": np.array(7)}
    (tmp_path / "a.npz").write_bytes(npz(**arrays))
    for source in (tmp_path / "a.npz", (tmp_path / "a.npz").read_bytes()):
        loaded = load_arrays(source)
        assert loaded.keys() == arrays.keys()
        assert all(np.array_equal(loaded[name], arrays[name]) for name in arrays)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "no .npz archive"), (b"plain text\n", "no .npz archive"), (b"\x80\x04N.", "no .npz archive")],
)
def test_what_is_no_archive(content, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        load_arrays(content)
    assert "allow_pickle" not in str(caught.value)


def test_a_single_array_is_no_archive():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"no \.npz archive"):
        load_arrays(file.getvalue())


def test_objects_are_never_unpickled():
    with pytest.raises(ValueError, match="'evil' is damaged or not of plain numbers"):
        load_arrays(npz(evil=np.array([{"a": 1}], dtype=object)))


def test_other_members_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("note.txt", "hello")
    with pytest.raises(ValueError, match=r"note\.txt"):
        load_arrays(file.getvalue())


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = npz(zeros=np.zeros(1 << 22))
    assert len(bomb) < 1 << 17
    with pytest.raises(ValueError, match="more than 1,000,000"):
        load_arrays(bomb, max_bytes=1_000_000)


def test_a_missing_file_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_arrays(tmp_path / "nothing.npz")


def with_header(header: str, content: bytes = bytes(8), *, claimed: int | None = None, version: int = 1) -> bytes:
    file = io.BytesIO()
    head = header.encode("latin1") + b"\n"
    length = (len(head) if claimed is None else claimed).to_bytes(2 if version == 1 else 4, "little")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY" + bytes([version, 0]) + length + head + content)
    return file.getvalue()


def header_of(shape: str, *, descr: str = "'<f8'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


LYING = {
    "a shape of terabytes": with_header(header_of("(1000000000000,)")),
    "a shape of 5,000 digits": with_header(header_of(f"({'9' * 3000},)")),
    "a shape that overflows": with_header(header_of("(0, 4611686018427387904, 4611686018427387904)"), b""),
    "a negative shape": with_header(header_of("(-1,)")),
    "a hundred axes": with_header(header_of(f"({'1,' * 100})")),
    "a shape that is no tuple": with_header(header_of("[1]")),
    "9,000 minus signs": with_header("-" * 9000 + "1"),
    "9,000 brackets": with_header("[" * 9000),
    "3,000 brackets as shape": with_header(header_of("(" * 3000)),
    "3,000 spaces": with_header("{" + " " * 3000 + "'"),
    "a header of 4 GiB": with_header(header_of("(1,)"), claimed=(1 << 32) - 1, version=2),
    "objects": with_header(header_of("(1,)", descr="'|O'")),
    "a record": with_header(header_of("(1,)", descr="[('a', '<f8')]")),
    "void": with_header(header_of("(1,)", descr="'V8'")),
    "no content": with_header(header_of("(1000,)", descr="'<U0'"), b""),
    "a key twice": with_header("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"),
    "a key missing": with_header("{'descr': '<f8', 'shape': (1,)}"),
    "too little": with_header(header_of("(2,)")),
    "too much": with_header(header_of("()"), bytes(16)),
    "no characters": with_header(header_of("(1,)", descr="'<U1'"), b"\xff" * 4),
    "another version": with_header(header_of("(1,)"), version=9),
}


@pytest.mark.parametrize("name", LYING)
def test_headers_that_lie_are_one_reason_and_take_no_memory(name):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="'a' is damaged or not of plain numbers"):
            load_arrays(LYING[name])
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }          ",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1L,), }",
        '{"shape": (1,), "fortran_order": False, "descr": "<f8"}',
        "{'descr':'<f8','fortran_order':True,'shape':(1,1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (), }",
    ],
)
def test_headers_of_old_and_other_writers_are_read(header):
    assert load_arrays(with_header(header))["a"].tolist() in (0.0, [0.0], [[0.0]])


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "<i4", ">f4", "f2", "f8", "S3", "U4", ">U2"])
def test_every_plain_type_and_order_is_read_as_numpy_reads_it(dtype):
    arrays = {"c": np.arange(6).reshape(2, 3).astype(dtype), "none": np.zeros((0, 3), dtype)}
    arrays["f"] = np.asfortranarray(arrays["c"])
    content = npz(**arrays)
    for name, array in np.load(io.BytesIO(content)).items():
        loaded = load_arrays(content)[name]
        assert loaded.dtype == array.dtype and np.array_equal(loaded, array) and loaded.flags.writeable


def test_zeros_without_end_are_refused_before_they_unfold():
    """A few kilobytes of zeros promise a hundred megabytes: real statistics and weights never pack like that."""
    bomb = npz(mu=np.zeros(4096), sigma=np.zeros((4096, 4096)))
    assert len(bomb) < 1 << 18
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="its arrays have 134,250,"):
            load_arrays(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert load_arrays(npz(sigma=np.zeros((2048, 2048))))["sigma"].shape == (2048, 2048)


def test_archives_of_a_hundred_thousand_arrays_or_of_one_twice_are_refused():
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.npy", b"")
    lying = bytearray(many.getvalue())
    end = lying.rfind(b"PK\5\6")
    lying[end + 8 : end + 12] = bytes(4)
    for content in (many.getvalue(), bytes(lying)):
        start = time.process_time()
        with pytest.raises(ValueError, match="more than 10,000 files"):
            load_arrays(content)
        assert time.process_time() - start < 5
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.npy", b"")
        archive.writestr("a.npy", b"")
    with pytest.raises(ValueError, match="an array twice"):
        load_arrays(twice.getvalue())


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compressions_are_refused(compression):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("a.npy", bytes(1000))
    with pytest.raises(ValueError, match="compressed as NumPy never does"):
        load_arrays(file.getvalue())


def test_pipes_folders_and_holes_are_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "holes.npz").touch()
    os.truncate(tmp_path / "holes.npz", 3 << 30)
    for name, reason in (("pipe.npz", "no.* regular file"), ("holes.npz", "consists of holes"), ("", "directory")):
        with pytest.raises(DataError, match=reason):
            load_arrays(tmp_path / name)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_arrays_or_one_reason(data, inside):
    content = io.BytesIO(data)
    if inside:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("a.npy", b"\x93NUMPY\1\0" + data)
    try:
        load_arrays(content.getvalue())
    except ValueError:
        pass


def test_mutants_of_real_files_are_arrays_or_one_reason():
    real, rng = npz(mu=np.arange(64.0), sigma=np.eye(64), count=np.array(7)), random.Random(5)
    for _ in range(1500):
        mutant = bytearray(real)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(mutant))
            mutant[place : place + rng.randrange(5)] = rng.randbytes(rng.randrange(5))
        try:
            load_arrays(bytes(mutant))
        except ValueError:
            pass


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 10_000))
def test_damage_is_one_reason_or_plain_arrays(place, value, end):
    content = bytearray(npz(a=np.arange(50.0), b=np.arange(8, dtype=np.int16)))
    content[place % len(content)] = value
    try:
        loaded = load_arrays(bytes(content[: len(content) - end % 40]))
    except ValueError as error:
        assert "allow_pickle" not in str(error)
    else:
        assert all(array.dtype != object for array in loaded.values())
