"""Files are read within bounds, and JSON from anywhere gives a value or a ValueError."""

import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import DataError
from speech2img.storage.reading import MAX_DEPTH, MAX_INTEGER, file_sha256, parse_json, read_bytes, read_json

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.text()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_what_python_writes_is_read_as_python_reads_it(value: object) -> None:
    text = json.dumps(value)
    assert parse_json(text) == json.loads(text)
    assert parse_json(text.encode()) == json.loads(text)


@given(st.binary() | st.text())
def test_anything_else_is_a_value_error(data: bytes | str) -> None:
    try:
        parse_json(data)
    except ValueError:
        pass


@pytest.mark.parametrize("text", [
    "[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000, "9" * 5000, "1" + "0" * 400, "-" + "9" * 19,
    "1e400", "1" + "0" * 400 + ".5", "NaN", "-Infinity", str(MAX_INTEGER + 1), "[" * 101 + "]" * 101, "",
    "\xff", b"\xff",
], ids=lambda text: str(text)[:12])  # fmt: skip
def test_numbers_without_bounds_and_deep_nesting_are_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="."):
        parse_json(text)


def test_bounds_themselves_are_values() -> None:
    assert parse_json(str(MAX_INTEGER)) == MAX_INTEGER
    assert parse_json("1e308") == 1e308
    value = parse_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert isinstance(value, list)
    assert len(parse_json("[" + ",".join(["[]"] * 200) + "]")) == 200


def test_nan_is_a_value_where_asked_for() -> None:
    assert math.isnan(parse_json('{"loss": NaN}', allow_nan=True)["loss"])


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000], ids=range(5))
def test_broken_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match="x.json: is not valid JSON"):
        read_json(tmp_path / "x.json")


def test_reading_has_limits(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert read_bytes(tmp_path / "x", max_bytes=5) == b"12345"
    with pytest.raises(DataError, match="larger than 4 bytes"):
        read_bytes(tmp_path / "x", max_bytes=4)
    with pytest.raises(DataError, match="No such file"):
        read_bytes(tmp_path / "y", max_bytes=4)
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(DataError, match=odd.name):
            read_bytes(odd, max_bytes=1 << 20)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "hole").write_bytes(b"")
    os.truncate(tmp_path / "hole", 1 << 40)
    with pytest.raises(DataError, match="is larger than 1,000 bytes"):
        read_bytes(tmp_path / "hole", max_bytes=1000)
    (tmp_path / "x").write_bytes(b"x" * 1000)
    assert read_bytes(tmp_path / "x", max_bytes=1000) == b"x" * 1000


def test_sha256_is_the_standard_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert file_sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(DataError, match="y: No such file"):
        file_sha256(tmp_path / "y")
