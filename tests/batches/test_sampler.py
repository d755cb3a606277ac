"""The order of items: complete, shuffled, bucketed, resumable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.batches.sampler import ResumableSampler
from speech2img.errors import ConfigError, DataError


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 200),
    batch=st.integers(1, 40),
    seed=st.integers(0, 2**31),
    stop=st.integers(0, 60),
    bucketed=st.booleans(),
)
def test_a_resumed_sampler_goes_on_where_it_stopped(
    count: int, batch: int, seed: int, stop: int, bucketed: bool
) -> None:
    lengths = np.random.default_rng(seed).integers(1, 500, size=count) if bucketed else None
    whole = ResumableSampler(count, batch, seed=seed, lengths=lengths, bucket=3)
    for _ in range(stop):
        whole.next()
    other = ResumableSampler(count, batch, seed=seed, lengths=lengths, bucket=3)
    other.load_state_dict(whole.state_dict())
    for _ in range(7):
        (left, left_random), (right, right_random) = whole.next(), other.next()
        assert left.tolist() == right.tolist()
        assert left_random.random() == right_random.random()


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 200), batch=st.integers(1, 40), bucketed=st.booleans())
def test_an_epoch_draws_nothing_twice(count: int, batch: int, bucketed: bool) -> None:
    lengths = np.arange(count) % 17 + 1 if bucketed else None
    sampler = ResumableSampler(count, batch, seed=3, lengths=lengths)
    drawn = np.concatenate([sampler.next()[0] for _ in range(sampler.batches_per_epoch)])
    assert len(drawn) == len(set(drawn.tolist())) == count // min(batch, count) * min(batch, count)
    assert drawn.min() >= 0 and drawn.max() < count


def test_epochs_and_seeds_differ() -> None:
    first = ResumableSampler(1000, 1000, seed=0)
    a, b = first.next()[0], first.next()[0]
    c = ResumableSampler(1000, 1000, seed=1).next()[0]
    assert (a == b).mean() < 0.02 and (a == c).mean() < 0.02


def test_buckets_keep_padding_small_and_still_mix() -> None:
    lengths = np.random.default_rng(0).integers(50, 800, size=4000)
    sampler = ResumableSampler(4000, 32, seed=0, lengths=lengths)
    batches = [sampler.next()[0] for _ in range(sampler.batches_per_epoch)]
    padded = sum(int(lengths[batch].max()) * len(batch) for batch in batches)
    assert padded < 1.06 * sum(int(lengths[batch].sum()) for batch in batches)
    means = [float(lengths[batch].mean()) for batch in batches]
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3


def test_another_corpus_or_seed_is_refused() -> None:
    state = ResumableSampler(10, 2, seed=0).state_dict()
    with pytest.raises(ConfigError, match="num_items was 10 when it stopped and is 11 now"):
        ResumableSampler(11, 2, seed=0).load_state_dict(state)
    with pytest.raises(ConfigError, match="seed"):
        ResumableSampler(10, 2, seed=1).load_state_dict(state)


def test_nothing_to_draw_from_is_an_error() -> None:
    with pytest.raises(DataError):
        ResumableSampler(0, 2, seed=0)
    with pytest.raises(ConfigError):
        ResumableSampler(5, 0, seed=0)
