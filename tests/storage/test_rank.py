"""Sharing work among the processes of a job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import ConfigError
from speech2img.storage.rank import SINGLE, Rank, local_index, this_rank


@given(st.lists(st.integers(), max_size=50), st.integers(1, 9))
def test_the_shares_are_everything_once(items: list[int], count: int) -> None:
    shares = [list(Rank(index, count).share(items)) for index in range(count)]
    assert sorted(sum(shares, [])) == sorted(items)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_environment_of_torchrun() -> None:
    assert this_rank({}) == SINGLE == Rank(0, 1)
    place = {"RANK": "2", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}
    meeting = {"MASTER_ADDR": "host", "MASTER_PORT": "29500"}
    for job in ({"TORCHELASTIC_RUN_ID": "none"}, meeting):
        assert this_rank({**place, **job}) == Rank(2, 4) and local_index({**place, **job}) == 1
    assert str(Rank(2, 4)) == "rank 2 of 4"


@pytest.mark.parametrize(
    "environ",
    [
        {"RANK": "2", "WORLD_SIZE": "2"},
        {"RANK": "-1"},
        {"WORLD_SIZE": "many"},
        {"RANK": "1"},
        {"WORLD_SIZE": "9" * 5000},
        {"RANK": "\u0663", "WORLD_SIZE": "4"},
    ],
)
def test_a_place_that_is_none(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="torchrun") as caught:
        this_rank({**environ, "TORCHELASTIC_RUN_ID": "none"})
    assert len(str(caught.value)) < 200


def test_what_a_shell_or_a_queue_sets_is_no_job(capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "3", "SLURM_PROCID": "3"}
    assert this_rank(environ) == this_rank(environ) == SINGLE and local_index(environ) == 0
    said = "speech2img: RANK=3 and WORLD_SIZE=8 are set, but not by torchrun: this process works alone\n"
    assert capsys.readouterr().err == said
    assert this_rank({"RANK": "0", "WORLD_SIZE": "1"}) == SINGLE and capsys.readouterr().err == ""
