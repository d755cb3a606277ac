"""Numbers of a model: whole sentences are right where all is that they say in words."""

import pytest

from speech2img.metrics.evaluate.inputs import SpokenAttributes
from speech2img.metrics.evaluate.model_scores import spoken_attribute_scores
from speech2img.metrics.functional.score import Score

MENTIONS = [
    {"crown": "red", "light": "dusk"},
    {"crown": "blue", "wing": "red", "light": "day"},
    {"light": "noon"},
    {"wing": "blue", "light": "night"},
]
REAL = [{"crown": "red", "wing": "red", "light": "dusk"} | mention for mention in MENTIONS]


def scores(readings: list[dict[str, str]], manner: frozenset[str]) -> dict[str, Score]:
    spoken = SpokenAttributes(readings, MENTIONS, REAL, manner)
    return {score.name: score for score in spoken_attribute_scores(spoken, seed=0)}


def test_a_whole_sentence_is_right_where_all_its_words_are() -> None:
    readings = [dict(reading) for reading in REAL]
    readings[0]["light"] = "night"  # said by the manner, not in words
    readings[1]["wing"] = "blue"  # one of its two words
    found = scores(readings, frozenset({"light"}))
    whole = found["whole_sentence_accuracy"]
    assert whole.value == pytest.approx(2 / 3) and whole.num_samples == 3  # one says nothing in words
    assert whole.interval is not None and whole.interval[0] < 2 / 3 < whole.interval[1]
    assert found["whole_sentence_real"].value == 1.0
    assert "n = utterances" in whole.protocol


def test_where_no_manner_counts_everything_said_does() -> None:
    readings = [dict(reading) for reading in REAL]
    readings[0]["light"] = "night"
    whole = scores(readings, frozenset())["whole_sentence_accuracy"]
    assert whole.value == pytest.approx(3 / 4) and whole.num_samples == 4


def test_what_the_judge_never_read_is_not_right() -> None:
    readings = [{key: value for key, value in reading.items() if key != "wing"} | {"wing": "none"} for reading in REAL]
    assert scores(readings, frozenset({"light"}))["whole_sentence_accuracy"].value == pytest.approx(1 / 3)


def test_sentences_of_one_length_are_scored_apart() -> None:
    colors = ["red", "blue", "green", "black", "white", "grey"]
    short = [{"crown": color} for color in colors]
    long = [{"crown": color, "wing": color, "light": "day"} for color in colors]
    mentions = [*short, *long, {"crown": "red", "wing": "red"}]
    readings = [{"crown": "red", "wing": "red", "light": "day"} | mention for mention in mentions]
    for row in (0, 1, 6):  # two short sentences of six are wrong, one word of three of a long one
        readings[row] = readings[row] | {"crown": "none"}
    real = [{"crown": "red", "wing": "red", "light": "day"} | mention for mention in mentions]
    found = {score.name: score for score in spoken_attribute_scores(SpokenAttributes(readings, mentions, real), seed=0)}
    assert found["spoken_attribute_accuracy_of_1_mentioned"].value == pytest.approx(4 / 6)
    assert found["spoken_attribute_accuracy_of_3_mentioned"].value == pytest.approx(17 / 18)
    assert found["whole_sentence_accuracy_of_3_mentioned"].value == pytest.approx(5 / 6)
    assert found["spoken_relative_accuracy_of_1_mentioned"].num_samples == 6
    # One sentence of two mentions is too few; and where all have one length nothing stands apart.
    assert not [name for name in found if "of_2_mentioned" in name]
    alike = SpokenAttributes(readings[:6], mentions[:6], real[:6])
    assert not [score for score in spoken_attribute_scores(alike, seed=0) if "_mentioned" in score.name]
