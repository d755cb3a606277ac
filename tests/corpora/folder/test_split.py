"""Parts are drawn by picture, class or speaker; each keeps its promise whatever the folder holds."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.folder.entries import Entry, Line
from speech2img.corpora.folder.split import draw_parts, hold_out_speakers, seen_or_unseen
from speech2img.errors import DataError


def entry(number: int, class_name: str | None = None, speakers: str = "", split: str | None = None) -> Entry:
    lines = tuple(Line(k, f"{number}_{k}.wav", speaker=name) for k, name in enumerate(speakers))
    return Entry(f"{class_name}/{number}.jpg", class_name, split, lines)


def counts(entries) -> Counter:
    return Counter(entry.split for entry in entries)


def test_by_item_spreads_over_classes():
    entries = [entry(number, "abcd"[number % 4]) for number in range(80)]
    parted = draw_parts(entries, by="item", test=0.2, val=0.1, seed=0)
    assert counts(parted) == {"train": 58, "test": 16, "val": 6}
    per_class = Counter((entry.class_name, entry.split) for entry in parted)
    assert all(3 <= per_class[name, "test"] <= 5 for name in "abcd")
    assert [e.image for e in parted] == [e.image for e in entries]


def test_by_class():
    entries = [entry(number, "abcde"[number % 5]) for number in range(50)]
    parted = seen_or_unseen(draw_parts(entries, by="class", test=0.2, val=0.1, seed=3))
    tested = {entry.class_name for entry in parted if entry.split == "test"}
    assert len(tested) == 1 and counts(parted) == {"train": 36, "val": 4, "test": 10}
    assert all(entry.split == "test" for entry in parted if entry.class_name in tested)


@given(
    st.lists(st.text("ABCDEF", min_size=0, max_size=4), min_size=4, max_size=40),
    st.integers(0, 99),
    st.sampled_from([0.1, 0.3]),
)
@settings(max_examples=100, deadline=None)
def test_no_speaker_speaks_in_two_parts(voices, seed, share):
    entries = [entry(number, "ab"[number % 2], "".join(voice)) for number, voice in enumerate(voices)]
    try:
        parted = draw_parts(entries, by="speaker", test=share, val=share, seed=seed)
    except DataError as error:
        assert "speakers cannot be divided" in str(error) or "nothing is left" in str(error)
        return
    heard = {(line.speaker, entry.split) for entry in parted for line in entry.lines}
    assert len({speaker for speaker, _ in heard}) == len(heard)
    assert len(parted) == len(entries)


@given(st.lists(st.sampled_from("abc"), min_size=8, max_size=40), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_same_seed_same_parts_in_any_order(classes, seed):
    entries = [entry(number, name) for number, name in enumerate(classes)]
    first = {e.image: e.split for e in draw_parts(entries, by="item", test=0.1, val=0.1, seed=seed)}
    shuffled = random.Random(1).sample(entries, len(entries))
    assert {e.image: e.split for e in draw_parts(shuffled, by="item", test=0.1, val=0.1, seed=seed)} == first
    assert set(first.values()) == {"train", "val", "test"}
    trained = {e.class_name for e in entries if first[e.image] == "train"}
    assert trained == set(classes)


def test_another_seed_gives_other_parts():
    entries = [entry(number, "ab"[number % 2]) for number in range(40)]
    drawn = {tuple(e.split for e in draw_parts(entries, by="item", test=0.3, val=0.1, seed=seed)) for seed in range(5)}
    assert len(drawn) == 5


def test_named_speakers():
    entries = [entry(number, "ab"[number % 2], "ABC"[number % 3]) for number in range(30)]
    parted = hold_out_speakers(entries, ["B"], val=0.2, seed=0)
    assert counts(parted) == {"train": 16, "val": 4, "test": 10}
    assert {line.speaker for e in parted if e.split == "test" for line in e.lines} == {"B"}
    with pytest.raises(DataError, match="speaker Zoe: speaks nowhere in this folder; choose among: A, B, C"):
        hold_out_speakers(entries, ["Zoe", "A"], val=0.1, seed=0)


def test_pictures_of_many_speakers_fill_the_parts():
    entries = [entry(number, None, "ABCDE") for number in range(40)]
    parted = draw_parts(entries, by="speaker", test=0.2, val=0.2, seed=0)
    assert counts(parted) == {"train": 24, "val": 8, "test": 8}
    assert {e.split: len(e.lines) for e in parted} == {"train": 3, "val": 1, "test": 1}


@pytest.mark.parametrize(
    "entries, by, reason",
    [
        ([entry(0, "a"), entry(1, "b"), entry(2, "a")], "item", "too few"),
        ([entry(n, "ab"[n % 2]) for n in range(9)], "class", "2 classes: at least two"),
        ([entry(n) for n in range(9)], "class", "0 classes"),
        ([entry(n, "a", "AB") for n in range(9)], "speaker", "2 speakers cannot be divided"),
        (
            [*(entry(n, "a", "ABC") for n in range(9)), Entry("x.jpg", "a", None, (Line(0, "x.wav"),))],
            "speaker",
            "1 recordings have no known speaker",
        ),
        ([Entry("x.jpg", "a", None, (Line(0, "x.wav"),))], "speaker", "1 recordings have no known speaker"),
    ],
)
def test_too_little_to_divide(entries, by, reason):
    with pytest.raises(DataError, match=reason):
        draw_parts(entries, by=by, test=0.2, val=0.2, seed=0)


def test_test_pictures_of_trained_classes_are_told_apart():
    parted = seen_or_unseen(
        [
            entry(0, "a", split="train"),
            entry(1, "a", split="test"),
            entry(2, "b", split="test_seen"),
            entry(3, None, split="train"),
            entry(4, None, split="test"),
            entry(5, "b", split="val"),
        ]
    )
    assert [e.split for e in parted] == ["train", "test_seen", "test", "train", "test", "val"]
