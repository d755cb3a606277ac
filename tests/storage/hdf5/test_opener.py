"""The opener of stores: checked rows, and one error for everything that is no store."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speech2img.errors import DataError
from speech2img.storage.hdf5.opener import CheckedRows, Store, open_store
from speech2img.storage.hdf5.seal import write_store

VALUES = np.arange(24, dtype=np.float32).reshape(6, 4)
IDS = list("abcdef")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_store(tmp_path / "s.h5", {"values": VALUES}, IDS, {"format": "kind", "number": 7})
    return tmp_path / "s.h5"


def opened(path: Path, kind: str | None = "kind") -> Store:
    return open_store(path, kind=kind, arrays=("values", "ids"), attributes=("number",), fix="make it again")


def test_rows_are_mapped_and_checked(path: Path) -> None:
    store = opened(path)
    rows = CheckedRows(store, "values", kind="row", ids=store.ids())
    assert len(rows) == 6 and rows.shape == (6, 4) and rows.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(rows), VALUES)
    np.testing.assert_array_equal(rows[np.array([4, 1, 1])], VALUES[[4, 1, 1]])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(rows))[2], VALUES[2])
    np.testing.assert_array_equal(rows.checked([1])[1], VALUES[1])
    with pytest.raises(IndexError):
        rows[6]
    with pytest.raises(DataError, match="do not fit together"):
        CheckedRows(store, "values", kind="row", ids=IDS[1:])
    with pytest.raises(DataError, match="do not fit together"):
        CheckedRows(store, "values", kind="row", ids=IDS[:2], bounds=np.array([0, 1, 6]))


def test_a_file_that_shrinks_or_is_exchanged_is_refused(path: Path) -> None:
    store = opened(path)
    rows = CheckedRows(store, "values", kind="row", ids=IDS)
    write_store(path, {"values": VALUES + 1}, IDS, {"format": "kind"})
    with pytest.raises(DataError, match=r"s\.h5: damaged: row 'c' \(number 2\) differs"):
        rows[2]
    with pytest.raises(DataError, match="differs from its checksum"):
        store.read("values", kinds="f", ndim=2, ids=IDS)
    os.truncate(path, 100)
    with pytest.raises(DataError, match="shorter"):
        CheckedRows(store, "values", kind="row", ids=IDS)[2]
    with pytest.raises(DataError, match="shorter"):
        store.read("values", kinds="f", ndim=2, ids=IDS)


def test_attributes_and_arrays_are_of_the_kind_that_is_expected(path: Path) -> None:
    store = opened(path)
    assert store.number("number", 0) == 7 and store.number("none", 3) == 3
    for read in (
        lambda: store.text("number"),
        lambda: store.text("none"),
        lambda: store.read("values", kinds="i", ndim=2, ids=IDS),
        lambda: store.read("values", kinds="f", ndim=3, ids=IDS),
    ):
        with pytest.raises(DataError, match=r"s\.h5: .*; make it again"):
            read()


def test_what_is_no_store_is_one_error(path: Path, tmp_path: Path, unseal: Callable[[Path], None]) -> None:
    with pytest.raises(DataError, match="format 'kind', not 'other'"):
        opened(path, "other")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(DataError, match="checksums are missing: it was cut"):
        opened(path)
    path.write_bytes(whole)
    unseal(path)
    assert opened(path).checked is None
    with pytest.raises(DataError, match="it has no 'more'"):
        open_store(path, kind=None, arrays=("more",), attributes=(), fix="make it again")
    os.mkfifo(tmp_path / "fifo")
    for wrong in (tmp_path, tmp_path / "fifo", tmp_path / "none", Path("/dev/zero")):
        with pytest.raises(DataError, match=f"^{wrong}: "):
            opened(wrong)
