"""Random numbers of one process of several are its part of what one process alone would draw."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.distributed import global_draws
from speech2img.distributed.global_draws import GlobalDraws
from speech2img.storage.rank import Rank

ROWS, COUNT = 3, 2

DRAWS: dict[str, Callable[[int], Tensor]] = {
    "rand": lambda rows: torch.rand(rows, 2),
    "rand of a size": lambda rows: torch.rand(size=(rows, 2)),
    "randn of a tuple": lambda rows: torch.randn((rows, 2)),
    "randint": lambda rows: torch.randint(0, 100, (rows, 5)),
    "rand_like": lambda rows: torch.rand_like(torch.empty(rows, 4)),
    "randn_like": lambda rows: torch.randn_like(torch.empty(rows, 4)),
    "dropout": lambda rows: F.dropout(torch.ones(rows, 40), 0.5),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("index", range(COUNT))
def test_the_rows_of_all_processes_are_those_of_one(name: str, index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    whole, after = DRAWS[name](ROWS * COUNT), torch.get_rng_state()
    monkeypatch.setattr(global_draws, "world", lambda: Rank(index, COUNT))
    torch.manual_seed(0)
    with GlobalDraws(ROWS):
        part = DRAWS[name](ROWS)
    assert torch.equal(part, whole[index * ROWS : (index + 1) * ROWS])
    assert torch.equal(torch.get_rng_state(), after)


def test_what_is_not_of_a_batch_is_drawn_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(global_draws, "world", lambda: Rank(1, COUNT))
    torch.manual_seed(0)
    with GlobalDraws(ROWS):
        drawn = torch.rand(ROWS + 1, 2), torch.randn(size=(1, ROWS)), torch.rand(()), torch.rand_like(torch.empty(1))
    torch.manual_seed(0)
    assert torch.equal(drawn[0], torch.rand(ROWS + 1, 2)) and torch.equal(drawn[1], torch.randn(1, ROWS))
    assert torch.equal(drawn[2], torch.rand(())) and torch.equal(drawn[3], torch.rand(1))
