"""Probabilities of beginnings by CTC: equal to those of all paths, written out one by one."""

from itertools import groupby, product

import pytest
import torch

from speech2img.models.recognisers.ctc_prefixes import CtcPrefixes

BLANK, END, NUM_CLASSES = 0, 1, 4


def by_paths(log_probability_SV: torch.Tensor) -> dict[tuple[int, ...], float]:
    """Text -> probability, from every path of classes."""
    texts: dict[tuple[int, ...], float] = {}
    steps, num_classes = log_probability_SV.shape
    for path in product(range(num_classes), repeat=steps):
        text = tuple(number for number, _ in groupby(path) if number != BLANK)
        probability = float(log_probability_SV[range(steps), path].sum().exp())
        texts[text] = texts.get(text, 0.0) + probability
    return texts


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_every_beginning_has_the_probability_of_all_its_paths(seed: int, steps: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    log_probability = (2 * torch.randn(steps, NUM_CLASSES, generator=generator)).double().log_softmax(1)
    texts = by_paths(log_probability)
    prefixes = CtcPrefixes(log_probability, blank=BLANK, end=END)
    beginnings = {(): prefixes.start()}
    for _ in range(3):
        longer = {}
        for beginning, state in beginnings.items():
            scores = prefixes.following(state)[0].exp()
            assert scores[END].item() == pytest.approx(texts.get(beginning, 0.0), abs=1e-9)
            for number in (2, 3):
                text = (*beginning, number)
                expected = sum(value for one, value in texts.items() if one[: len(text)] == text)
                assert scores[number].item() == pytest.approx(expected, abs=1e-9)
                longer[text] = prefixes.extend(state, torch.tensor([0]), torch.tensor([number]))
        beginnings = longer


def test_several_beginnings_at_once_are_each_by_itself() -> None:
    log_probability = torch.randn(6, NUM_CLASSES, generator=torch.Generator().manual_seed(0)).log_softmax(1)
    prefixes = CtcPrefixes(log_probability, blank=BLANK, end=END)
    rows, numbers = torch.tensor([0, 0]), torch.tensor([2, 3])
    both = prefixes.extend(prefixes.start(), rows, numbers)
    further = prefixes.extend(both, torch.tensor([1, 0, 1]), torch.tensor([3, 2, 2]))
    for place, text in enumerate([(3, 3), (2, 2), (3, 2)]):
        alone = prefixes.start()
        for number in text:
            alone = prefixes.extend(alone, torch.tensor([0]), torch.tensor([number]))
        torch.testing.assert_close(prefixes.following(further)[place], prefixes.following(alone)[0])


def test_long_utterances_stay_numbers() -> None:
    log_probability = (20 * torch.randn(1500, 33, generator=torch.Generator().manual_seed(0))).log_softmax(1)
    prefixes = CtcPrefixes(log_probability, blank=BLANK, end=END)
    state = prefixes.start()
    for number in (5, 5, 9, 20):
        state = prefixes.extend(state, torch.tensor([0]), torch.tensor([number]))
        scores = prefixes.following(state)[0, 2:]
        assert torch.isfinite(scores).all() and (scores <= 1e-6).all()
