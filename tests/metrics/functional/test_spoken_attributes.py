"""Spoken-attribute accuracy: hand-counted values, exact chance, and properties that must hold for any input."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from speech2img.errors import MetricError
from speech2img.metrics.functional.spoken_attributes import per_image, score_by_attribute, score_mentions

VALUES = {"body_color": ("red", "blue", "green"), "light": ("day", "night"), "size": ("small", "large")}

readings = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})
mentions = st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 1), min_size=0).map(
    lambda chosen: {name: VALUES[name][index] for name, index in chosen.items()}
)
groups = st.lists(st.tuples(readings, readings, mentions), min_size=2, max_size=9).filter(
    lambda rows: sum(bool(row[2]) for row in rows) >= 2
)


def brute_force_chance(shown: Sequence[Mapping[str, str]], said: Sequence[Mapping[str, str]]) -> float:
    """Chance as the definition says it: every picture against every other utterance that says something."""
    rows = [row for row in range(len(said)) if said[row]]
    pairs = [(shown[i][name] == value) for i in rows for j in rows if i != j for name, value in said[j].items()]
    return float(np.mean(pairs))


def test_hand_counted() -> None:
    shown = [{"body_color": "red", "light": "day"}, {"body_color": "red", "light": "night"}]
    real = [{"body_color": "red", "light": "day"}, {"body_color": "blue", "light": "night"}]
    said = [{"body_color": "red", "light": "day"}, {"body_color": "blue"}]
    score = score_mentions(shown, said, real_readings=real)
    assert score.accuracy == pytest.approx(2 / 3)
    assert score.chance == pytest.approx(1 / 3)  # picture 0 against "blue": no; 1 against "red, day": one of two
    assert score.real == 1.0
    assert score.relative_accuracy == pytest.approx(0.5)
    assert (score.num_mentions, score.num_utterances) == (3, 2)


def test_a_collapsed_generator_is_at_chance() -> None:
    said = [{"body_color": value} for value in ("red", "blue", "green") * 10]
    score = score_mentions([{"body_color": "red"}] * 30, said, real_readings=said)
    assert score.accuracy == score.chance == pytest.approx(1 / 3)
    assert score.relative_accuracy == 0.0


def test_manner_is_counted_alone() -> None:
    said = [{"body_color": "red", "light": "day"}, {"body_color": "blue", "light": "night"}, {"body_color": "red"}]
    shown = [{"body_color": "red", "light": "day"}] * 3
    light = score_mentions(shown, said, attributes={"light"})
    assert (light.accuracy, light.num_mentions, light.num_utterances) == (0.5, 2, 2)
    assert light.real is None and light.relative_accuracy is None and light.relative_accuracy_interval is None


def test_by_attribute_leaves_out_what_is_said_once() -> None:
    said = [{"body_color": "red", "size": "small"}, {"body_color": "blue"}]
    shown = [{"body_color": "red", "size": "small"}, {"body_color": "blue", "size": "small"}]
    scores = score_by_attribute(shown, said, real_readings=shown)
    assert list(scores) == ["body_color"]
    assert scores["body_color"].accuracy == 1.0


@settings(max_examples=60, deadline=None)
@given(groups)
def test_chance_is_the_average_over_all_other_utterances(rows: list[tuple[dict, dict, dict]]) -> None:
    shown, _, said = (list(column) for column in zip(*rows, strict=True))
    score = score_mentions(shown, said, num_bootstrap=2)
    assert score.chance == pytest.approx(brute_force_chance(shown, said), abs=1e-12)
    assert 0.0 <= score.chance <= 1.0
    assert 0.0 <= score.accuracy <= 1.0


@settings(max_examples=60, deadline=None)
@given(groups, st.randoms(use_true_random=False))
def test_the_order_of_utterances_does_not_matter(rows: list[tuple[dict, dict, dict]], random) -> None:
    shuffled = random.sample(rows, len(rows))
    scores = []
    for group in (rows, shuffled):
        shown, real, said = (list(column) for column in zip(*group, strict=True))
        scores.append(score_mentions(shown, said, real_readings=real, num_bootstrap=2))
    first, second = scores
    assert first.accuracy == pytest.approx(second.accuracy)
    assert first.chance == pytest.approx(second.chance)
    assert first.real == pytest.approx(second.real)


@settings(max_examples=60, deadline=None)
@given(groups)
def test_real_pictures_go_the_whole_way(rows: list[tuple[dict, dict, dict]]) -> None:
    _, real, said = (list(column) for column in zip(*rows, strict=True))
    score = score_mentions(real, said, real_readings=real, num_bootstrap=20)
    assume(score.relative_accuracy is not None and score.relative_accuracy_interval is not None)
    assert score.relative_accuracy == pytest.approx(1.0)
    assert score.relative_accuracy_interval == pytest.approx((1.0, 1.0))


def test_the_interval_covers_and_narrows() -> None:
    rng = np.random.default_rng(3)

    def width(count: int) -> float:
        said = [{"size": str(rng.choice(["small", "large"]))} for _ in range(count)]
        shown = [mention if rng.random() < 0.8 else {"size": "small"} for mention in said]
        score = score_mentions(shown, said, real_readings=said)
        low, high = score.accuracy_interval
        assert low < score.accuracy < high
        assert score.relative_accuracy_interval is not None and score.relative_accuracy is not None
        assert score.relative_accuracy_interval[0] < score.relative_accuracy < score.relative_accuracy_interval[1]
        return high - low

    assert width(900) < width(100) / 2


def test_seed_moves_only_the_interval() -> None:
    said = [{"size": "small"}, {"size": "large"}, {"size": "large"}, {"size": "small"}] * 8
    shown = [{"size": "small"}, {"size": "large"}] * 16
    first = score_mentions(shown, said, real_readings=said, seed=0)
    again = score_mentions(shown, said, real_readings=said, seed=0)
    other = score_mentions(shown, said, real_readings=said, seed=1)
    assert first == again
    assert (first.accuracy, first.chance, first.relative_accuracy) == (
        other.accuracy,
        other.chance,
        other.relative_accuracy,
    )


def test_per_picture() -> None:
    assert per_image({"size": ["small", "large"], "light": ["day", "night"]}) == [
        {"size": "small", "light": "day"},
        {"size": "large", "light": "night"},
    ]
    with pytest.raises(MetricError, match="one value a picture"):
        per_image({"size": ["small"], "light": []})


@pytest.mark.parametrize(
    ("shown", "said", "message"),
    [
        ([{"size": "small"}], [{"size": "small"}, {"size": "large"}], "one reading an utterance"),
        ([{"size": "small"}], [{"size": "small"}], "at least 2"),
        ([{"size": "small"}] * 2, [{}, {"size": "small"}], "at least 2"),
        ([{"size": "small"}] * 2, [{"light": "day"}] * 2, "attribute light"),
    ],
)
def test_bad_input(shown: list, said: list, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        score_mentions(shown, said)
