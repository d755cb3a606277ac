"""Training pictures of a corpus: which, how many, their features and pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from speech2img.metrics.evaluate.yardsticks import training_images
from speech2img.metrics.evaluate.yardsticks.training_images import TrainingImages, training_ids

MANIFEST: Any = SimpleNamespace(
    items=[SimpleNamespace(id=f"{number:02d}", split="train" if number % 2 else "test") for number in range(20)]
)


@dataclass
class Real:
    """Pictures that are their own number."""

    def read(self, item_ids: Sequence[str]) -> np.ndarray:
        return np.stack([np.full((4, 4, 3), int(item), np.uint8) for item in item_ids])


def test_the_choice_is_by_the_seed_alone() -> None:
    assert training_ids(MANIFEST, most=99, seed=0) == [f"{number:02d}" for number in range(1, 20, 2)]
    few = training_ids(MANIFEST, most=4, seed=0)
    turned: Any = SimpleNamespace(items=MANIFEST.items[::-1])
    assert few == sorted(few) == training_ids(turned, most=4, seed=0) != training_ids(MANIFEST, most=4, seed=1)


def test_features_and_pictures_belong_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_images, "_CHUNK", 3)
    monkeypatch.setattr(
        training_images,
        "read_images",
        lambda network, images: SimpleNamespace(features=images.reshape(len(images), -1)[:, :2].astype(np.float32)),
    )
    training = TrainingImages(MANIFEST, Real(), None, seed=0, progress=False)  # type: ignore[arg-type]
    assert training.features[:, 0].tolist() == [float(name) for name in training.ids] and len(training.ids) == 10
    assert training.read([2, 0])[:, 0, 0, 0].tolist() == [5, 1]
    some = training.some(4)
    assert some.features is not None and some.ids is not None
    assert some.features()[:, 0].tolist() == [float(name) for name in some.ids] and len(some.ids) == 4
    assert training.some(99).ids == training.ids
