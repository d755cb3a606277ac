"""Sharing work among the processes of a job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import ConfigError
from speech2img.storage.ranks import ALONE, Rank, this_rank


@given(st.lists(st.integers(), max_size=50), st.integers(1, 9))
def test_the_shares_are_everything_once(items: list[int], count: int) -> None:
    shares = [list(Rank(index, count).share(items)) for index in range(count)]
    assert sorted(sum(shares, [])) == sorted(items)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_environment_of_torchrun() -> None:
    assert this_rank({}) == ALONE == Rank(0, 1)
    assert this_rank({"RANK": "2", "WORLD_SIZE": "4"}) == Rank(2, 4)
    assert str(Rank(2, 4)) == "rank 2 of 4"


@pytest.mark.parametrize(
    "environ", [{"RANK": "2", "WORLD_SIZE": "2"}, {"RANK": "-1"}, {"WORLD_SIZE": "many"}, {"RANK": "1"}]
)
def test_a_place_that_is_none(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="torchrun"):
        this_rank(environ)
