"""Tacotron 2's text front-end: the published symbols, numbers in words, and nothing that can make it fail."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.tts.tacotron2.number_words import cardinal_words, expand_numbers, ordinal_words
from speech2img.tts.tacotron2.symbols import CLEANERS, SYMBOLS, clean_english, ids_to_text, text_to_ids, transliterate


def test_the_published_symbols() -> None:
    assert len(SYMBOLS) == len(set(SYMBOLS)) == 148
    assert "".join(SYMBOLS[:12]) == "_-!'(),.:;? "
    assert SYMBOLS[12] == "A" and SYMBOLS[37] == "Z" and SYMBOLS[38] == "a" and SYMBOLS[63] == "z"
    assert SYMBOLS[64:69] == ("@AA", "@AA0", "@AA1", "@AA2", "@AE")
    assert SYMBOLS[88] == "@B" and SYMBOLS[91] == "@DH" and SYMBOLS[-2:] == ("@Z", "@ZH")


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "zero"),
        ("7", "seven"),
        ("13", "thirteen"),
        ("40", "forty"),
        ("99", "ninety-nine"),
        ("100", "one hundred"),
        ("512", "five hundred twelve"),
        ("3000", "three thousand"),
        ("10001", "ten thousand, one"),
        ("1234567", "one million, two hundred thirty-four thousand, five hundred sixty-seven"),
        ("1" + "0" * 33, "one decillion"),
        ("007", "seven"),
    ],
)
def test_cardinals(digits: str, words: str) -> None:
    assert cardinal_words(digits) == words


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("1", "first"),
        ("2", "second"),
        ("12", "twelfth"),
        ("20", "twentieth"),
        ("21", "twenty-first"),
        ("100", "one hundredth"),
        ("101", "one hundred and first"),
        ("1000", "one thousandth"),
        ("2000003", "two million and third"),
    ],
)
def test_ordinals(digits: str, words: str) -> None:
    assert ordinal_words(digits) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("in 1455,", "in fourteen fifty-five,"),
        (
            "1905 1900 2000 2005 2010 1000 3000",
            "nineteen oh five nineteen hundred two thousand two thousand five twenty ten one thousand three thousand",
        ),
        ("$3.50", "three dollars, fifty cents"),
        ("$1", "one dollar"),
        ("$0.01", "one cent"),
        ("$.50", "fifty cents"),
        ("$0", "zero dollars"),
        ("£20", "twenty pounds"),
        ("1,200 birds", "twelve hundred birds"),
        ("3.14", "three point fourteen"),
        ("the 21st and the 3RD", "the twenty-first and the third"),
        ("5 1stone", "five onestone"),
        ("no numbers", "no numbers"),
    ],
)
def test_numbers_in_a_text(text: str, words: str) -> None:
    assert expand_numbers(text) == words


def test_a_number_beyond_the_names_is_read_digit_by_digit() -> None:
    assert cardinal_words("9" * 37) == " ".join(["nine"] * 37)
    assert expand_numbers("1" * 10_000).count("one") == 10_000


def test_english_cleaner_reads_the_lj_speech_sentence_as_its_speaker_did() -> None:
    written = 'the Gutenberg, or "forty-two line Bible" of about 1455,'
    assert clean_english(written) == 'the gutenberg, or "forty-two line bible" of about fourteen fifty-five,'


def test_abbreviations_need_their_dot() -> None:
    assert clean_english("Dr. Smith met Mrs. Jones at St. Ives") == "doctor smith met misess jones at saint ives"
    assert clean_english("Dr Smith, ncol. first") == "dr smith, ncol. first"


def test_accents_and_typographic_marks_are_spelled() -> None:
    assert transliterate("“naïve” café – ok… œuvre, Straße") == '"naive" cafe - ok... oeuvre, Strasse'
    assert clean_english("a\tb\n\nc") == "a b c"


def test_ids_and_back() -> None:
    assert text_to_ids("A bird.") == [38, 11, 39, 46, 55, 41, 7]
    assert text_to_ids("A", cleaner="basic") == [38]
    ids = text_to_ids('turn on {HH AW1 S S T AH0 N} "street"_~')
    assert ids_to_text(ids) == "turn on {HH AW1 S S T AH0 N} street"
    assert text_to_ids("{NO SUCH}") == [] and text_to_ids("日本 €") == [11]


def test_unknown_cleaner() -> None:
    with pytest.raises(KeyError):
        text_to_ids("a", cleaner="french")


ODD_TEXT = st.one_of(
    st.text(), st.text(alphabet="0123456789.,$£ stndrh{}AH0_~-\n"), st.text(alphabet=st.characters(categories=["Cs"]))
)


def _single_blanks(ids: list[int]) -> list[int]:
    return [number for place, number in enumerate(ids) if place == 0 or (number, ids[place - 1]) != (11, 11)]


@given(ODD_TEXT, st.sampled_from(sorted(CLEANERS)))
def test_any_text_gives_ids_in_range(text: str, cleaner: str) -> None:
    ids = text_to_ids(text, cleaner=cleaner)
    assert all(1 <= number < len(SYMBOLS) for number in ids)
    assert text_to_ids(ids_to_text(ids), cleaner="basic") == _single_blanks(ids)


@given(ODD_TEXT)
def test_english_leaves_no_digit_and_is_finished_after_one_pass(text: str) -> None:
    cleaned = clean_english(text)
    assert cleaned.isascii() and not re.search(r"[0-9]", cleaned)
    assert cleaned == cleaned.lower() and "  " not in cleaned


@given(st.integers(0, 10**36 - 1))
def test_every_cardinal_is_words(value: int) -> None:
    assert re.fullmatch(r"[a-z]+(?:[ -][a-z]+|, [a-z]+)*", cardinal_words(str(value)))
    assert re.fullmatch(r"[a-z]+(?:[ -][a-z]+|, [a-z]+)*", ordinal_words(str(value)))
