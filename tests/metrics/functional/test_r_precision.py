"""R-precision: chance, perfect and hand-counted cases, fair draws, ties, order of the files, bad input."""

import numpy as np
import pytest

from speech2img.errors import MetricError
from speech2img.metrics.functional.r_precision import _draw, r_precision


def test_perfect_and_chance() -> None:
    rng = np.random.default_rng(0)
    captions = rng.normal(size=(500, 16))
    items = (np.arange(500) // 5).tolist()
    true = rng.integers(0, 500, 3000)
    assert r_precision(captions[true], captions, true.tolist(), items).value == 1.0
    blind = r_precision(rng.normal(size=(3000, 16)), captions, true.tolist(), items)
    assert blind.value == pytest.approx(0.01, abs=0.006)
    assert blind.interval is not None and blind.interval[0] < 0.01 < blind.interval[1]
    assert blind.spread == pytest.approx(np.sqrt(0.01 * 0.99 / 300), rel=0.6)


def test_hand_counted() -> None:
    captions = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    pictures = np.array([[2.0, 0.1], [0.5, 0.9], [0.0, 3.0]])  # the second and third are nearest to the wrong caption
    score = r_precision(pictures, captions, [0, 1, 2], "abc", num_candidates=3, num_folds=1)
    assert score.value == pytest.approx(1 / 3)
    assert score.spread is None and score.settings["chance"] == pytest.approx(1 / 3)


def test_a_collapsed_encoder_finds_nothing() -> None:
    assert r_precision(np.ones((40, 3)), np.ones((200, 3)), range(40), range(200)).value == 0.0


def test_draws_are_fair_distinct_and_of_other_items() -> None:
    items = np.array([0, 1, 1, 2, 1, 3, 3, 0])
    true = np.full(4000, 2)
    drawn = _draw(true, items, np.random.default_rng(1).permutation(8), 3, np.random.default_rng(2))
    assert (drawn[:, 0] == 2).all()
    assert all(len(set(row)) == 4 for row in drawn.tolist())
    counts = np.bincount(drawn[:, 1:].ravel(), minlength=8)
    assert counts[[1, 2, 4]].tolist() == [0, 0, 0]
    np.testing.assert_allclose(counts[[0, 3, 5, 6, 7]], 4000 * 3 / 5, rtol=0.05)


def test_the_same_for_any_file_order_and_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    captions, true = rng.normal(size=(150, 8)), rng.integers(0, 150, 90)
    pictures = captions[true] + rng.normal(0, 1.5, (90, 8))
    names, caption_names = [f"p{row:03d}" for row in range(90)], [f"c{row:03d}" for row in range(150)]
    items = [name[:-1] for name in caption_names]
    first = r_precision(pictures, captions, true.tolist(), items, image_ids=names, caption_ids=caption_names)
    assert 0.1 < first.value < 0.9
    turn, caption_turn = rng.permutation(90), rng.permutation(150)
    place = np.argsort(caption_turn)
    monkeypatch.setattr("speech2img.metrics.functional.r_precision._BLOCK", 5000)
    turned = r_precision(
        pictures[turn],
        captions[caption_turn],
        place[true[turn]].tolist(),
        [items[row] for row in caption_turn],
        image_ids=[names[row] for row in turn],
        caption_ids=[caption_names[row] for row in caption_turn],
    )
    assert (turned.value, turned.spread, turned.interval) == (first.value, first.spread, first.interval)


def test_bad_input() -> None:
    eye = np.eye(4)
    with pytest.raises(MetricError, match="3 captions of other items, 99 are drawn"):
        r_precision(eye, eye, range(4), range(4), num_folds=1)
    with pytest.raises(MetricError, match="one label a row"):
        r_precision(eye, eye, range(3), range(4), num_folds=1)
    with pytest.raises(MetricError, match="no row of the captions"):
        r_precision(eye, eye, [0, 1, 2, 4], range(4), num_folds=1)
    with pytest.raises(MetricError, match="captions of 3 dimensions"):
        r_precision(eye, eye[:, :3], range(4), range(4), num_folds=1)
    with pytest.raises(MetricError, match="10 folds of 4"):
        r_precision(eye, eye, range(4), range(4))
