"""Slots, back-off and outages, on a clock that only the test moves."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from speech2img.storage.ranks import Rank
from speech2img.tts.pacing import Outage, Pacer, backoff_seconds


def most_in_a_second(times: list[float]) -> int:
    times = sorted(times)
    return max(sum(start <= time < start + 1 - 1e-6 for time in times) for start in times)


@given(st.sampled_from([0.5, 1.0, 2.0, 3.0, 7.5, 40.0]), st.integers(1, 5), st.lists(st.floats(0, 3), max_size=60))
def test_all_ranks_together_keep_the_rate(qps: float, ranks: int, pauses: list[float]) -> None:
    pacers = [Pacer(qps, rank=Rank(index, ranks)) for index in range(ranks)]
    now, times = 1.8e9, []
    for number, pause in enumerate(pauses):
        now += pause * (number % 3 == 0)
        slot = pacers[number % ranks].reserve(now)
        assert slot >= now - 1e-6
        times.append(slot)
    assert len({round(time * qps) for time in times}) == len(times)
    if times:
        assert most_in_a_second(times) <= max(1, -(-qps // 1))


def test_one_rank_alone_gets_its_share_only() -> None:
    pacer = Pacer(8.0, rank=Rank(1, 4))
    times = [pacer.reserve(1000.0) for _ in range(20)]
    assert times[-1] - times[0] == 19 / 2


def test_a_complaint_halves_the_rate_and_success_brings_it_back() -> None:
    pacer = Pacer(10.0)

    def rate() -> float:
        first = pacer.reserve(0.0)
        return 1 / (pacer.reserve(0.0) - first)

    assert round(rate(), 6) == 10
    pacer.slow_down()
    pacer.slow_down()  # a reply to a request from before
    assert round(rate(), 6) == 5
    for _ in range(20):
        pacer.reserve(0.0)
    pacer.slow_down()
    assert round(rate(), 6) == 2.5
    for _ in range(100):
        pacer.slow_down()
        pacer.reserve(0.0)
    assert rate() > 0.1
    for _ in range(5 * 6):
        pacer.succeeded()
    assert round(rate(), 6) == 10


def test_waiting_ends_when_it_is_told() -> None:
    pacer, stop = Pacer(0.001), threading.Event()
    stop.set()
    assert pacer.wait(stop)


def test_backoff_is_drawn_below_a_doubling_bound() -> None:
    bounds = [backoff_seconds(tries, base=0.5, cap=60, draw=lambda: 1.0) for tries in range(1, 10)]
    assert bounds == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff_seconds(10_000, base=0.5, cap=60, draw=lambda: 0.5) == 30
    draws = {backoff_seconds(5, base=0.5, cap=60) for _ in range(50)}
    assert len(draws) == 50 and 0 <= min(draws) and max(draws) <= 8


def test_an_outage_is_many_failures_in_a_row_and_hopeless_after_a_while() -> None:
    now = 1.0
    outage = Outage(failures=3, patience=10, clock=lambda: now)
    outage.failed()
    outage.failed()
    assert not outage.is_down
    outage.answered()
    for _ in range(3):
        assert not outage.is_down
        outage.failed()
        now += 1
    assert outage.is_down and not outage.is_hopeless
    now = 11.5
    assert outage.is_hopeless
    outage.answered()
    assert not outage.is_down and not outage.is_hopeless
