"""Losses of a recogniser, against their formulas."""

import itertools

import pytest
import torch

from speech2img.losses.characters import character_loss, ctc_loss


def test_smoothed_cross_entropy_by_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 7, generator=generator, dtype=torch.float64)
    wanted = torch.tensor([[4, 5, 3, 0, 0], [6, 3, 0, 0, 0], [4, 4, 5, 6, 3]])
    total = 0.0
    for row, column in itertools.product(range(3), range(5)):
        number = int(wanted[row, column])
        if number:
            target = torch.full((7,), 0.1 / 7, dtype=torch.float64)
            target[number] += 0.9
            total -= float((target * logits[row, column].log_softmax(dim=0)).sum())
    kept = character_loss(logits, wanted, smoothing=0.1, over="kept")
    assert float(kept) == pytest.approx(total / 10)
    assert float(character_loss(logits, wanted, smoothing=0.1, over="all")) == pytest.approx(total / 15)


def test_padding_has_no_gradient() -> None:
    logits = torch.zeros(1, 3, 6, requires_grad=True)
    character_loss(logits, torch.tensor([[4, 3, 0]]), smoothing=0.1, over="kept").backward()
    assert logits.grad is not None
    assert logits.grad[0, 2].abs().max() == 0 and logits.grad[0, :2].abs().min() > 0


def test_ctc_sums_over_all_alignments() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(1, 4, 6, generator=generator)
    probability = logits[0].softmax(dim=1)
    total = 0.0
    for path in itertools.product(range(6), repeat=4):
        merged = [number for number, _ in itertools.groupby(path) if number]
        if merged == [4, 5]:
            total += float(torch.stack([probability[step, number] for step, number in enumerate(path)]).prod())
    found = ctc_loss(logits, torch.tensor([4]), torch.tensor([[4, 5, 3, 0]]))
    assert float(found) == pytest.approx(-torch.tensor(total).log().item() / 2, rel=1e-5)


def test_steps_behind_a_row_and_impossible_texts_do_not_count() -> None:
    logits = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(2))
    wanted = torch.tensor([[4, 5, 3], [6, 7, 3]])
    changed = logits.clone()
    changed[0, 4:] = 9.0
    first, second = (ctc_loss(one, torch.tensor([4, 6]), wanted) for one in (logits, changed))
    assert first.tolist() == pytest.approx(second.tolist()) and float(first.min()) > 0
    alone = ctc_loss(logits[:1], torch.tensor([1]), wanted[:1])
    assert float(alone) == 0.0
