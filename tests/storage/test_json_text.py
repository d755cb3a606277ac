"""JSON from anywhere gives a value or a ValueError."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.storage.json_text import MAX_DEPTH, MAX_INTEGER, parse_json

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
