"""Validation samples: which pairs are chosen, what a teacher reads off the images, and the grid."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from speech2img.batches.labelled_images import NOT_COUNTED
from speech2img.corpora.records.items import Item, recorded_caption
from speech2img.features.attributes import AttributeClassifier
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.training.validation_samples import (
    BATCH,
    ValidationSamples,
    ValidationSet,
    fixed_noise,
    validation_pairs,
)

LIGHT = {"light": ("night", "day")}
UTTERANCES = BATCH + 6
"""More than a batch."""


class Brightness(AttributeClassifier):
    """A teacher that reads day where an image is bright."""

    def read_heads(self, images_BCHW: Tensor) -> dict[str, np.ndarray]:
        return {"light": (images_BCHW.mean(dim=(1, 2, 3)) > 0).long().numpy()}


@pytest.fixture(scope="module")
def teacher() -> Brightness:
    network = AttributeNetwork(heads={"light": 2}, width=4, feature_dim=8)
    return Brightness(network, heads=LIGHT, image_size=64, accuracy={}, name="brightness", weights_sha256="0" * 64)


def samples(mentions: Sequence[int], *, images: bool = True, columns: int = 2) -> ValidationSamples:
    """Samples as bright as their noise, of utterances that mention these lights."""
    count = len(mentions)
    validation = ValidationSet(
        torch.zeros(count, 3),
        np.array(mentions)[:, None],
        ["bird"] * count,
        np.zeros((count, 8, 8, 3), np.uint8) if images else None,
        LIGHT,
    )
    noise = torch.linspace(-1, 1, count)[:, None]

    def sample(rows: Sequence[int], noise_B1: Tensor) -> Tensor:
        assert len(rows) == len(noise_B1)
        return noise_B1.sign()[:, :, None, None].expand(-1, 3, 8, 8)

    return ValidationSamples(
        validation, sample, grid_noise=torch.tensor([[1.0], [-1.0]])[:columns], noise=noise, grid_utterances=3
    )


def test_recall_counts_what_was_mentioned_over_all_batches(teacher: Brightness) -> None:
    mentions = [0] * (UTTERANCES // 2) + [1] * (UTTERANCES // 2)
    assert samples(mentions).scores(teacher) == {"attribute_recall": 1.0}
    mentions[:7] = [1] * 5 + [NOT_COUNTED] * 2
    assert samples(mentions).attribute_recall(teacher) == (UTTERANCES - 7) / (UTTERANCES - 2)


def test_nothing_is_scored_without_mentions_or_a_teacher_of_attributes(teacher: Brightness) -> None:
    assert samples([NOT_COUNTED] * 4).scores(teacher) == {}
    assert samples([0, 1]).scores(None) == {}


def test_grid_shows_the_real_image_and_each_noise() -> None:
    grid = samples([0] * 5).grids()["samples"]
    pixels = np.asarray(grid).reshape(grid.height, grid.width, 3)
    rows, columns = 3, 3
    assert grid.width / columns == grid.height / rows
    side = grid.width // columns
    middles = pixels[side // 2 :: side, side // 2 :: side, 0]
    assert middles.tolist() == [[0, 255, 0]] * rows


def test_no_grid_without_images_and_noise() -> None:
    assert samples([0], images=False, columns=0).grids() == {}
    assert set(samples([0], images=False).grids()) == {"samples"}


def test_validation_pairs_are_spread_and_not_always_the_first_caption() -> None:
    splits = ["train", "val", "val", "test", "val", "val"]
    items = [
        Item(
            id=str(number),
            image=f"{number}.jpg",
            class_id=0,
            class_name="bird",
            split=split,
            box=None,
            attributes={},
            captions=tuple(recorded_caption(index, f"{number}-{index}.wav") for index in range(2)),
        )
        for number, split in enumerate(splits)
    ]
    assert validation_pairs(items, 10).tolist() == [[1, 3], [2, 4], [4, 8], [5, 11]]
    assert validation_pairs(items, 2).tolist() == [[1, 3], [4, 8]]
    assert validation_pairs(items[:1], 2).shape == (0, 2)


def test_noise_depends_on_the_seed_alone() -> None:
    first, second = fixed_noise(3, (2, 4), (5,))
    again = fixed_noise(3, (2, 4), (5,))
    assert torch.equal(first, again[0]) and torch.equal(second, again[1])
    assert not torch.equal(first, fixed_noise(4, (2, 4))[0])
