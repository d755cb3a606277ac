"""Captions of songbirds: every sentence is true, says what is recorded, and never gives the light away."""

import random
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.songbirds.attributes import ATTRIBUTES, BACKGROUNDS_OF_POSE, visible_attributes
from speech2img.corpora.songbirds.captions import BRIEF, TALKATIVE, draw_mentions, write_captions
from speech2img.corpora.songbirds.languages.english import ENGLISH
from speech2img.corpora.songbirds.languages.english_words import (
    ADJECTIVES,
    BACKGROUND_NOUNS,
    BACKGROUND_PREPOSITIONS,
    COLOR_WORDS,
    DIRECTION_PHRASES,
    POSE_PHRASES,
)

LIGHT_WORDS = re.compile(
    r"\b(dusk|day|noon|night|light|dark|bright|dim|sun\w*|moon\w*|star\w*|shad\w+|evening|morning|midday|dawn|twilight"
    r"|afternoon|glow\w*|shin\w+|pale|deep|gloom\w*|lit|golden|slow\w*|fast\w*|whisper\w*|loud\w*|quiet\w*)\b"
)


@st.composite
def birds(draw) -> dict[str, str]:
    bird = {name: draw(st.sampled_from(values)) for name, values in ATTRIBUTES.items()}
    bird["background"] = draw(st.sampled_from(BACKGROUNDS_OF_POSE[bird["pose"]]))
    return bird


def words_of(name: str, value: str) -> tuple[str, ...]:
    tables = {"pose": POSE_PHRASES, "background": BACKGROUND_NOUNS, "direction": DIRECTION_PHRASES, **ADJECTIVES}
    if value == "none":
        return ("plain", "without bars", "no bars", "no ring")
    return tables.get(name, COLOR_WORDS)[value]


@given(bird=birds(), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_captions_are_true_and_recorded(bird, seed):
    captions = write_captions(bird, random.Random(seed), count=10)
    assert len({text for text, _ in captions}) == 10
    for text, mentions in captions:
        assert 3 <= len(mentions) <= 6
        assert "light" not in mentions
        assert set(mentions) <= visible_attributes(bird)
        assert all(bird[name] == value for name, value in mentions.items())
        for name, value in mentions.items():
            assert any(word in text for word in words_of(name, value)), (text, name, value)
        colors_said = {color for color, words in COLOR_WORDS.items() if any(f" {w} " in f" {text} " for w in words)}
        assert colors_said <= set(mentions.values()), text


@given(bird=birds(), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_light_is_never_in_the_words(bird, seed):
    captions = write_captions(bird, random.Random(seed))
    assert not any(LIGHT_WORDS.search(text) for text, _ in captions)
    for light in ATTRIBUTES["light"]:
        assert write_captions({**bird, "light": light}, random.Random(seed)) == captions


@given(
    bird=birds(),
    seed=st.integers(0, 2**32),
    names=st.sets(st.sampled_from(sorted(set(ATTRIBUTES) - {"light"})), min_size=1),
)
@settings(max_examples=150, deadline=None)
def test_any_choice_of_attributes_makes_a_sentence(bird, seed, names):
    text = ENGLISH.write({name: bird[name] for name in sorted(names)}, random.Random(seed), 0.5)
    assert re.fullmatch(r"[a-z][a-z ,]*[a-z]\.", text), text
    assert "  " not in text and "none" not in text and " ," not in text
    assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", text), text
    assert not re.search(r"\b(\w+) \1\b", text), text


def test_words_are_unambiguous():
    for table in (COLOR_WORDS, POSE_PHRASES, BACKGROUND_NOUNS, DIRECTION_PHRASES, *ADJECTIVES.values()):
        words = [word for synonyms in table.values() for word in synonyms]
        assert len(words) == len(set(words))
    plain = set(COLOR_WORDS)
    for color, synonyms in COLOR_WORDS.items():
        assert synonyms[0] == color
        assert all(set(word.split()) & plain <= {color} for word in synonyms)
    elsewhere = [w for t in (POSE_PHRASES, BACKGROUND_NOUNS, DIRECTION_PHRASES) for words in t.values() for w in words]
    assert not any(LIGHT_WORDS.search(word) or set(word.split()) & plain for word in elsewhere)
    assert {pose: set(backgrounds) for pose, backgrounds in BACKGROUND_PREPOSITIONS.items()} == {
        pose: set(backgrounds) for pose, backgrounds in BACKGROUNDS_OF_POSE.items()
    }


def test_colors_are_mentioned_most():
    rng = random.Random(0)
    bird = {name: values[-1] for name, values in ATTRIBUTES.items()}
    counts = Counter(name for _ in range(2000) for name in draw_mentions({**bird, "background": "sky"}, rng))
    large = [counts[f"{part}_color"] for part in ("body", "wing", "crown", "breast", "belly")]
    assert min(large) > max(count for name, count in counts.items() if count not in large)
    assert counts["leg_color"] == 0  # the legs of a flying bird cannot be seen
    assert min(count for name, count in counts.items()) > 100


def test_what_is_absent_is_rarely_said():
    rng = random.Random(0)
    bird = {name: values[0] for name, values in ATTRIBUTES.items()}
    counts = Counter(name for _ in range(2000) for name in draw_mentions(bird, rng))
    assert 0 < counts["eye_ring"] < counts["beak_length"] / 2


@pytest.mark.parametrize(
    "mentions, expected",
    [
        ({"crown_color": "red"}, r"\b(crown|cap)\b"),
        ({"pose": "swimming", "background": "water"}, r"\b(swimming|floating|paddling) (on|in) (the )?water\b"),
        ({"eye_ring": "none"}, r"\b(no ring around its eye|its eye has no ring)\b"),
        ({"wing_bars": "none", "wing_color": "blue"}, r"\b(plain|without bars|have no bars)\b"),
        ({"size": "small"}, r"\b(small|little|tiny) (song)?bird\b"),
        ({"direction": "left"}, r"\bleft\b"),
    ],
)
def test_phrases(mentions, expected):
    for seed in range(20):
        assert re.search(expected, ENGLISH.write(mentions, random.Random(seed), 0.5))


def test_the_small_corpus_speaks_briefly():
    bird = {name: values[-1] for name, values in ATTRIBUTES.items()}
    brief = write_captions(bird, random.Random(0), count=60, talk=BRIEF)
    full = write_captions(bird, random.Random(0), count=60)
    assert {len(mentions) for _, mentions in brief} == set(BRIEF.num_mentions) == {1, 2, 3}
    assert {len(mentions) for _, mentions in full} == set(TALKATIVE.num_mentions) == {3, 4, 5, 6}
