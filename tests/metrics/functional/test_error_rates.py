"""Error rates: by hand, against the recursive definition, and what must hold for any texts."""

import math
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.metrics.functional.error_rates import (
    Edits,
    character_edits,
    edits,
    normalised,
    sentence_accuracy,
    word_edits,
)

TEXTS = st.text(alphabet="ab c", max_size=9)


def recursive_distance(one: str, other: str) -> int:
    """Levenshtein's distance by its definition."""

    @cache
    def distance(row: int, column: int) -> int:
        if not row or not column:
            return row + column
        same = one[row - 1] == other[column - 1]
        return min(
            distance(row - 1, column) + 1, distance(row, column - 1) + 1, distance(row - 1, column - 1) + (not same)
        )

    return distance(len(one), len(other))


@pytest.mark.parametrize(
    ("reference", "written", "expected"),
    [
        ("a red bird", "a red bird", Edits(0, 0, 0, 3)),
        ("a red bird", "a bird", Edits(0, 1, 0, 3)),
        ("a bird", "a red bird", Edits(0, 0, 1, 2)),
        ("a red bird", "a rad birds", Edits(2, 0, 0, 3)),
        ("", "a bird", Edits(0, 0, 2, 0)),
        ("a bird", "", Edits(0, 2, 0, 2)),
        ("Long-tailed, it's!", "long tailed its", Edits(1, 0, 0, 3)),
    ],
)
def test_words_by_hand(reference: str, written: str, expected: Edits) -> None:
    assert word_edits([reference], [written]) == expected


def test_characters_by_hand() -> None:
    found = character_edits(["kitten"], ["sitting"])
    assert found == Edits(2, 0, 1, 6) and found.rate == pytest.approx(0.5)
    assert character_edits(["a b"], ["ab"]).deletions == 1, "blanks count"


def test_a_corpus_is_no_mean_of_sentences() -> None:
    references, written = ["one two three four five six seven eight", "nine"], ["one", "ten eleven"]
    assert word_edits(references, written).rate == pytest.approx((7 + 2) / 9)
    assert math.isnan(word_edits([""], [""]).rate)
    assert word_edits(["one"], ["a b c"]).rate == 3, "it may exceed 1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A  Red\tBird.", "a red bird"),
        ("long\u2013tailed; 'twas it\u2019s", "long tailed twas it's"),
        ("\uff21\u00e9 (2)", "a\u00e9 2"),
        (" - ' ", ""),
    ],
)
def test_normalisation(text: str, expected: str) -> None:
    assert normalised(text) == expected == normalised(expected)


@given(TEXTS, TEXTS)
def test_edits_are_the_distance_and_add_up(one: str, other: str) -> None:
    found, back = edits(one, other), edits(other, one)
    assert found.total == recursive_distance(one, other) == back.total
    assert found.length == len(one)
    assert found.insertions - found.deletions == len(other) - len(one)
    assert (found.total == 0) == (one == other)


@given(TEXTS, TEXTS, TEXTS)
def test_it_is_a_metric(one: str, other: str, third: str) -> None:
    assert edits(one, third).total <= edits(one, other).total + edits(other, third).total


def test_sentences() -> None:
    assert sentence_accuracy(["A bird.", "a fish"], ["a bird", "fish"]) == 0.5
    assert math.isnan(sentence_accuracy([], []))
    with pytest.raises(ValueError, match="zip"):
        word_edits(["a"], [])
