"""Joint embedding losses against arithmetic written out by hand and the published values."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.golden import load_recipe

from speech2img.losses.joint_embedding import contrastive_loss, joint_embedding_loss, matching_accuracy

# Two items of class 0, one of class 1; scores S[i][j] = image_i . speech_j are
#            speech 0  1  2
#   image 0         2  0  1
#   image 1         1  3  0
#   image 2         4  1  2
IMAGE = torch.eye(3)
SPEECH = torch.tensor([[2.0, 1.0, 4.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0]])
CLASSES = torch.tensor([0, 0, 1])


def test_published_form_by_hand() -> None:
    # D[i][j] = S[i][j] - S[j][j], columns 2, 3, 2 off:   0 -3 -1 | -1 0 -2 | 2 -2 0
    # other class, max(0, D + 1): (0,2) 0, (1,2) 0, (2,0) 3, (2,1) 0 -> 3; same class, max(0, D): 0
    assert joint_embedding_loss(IMAGE, SPEECH, CLASSES, form="published").item() == pytest.approx(3 / 9)
    assert joint_embedding_loss(IMAGE, SPEECH, CLASSES, form="published", loss_diff=2).item() == pytest.approx(6 / 9)
    # one class only: max(0, D) = 2 at (2,0), weight 0.5
    one = torch.zeros(3, dtype=torch.int64)
    assert joint_embedding_loss(IMAGE, SPEECH, one, form="published", loss_same=0.5).item() == pytest.approx(1 / 9)


def test_corrected_form_by_hand() -> None:
    # cosines of 2-d unit vectors: images at 0, 90, 0 degrees; speech at 0, 60, 90 degrees; classes 0, 1, 0; scale 2
    # 2 cos: image 0: 2 1 0 | image 1: 0 sqrt3 2 | image 2: 2 1 0;  diagonal 2, sqrt3, 0
    r3 = 3**0.5
    image = torch.tensor([[5.0, 0.0], [0.0, 0.1], [2.0, 0.0]])
    speech = torch.tensor([[3.0, 0.0], [0.5, 0.5 * r3], [0.0, 7.0]])
    classes = torch.tensor([0, 1, 0])
    # against column j's own (speech anchors), margin 1, pairs of different class (0,1) (1,0) (1,2) (2,1):
    #   max(0, 1 - r3 + 1), max(0, 0 - 2 + 1), max(0, 2 - 0 + 1), max(0, 1 - r3 + 1) = 2 - r3, 0, 3, 2 - r3
    # against row i's own (image anchors):
    #   max(0, 1 - 2 + 1), max(0, 0 - r3 + 1), max(0, 2 - r3 + 1), max(0, 1 - 0 + 1) = 0, 0, 3 - r3, 2
    different = ((2 - r3 + 0 + 3 + 2 - r3) / 4 + (0 + 0 + 3 - r3 + 2) / 4) / 2
    # same class, margin 0, pairs (0,2), (2,0): columns max(0, 0 - 0), max(0, 2 - 2); rows max(0, 0 - 2), max(0, 2 - 0)
    same = ((0 + 0) / 2 + (0 + 2) / 2) / 2
    value = joint_embedding_loss(image, speech, classes, scale=2.0, margin=1.0, loss_diff=1.0, loss_same=0.25)
    assert value.item() == pytest.approx(different + 0.25 * same, abs=1e-6)


def test_corrected_form_does_not_know_the_size_of_features_or_of_the_batch() -> None:
    torch.manual_seed(0)
    image, speech, classes = torch.rand(6, 8), torch.randn(6, 8), torch.tensor([0, 0, 1, 1, 2, 3])
    value = joint_embedding_loss(image, speech, classes)
    assert torch.allclose(joint_embedding_loss(7 * image, 0.1 * speech, classes), value, atol=1e-5)
    twice = torch.cat([image, image]), torch.cat([speech, speech]), torch.cat([classes, classes + 10])
    assert joint_embedding_loss(*twice).item() > 0
    assert joint_embedding_loss(image, speech, classes, form="published", loss_same=0) != value


def test_a_batch_without_pairs_of_a_kind_is_no_error_and_has_gradient() -> None:
    speech = torch.randn(3, 4, requires_grad=True)
    for classes in (torch.zeros(3, dtype=torch.int64), torch.arange(3)):
        value = joint_embedding_loss(torch.randn(3, 4), speech, classes)
        value.backward()
        assert torch.isfinite(value) and speech.grad is not None
    assert joint_embedding_loss(torch.randn(1, 4), torch.randn(1, 4), torch.tensor([5])).item() == 0


def test_published_value_and_accuracy(realdata: Path) -> None:
    golden = np.load(realdata / "golden_peers" / "li2020_losses.npz")
    image, speech = torch.from_numpy(golden["image"]), torch.from_numpy(golden["speech"])
    value = joint_embedding_loss(image, speech, torch.from_numpy(golden["label"]), form="published")
    assert value.item() == pytest.approx(float(golden["jel"]), abs=1e-6)
    assert 100 * matching_accuracy(image, speech).item() == pytest.approx(float(golden["accuracy"]), abs=1e-4)


def test_speechclips_masked_loss_is_the_published_one(realdata: Path) -> None:
    recipe = load_recipe(realdata)
    golden = recipe.values("speechclip_loss")
    speech, image, ids = map(torch.from_numpy, recipe.speechclip_pairs())
    log_scale = torch.tensor(1 / 0.07).log().requires_grad_()
    loss = contrastive_loss(image, speech, ids, scale=log_scale.exp())
    assert loss.item() == pytest.approx(float(golden["loss"]), abs=1e-4)
    loss.backward()
    assert log_scale.grad is not None and log_scale.grad.abs() > 1e-3
    assert contrastive_loss(image, speech, scale=1 / 0.07).item() == pytest.approx(
        float(golden["without_ids"]), abs=1e-4
    )


def test_contrastive_loss_by_hand() -> None:
    # scores 3 * identity over 2 items: both directions -log(e^3 / (e^3 + 1))
    eye = torch.eye(2)
    expected = float(np.log1p(np.exp(-3.0)))
    assert contrastive_loss(eye, eye, scale=3.0).item() == pytest.approx(expected, abs=1e-6)
    # with the only other item of the same class nothing is left to confuse it with
    assert contrastive_loss(eye, eye, torch.zeros(2, dtype=torch.int64), scale=3.0).item() == 0


@pytest.mark.parametrize("shapes", [((3, 4), (3, 5), 3), ((3, 4), (2, 4), 3), ((3, 4), (3, 4), 2), ((4,), (4,), 4)])
def test_shapes_that_do_not_fit(shapes: tuple[tuple[int, ...], tuple[int, ...], int]) -> None:
    image, speech, count = shapes
    with pytest.raises(ValueError, match="expected"):
        joint_embedding_loss(torch.zeros(image), torch.zeros(speech), torch.zeros(count, dtype=torch.int64))


def test_an_unknown_form() -> None:
    with pytest.raises(ValueError, match="form"):
        joint_embedding_loss(IMAGE, SPEECH, CLASSES, form="fixed")  # type: ignore[arg-type]
