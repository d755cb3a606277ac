"""Checksums behind a store: what they cover, and descriptions that lie though their own checksum is right."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.storage.hdf5.seal import check_of, read_seal, seal_store, write_store

VALUES = np.arange(24, dtype=np.float32).reshape(6, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_store(tmp_path / "s.h5", {"values": VALUES}, list("abcdef"), {"about": "x"})
    return tmp_path / "s.h5"


def test_every_program_still_reads_the_file(path: Path) -> None:
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["values"], VALUES)
        assert file.attrs["about"] == "x"


def test_equal_content_makes_equal_bytes(path: Path) -> None:
    write_store(path.with_name("t.h5"), {"values": VALUES.copy()}, list("abcdef"), {"about": "x"})
    assert path.read_bytes() == path.with_name("t.h5").read_bytes()


def test_a_seal_says_what_was_written(path: Path) -> None:
    seal = read_seal(path)
    assert seal is not None and seal.rows == "values" and seal.attributes == {"about": "x"}
    assert seal.arrays["values"].shape == (6, 4) and seal.arrays["ids"].dtype == "|S1"
    assert seal.checks.tolist() == [check_of(row) for row in VALUES]


def test_sealing_again_replaces_the_seal(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + b"torn")
    seal_store(path, arrays=("values", "ids"), attributes=("about",), rows="values")
    assert path.read_bytes() == whole
    seal_store(path, arrays=("values", "ids"), attributes=("about",), rows="values", bounds=[0, 2, 6])
    seal = read_seal(path)
    assert seal is not None and seal.checks.tolist() == [check_of(VALUES[:2]), check_of(VALUES[2:])]


def test_a_file_without_a_seal_has_none(tmp_path: Path) -> None:
    for content in (b"", b"short", b"x" * 1000):
        (tmp_path / "f").write_bytes(content)
        assert read_seal(tmp_path / "f") is None


ANY = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5) | st.floats(allow_nan=False)
PLACE = st.tuples(st.sampled_from(["<f4", "|S1", "|O", "S0", 3]), st.lists(st.integers(-1, 9) | ANY, max_size=3), ANY)


@given(
    changed=st.dictionaries(
        st.sampled_from(["attributes", "arrays", "rows", "items", "size", "rest"]),
        ANY | st.lists(ANY, max_size=2) | st.dictionaries(st.sampled_from(["values", "ids"]), PLACE | ANY),
    ),
    table=st.binary(max_size=40),
)
def test_a_lying_description_is_refused_or_in_the_file(
    changed: dict[str, object], table: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("seal") / "s.h5"
    write_store(path, {"values": VALUES}, list("abcdef"), {"about": "x"})
    seal = read_seal(path)
    data = path.read_bytes()
    start = data.rindex(b'{"arrays"')
    facts = json.loads(data[start : len(data) - 56])
    text = json.dumps({**facts, **changed}).encode()
    body = (table or data[facts["size"] : start]) + text + len(text).to_bytes(8, "little")
    path.write_bytes(data[: facts["size"]] + body + hashlib.sha256(body).digest() + data[-16:])
    try:
        found = read_seal(path)
    except ValueError:
        return
    assert found is not None and seal is not None
    for place in found.arrays.values():
        assert place.offset + place.nbytes <= facts["size"]
