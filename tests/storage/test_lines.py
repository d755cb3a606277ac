"""Lines of a text end at line ends, not at other characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.storage.lines import text_lines

WITHIN = ("\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\x1d", "\x1e")


@pytest.mark.parametrize("char", WITHIN, ids=ascii)
def test_characters_that_stand_within_a_line(char: str) -> None:
    assert text_lines(f"one{char}two\nthree\n") == [f"one{char}two", "three"]


@given(st.text(st.sampled_from(["a", " ", "\n", "\r", *WITHIN])))
def test_lines_are_those_of_bytes(text: str) -> None:
    """Python splits bytes at line ends only, so UTF-8 bytes show what is right."""
    plain = text.replace("\v", "").replace("\f", "")
    assert text_lines(plain) == [line.decode() for line in plain.encode().splitlines()]
