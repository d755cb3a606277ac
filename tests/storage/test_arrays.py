"""Arrays from files of any origin: what is plain comes through, all else is one reason."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.storage.arrays import load_arrays


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
