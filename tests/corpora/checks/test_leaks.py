"""Leaks: what stands on both sides of a split is found, counted and said in one line."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.checks.leaks import (
    caption_traces,
    file_traces,
    find_leaks,
    image_traces,
    leak_line,
    leak_report,
    photographer_traces,
    speaker_traces,
)
from speech2img.corpora.records.items import SPLITS, Caption, Item, recorded_caption

SPOKEN = Caption(0, "A red bird.", "en-us", "a.wav", 160, 50, 50, {}, None)


def item(name: str, split: str, *captions: Caption) -> Item:
    return Item(name, f"images/{name}.jpg", 0, "x", split, None, None, captions)


def test_counts_and_examples():
    items = [item("a", "train"), item("b", "train"), item("c", "test"), item("d", "test"), item("e", "val")]
    traces = {"picture": [("a", "1"), ("b", "2"), ("c", "1"), ("d", "1"), ("d", "2"), ("e", "3"), ("e", ""), ("a", "")]}
    (leak,) = find_leaks(items, traces)
    assert (leak.kind, leak.splits, leak.shared, leak.affected) == ("picture", ("train", "test"), 2, 2)
    assert leak.examples == ("c", "d")
    line = leak_line(leak_report([leak], traces, unknown={"photographer": "the corpus does not name them"}))
    assert line == (
        "leaks: 2 pictures of train are in test as well (2 items of test, first c); "
        "photographer: not compared (the corpus does not name them)"
    )


@given(st.lists(st.tuples(st.sampled_from(SPLITS), st.integers(0, 5)), max_size=20))
@settings(max_examples=60, deadline=None)
def test_agrees_with_sets(pairs):
    items = [item(str(number), split) for number, (split, _) in enumerate(pairs)]
    found = find_leaks(items, {"speaker": [(str(number), f"v{value}") for number, (_, value) in enumerate(pairs)]})
    values = {split: {value for side, value in pairs if side == split} for split in SPLITS}
    expected = {
        (one, two): len(values[one] & values[two])
        for k, one in enumerate(SPLITS)
        for two in SPLITS[k + 1 :]
        if values[one] & values[two]
    }
    assert {leak.splits: leak.shared for leak in found} == expected


def test_no_leak_and_no_report():
    report = leak_report([], ["utterance", "picture"], unknown={})
    assert leak_line(report) == "leaks: none between the splits (compared: picture, utterance)"
    assert leak_line(None) is None and leak_line({}) is None


def test_unknown_kind_is_a_mistake():
    with pytest.raises(KeyError, match="colour"):
        find_leaks([], {"colour": []})


def test_equal_files_are_found_by_their_bytes(tmp_path):
    items = [item(name, "train") for name in "abcd"]
    (tmp_path / "images").mkdir()
    for name, content in zip("abcd", ("same", "same", "else", "longer"), strict=True):
        (tmp_path / f"images/{name}.jpg").write_text(content)
    digests = dict(image_traces(tmp_path, items, progress=False))
    assert digests["a"] == digests["b"] != digests["c"] and "d" not in digests
    assert file_traces(tmp_path, [("a", "gone.wav")], what="recordings", progress=False) == []


def test_traces_of_captions_and_people():
    person = recorded_caption(1, "b.wav", text="a red bird", speaker="anna")
    both = item("a", "train", SPOKEN, person)
    assert caption_traces([both]) == [("a", "a red bird")]
    assert speaker_traces([both, item("b", "test", SPOKEN, replace(person, speaker=None))]) == [("a", "anna")]


def test_photographers_of_flickr_names():
    named = replace(item("a", "train"), image="images/123_456_98765432@N05.jpg")
    assert photographer_traces([named, item("2762301555_48a0d0aa24", "test")]) == [("a", "98765432@N05")]
