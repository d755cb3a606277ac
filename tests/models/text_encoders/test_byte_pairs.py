"""CLIP's tokens: pieces by hand, words as it splits them, and vocabularies that are none."""

import pytest
from helpers.clip_states import MERGES, TOKENS, VOCABULARY

from speech2img.models.text_encoders.byte_pairs import BytePairs, published_merges, split_words

PAIRS = BytePairs("\n".join(MERGES))


def numbers(*pieces: str) -> list[int]:
    """Numbers of pieces in a vocabulary of 188 signs, 68 other bytes, the same at the end of a word, and the pairs."""
    signs = [chr(byte) for byte in (*range(33, 127), *range(161, 173), *range(174, 256))] + [
        chr(256 + number) for number in range(68)
    ]
    order = [*signs, *(f"{sign}</w>" for sign in signs), *(pair.replace(" ", "") for pair in MERGES)]
    return [order.index(piece) for piece in pieces]


def test_pairs_are_merged_by_rank() -> None:
    assert len(PAIRS) == TOKENS and (PAIRS.start, PAIRS.end) == (TOKENS - 2, TOKENS - 1)
    assert PAIRS.encode("The  BIRD is\nred") == numbers("the</w>", "bird</w>", "is</w>", "red</w>")
    # Not at the end of a word; the same pair twice; a pair that overlaps itself is merged from the left.
    assert PAIRS.encode("there") == numbers("th", "e", "r", "e</w>")
    assert BytePairs("a a").encode("aaab") == [*_own("aa", 512), *_own("a"), *_own("b</w>")]


def _own(piece: str, number: int | None = None) -> list[int]:
    return numbers(piece) if number is None else [number]


def test_other_bytes_than_ascii_have_numbers() -> None:
    assert PAIRS.encode("ü") == numbers("Ã", "¼</w>")
    assert PAIRS.encode("\x00") == numbers("\u0100</w>")
    assert PAIRS.encode("&amp;lt;") == numbers("<</w>") and PAIRS.encode(" \t\n") == []


def test_words_are_split_as_published() -> None:
    said = "it's grey-brown, 12 wings aren't!'s... naïve 鳥½"
    wanted = [
        "it",
        "'s",
        "grey",
        "-",
        "brown",
        ",",
        "1",
        "2",
        "wings",
        "aren",
        "'t",
        "!'",
        "s",
        "...",
        "naïve",
        "鳥",
        "½",
    ]
    assert list(split_words(said)) == wanted


def test_published_vocabularies_are_cut_to_what_is_in_use() -> None:
    assert published_merges(VOCABULARY, num_tokens=TOKENS).splitlines() == list(MERGES)
    assert published_merges(VOCABULARY, num_tokens=TOKENS - 3).splitlines() == list(MERGES[:-3])
    with pytest.raises(ValueError, match="has 8 pairs of pieces, and the network wants 9"):
        published_merges(VOCABULARY, num_tokens=TOKENS + 1)


@pytest.mark.parametrize(
    ("merges", "message"),
    [("a b\na", "line 2 of the vocabulary is no pair"), ("a b c", "line 1"), ("a b\nc d\na b", "stands twice")],
)
def test_a_vocabulary_that_is_none_is_refused(merges: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BytePairs(merges)
