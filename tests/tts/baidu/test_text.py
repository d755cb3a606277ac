"""Texts for Baidu: GBK only, cut at the best border, nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import SynthesisError
from speech2img.tts.baidu.text import clean_text, split_text


def test_cuts_at_sentences_then_clauses_then_words() -> None:
    text = "A small bird. It is red, with a very long tail and 3.5 cm of beak! 一只小鸟。"
    assert split_text(text, max_bytes=1023) == [text]
    assert split_text(text, max_bytes=30) == [
        "A small bird.",
        "It is red,",
        "with a very long tail and 3.5",
        "cm of beak!",
        "一只小鸟。",
    ]
    assert split_text("红色的鸟，绿色的尾巴。", max_bytes=12) == ["红色的鸟，", "绿色的尾巴。"]
    assert split_text("one two, three four, five six", max_bytes=22) == ["one two, three four,", "five six"]
    assert split_text("unpronounceable", max_bytes=6) == ["unpron", "ouncea", "ble"]


@given(st.text(st.sampled_from("ab c,.!? 鸟红。，\n"), max_size=120), st.integers(2, 40))
def test_every_piece_fits_and_nothing_is_lost(text: str, max_bytes: int) -> None:
    text = " ".join(text.split())
    pieces = split_text(text, max_bytes=max_bytes)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece.encode("gbk")) <= max_bytes for piece in pieces)
    words = text.split(" ")
    if all(len(word.encode("gbk")) <= max_bytes for word in words) and text.isascii():
        assert " ".join(pieces).split() == [word for word in words if word]


@given(st.text(max_size=60))
def test_cleaned_text_is_gbk_or_refused(text: str) -> None:
    try:
        cleaned = clean_text(text)
    except SynthesisError as error:
        assert "GBK" in str(error) or "no letter" in str(error)
        return
    cleaned.encode("gbk")
    assert cleaned == " ".join(cleaned.split())
    assert clean_text(cleaned) == cleaned


def test_accents_fall_where_gbk_has_none() -> None:
    assert clean_text("a\tcafé\x00 with a ñandú and naïve “quotes”") == "a café with a nandú and naive “quotes”"


@pytest.mark.parametrize("text", ["", "  ...  ", "a bird \N{SNOWMAN}", "\N{BIRD}", "ฟ้า"])
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(SynthesisError, match="no letter|not in GBK"):
        clean_text(text)
