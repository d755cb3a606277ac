"""Speech and pictures in one space: hand-counted values, and corpora without classes."""

import numpy as np
import pytest

from speech2img.errors import MetricError
from speech2img.metrics.functional.speech_image_retrieval import speech_image_scores

PICTURES = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])
ITEMS = ["b/2", "a/1", "b/1", "a/2"]
CLASSES = [1, 0, 1, 0]
SPEECH = np.array([[1.0, 0.1], [0.6, 0.8], [0.7, 0.9], [0.1, 1.0], [-1.0, -0.1]])
SPOKEN_OF = ["b/2", "a/1", "a/1", "b/1", "a/2"]


def values(classes: list[int]) -> dict[str, float]:
    scores = speech_image_scores(SPEECH, SPOKEN_OF, PICTURES, ITEMS, classes, num_bootstrap=10)
    return {score.name: score.value for score in scores}


def test_by_hand() -> None:
    found = values(CLASSES)
    # order of pictures by cosine: utterance 0: b/2 a/1 b/1 a/2; 1 and 2: a/1 b/1 b/2 a/2; 3: b/1 a/1 b/2 a/2;
    # 4: a/2 b/1 a/1 b/2
    of_0, of_1, of_3, of_4 = (1 + 2 / 3) / 2, (1 + 2 / 4) / 2, (1 + 2 / 3) / 2, (1 + 2 / 3) / 2
    # published: class 0 asks with the first utterance of a/1, class 1 with that of b/1
    assert found["mean_average_precision_as_published"] == pytest.approx((of_1 + of_3) / 2)
    assert found["mean_average_precision_speech_to_picture"] == pytest.approx((of_0 + 2 * of_1 + of_3 + of_4) / 5)
    assert found["recall_at_1_speech_to_picture"] == 1.0 and found["median_rank_speech_to_picture"] == 1.0
    # pictures ask: b/2 -> 0, a/1 -> 0.8 * 0.7 + 0.6 * 0.9 = 1.1 / 1.14 of utterance 2 beats all, b/1 -> 3, a/2 -> 4
    assert found["recall_at_1_picture_to_speech"] == 1.0


def test_without_classes_recall_alone() -> None:
    found = values([0, 1, 2, 3])
    assert "recall_at_10_picture_to_speech" in found
    assert not any(name.startswith("mean_average_precision") for name in found)


def test_an_utterance_about_nothing_is_refused() -> None:
    with pytest.raises(MetricError, match="z/9"):
        speech_image_scores(SPEECH, [*SPOKEN_OF[:4], "z/9"], PICTURES, ITEMS, CLASSES, num_bootstrap=0)
