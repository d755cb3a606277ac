"""Character tables: the published numbers, normalisation, and that what is written comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.models.recognisers.characters import (
    ALPHABET,
    END,
    PAD,
    START,
    CharacterTable,
    pad_texts,
    published_table,
)


def test_published_numbers() -> None:
    table = published_table()
    assert len(table) == 34
    assert table.encode("az .,?") == [2, 4, 29, 30, 31, 32, 33, 3]
    assert table.encode("A-1") == [2, 4, 0, 1, 3], "capitals are lowered, a hyphen is padding, a digit unknown"
    assert table.decode([2, 4, 1, 29, 3, 5]) == "a#z"
    assert len(table.encode("a" * 500)) == 200


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("A  Red\tbird.", "a red bird"),
        ("long-tailed \u2013 it\u2019s gr\u00e9y", "long-tailed - it's grey"),
        ("2 birds", "birds"),
        ("", ""),
        ("\u9ce5", ""),
    ],
)
def test_corrected_normalisation(text: str, normal: str) -> None:
    assert CharacterTable().normalise(text) == normal


@given(st.text(max_size=40))
def test_what_is_written_comes_back(text: str) -> None:
    table = CharacterTable()
    numbers = table.encode(text)
    assert numbers[0] == START and numbers[-1] == END and PAD not in numbers
    assert table.decode(numbers) == table.normalise(text)
    assert table.normalise(table.normalise(text)) == table.normalise(text)


def test_padding_is_of_one_length() -> None:
    assert pad_texts([[2, 4, 3], [2, 3]]) == [[2, 4, 3], [2, 3, 0]]


@pytest.mark.parametrize("alphabet", ["abc", "aa ", ALPHABET.upper()])
def test_bad_alphabets(alphabet: str) -> None:
    with pytest.raises(ValueError, match="alphabet"):
        CharacterTable(alphabet)
