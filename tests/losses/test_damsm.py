"""DAMSM's losses: the published values, the formulas in float64, and what padding and classes may change."""

from types import ModuleType

import pytest
import torch
from helpers.golden import TOLERANCE, difference, load_recipe
from torch import Tensor

from speech2img.losses.damsm import Smoothing, attend_regions, matching_loss, sentence_similarity, words_similarity


@pytest.fixture(scope="module")
def recipe(realdata: object) -> ModuleType:
    return load_recipe(realdata)  # type: ignore[arg-type]


def test_losses_are_the_published_ones(recipe: ModuleType) -> None:
    golden = recipe.values("attngan_damsm_losses")
    regions, words, image, sentence, lengths, classes = (torch.from_numpy(value) for value in recipe.damsm_inputs())
    assert Smoothing() == (4.0, 5.0, 10.0)
    similarity = words_similarity(regions, words, lengths)
    assert difference(similarity, golden["similarity"]) < TOLERANCE
    for name, scores in (("words", similarity), ("sentence", sentence_similarity(image, sentence))):
        for suffix, given in (("", classes), ("_no_classes", None)):
            matching = matching_loss(scores, given)
            assert difference(matching.image_to_text, golden[f"{name}_image_to_text{suffix}"]) < TOLERANCE
            assert difference(matching.text_to_image, golden[f"{name}_text_to_image{suffix}"]) < TOLERANCE
    for row, name in ((0, "attention_first"), (5, "attention_last")):
        own = words[row, :, : lengths[row]]
        _, weights = attend_regions(own, regions[row : row + 1].flatten(2), sharpness=4.0)
        assert difference(weights[0].view(-1, 17, 17), golden[name]) < TOLERANCE


def drawn(count: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(count, 5, 2, 3), torch.randn(count, 5, 6), torch.tensor([6, 2, 1, 4])[:count]


def test_similarity_follows_its_formula() -> None:
    regions, words, lengths = drawn()
    expected = torch.zeros(4, 4, dtype=torch.float64)
    for image in range(4):
        v = regions[image].double().flatten(1)
        for caption in range(4):
            e = words[caption, :, : lengths[caption]].double()
            s = (v.T @ e).exp()
            s = (2.0 * s / s.sum(dim=1, keepdim=True)).exp()
            c = v @ (s / s.sum(dim=0, keepdim=True))
            cosine = (c * e).sum(dim=0) / (c.norm(dim=0) * e.norm(dim=0))
            expected[image, caption] = (3.0 * cosine).exp().sum().log()
    similarity = words_similarity(regions, words, lengths, smoothing=Smoothing(2.0, 3.0, 1.0))
    torch.testing.assert_close(similarity.double(), expected, atol=1e-5, rtol=1e-5)


def test_padding_changes_nothing() -> None:
    regions, words, lengths = drawn()
    filled = words.clone()
    filled[2, :, 1:] = 100.0
    assert torch.equal(words_similarity(regions, words, lengths), words_similarity(regions, filled, lengths))


def test_others_of_the_class_are_no_candidates() -> None:
    scores = torch.tensor([[1.0, 9.0, 2.0], [8.0, 1.0, 0.0], [0.0, 1.0, 3.0]], requires_grad=True)
    masked = matching_loss(scores, torch.tensor([7, 7, 8]), sharpness=1.0)
    expected = [torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]), torch.tensor([3.0, 0.0, 1.0])]
    assert masked.image_to_text.item() == pytest.approx(
        float(sum(-row.log_softmax(0)[0] for row in expected)) / 3, abs=1e-6
    )
    assert masked.total > 0 and matching_loss(scores, sharpness=1.0).total > masked.total
    masked.total.backward()
    assert scores.grad is not None and scores.grad[0, 1] == scores.grad[1, 0] == 0 and scores.grad.isfinite().all()
