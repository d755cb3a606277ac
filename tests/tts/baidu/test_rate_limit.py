"""Slots, back-off and outages, on a clock that only the test moves."""

import heapq
import random
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.storage.rank import Rank
from speech2img.tts.baidu.rate_limit import Outage, Pacer, backoff_seconds


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


def spoken(
    count: int, *, qps: float, complains: Callable[[float, random.Random], bool], seed: int = 0
) -> tuple[float, list[float]]:
    """Speak texts on a clock of the test alone, as the client does: when the last ends, and when requests started."""
    rng, pacer, texts = random.Random(seed), Pacer(qps), iter(range(count))
    workers = min(32, max(2, round(2 * qps)))
    idle: list[tuple[float, int, int | None, int]] = [(0.0, worker, None, 0) for worker in range(workers)]
    asked: list[float] = []
    end = 0.0
    while idle:
        now, worker, text, tries = heapq.heappop(idle)
        text = next(texts, None) if text is None else text
        if text is None:
            continue
        asked.append(pacer.reserve(now))
        end = asked[-1] + 0.3
        if not complains(asked[-1], rng):
            pacer.succeeded()
            heapq.heappush(idle, (end, worker, None, 0))
            continue
        pacer.slow_down()
        wait = backoff_seconds(tries + 1, base=0.5, cap=60.0, draw=rng.random)
        heapq.heappush(idle, (end + wait, worker, text, tries + 1) if tries < 7 else (end, worker, None, 0))
    return end, asked


@pytest.mark.parametrize("qps", [1.0, 2.0, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_complaints_of_three_in_ten_requests_cost_little_time(qps: float, seed: int) -> None:
    end, asked = spoken(600, qps=qps, complains=lambda now, rng: rng.random() < 0.3, seed=seed)
    assert 600 / 0.75 < len(asked) < 600 / 0.65
    assert end < 1.25 * len(asked) / qps


@pytest.mark.parametrize("qps", [0.5, 2.0, 10.0, 40.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_rate_is_back_within_a_minute_of_an_overload(qps: float, seed: int) -> None:
    end = 600.0
    _, asked = spoken(int(100 * qps) + 500, qps=qps, complains=lambda now, rng: now < end, seed=seed)
    during = [time for time in asked if end - 100 <= time < end]
    assert len(during) < 100 * min(qps, 1.0), "an overloaded service is asked as often as ever"
    after = [time for time in asked if end + 60 <= time < end + 100]
    assert len(after) >= 0.9 * 40 * qps


@pytest.mark.parametrize("limit", [1.0, 3.0])
def test_a_rate_that_is_too_high_for_the_account_finds_what_it_allows(limit: float) -> None:
    """Of a service that takes fewer requests a second than were asked for, nearly all of them are used."""
    taken: list[float] = []

    def complains(now: float, rng: random.Random) -> bool:
        refused = len([time for time in taken[-10:] if now - 1.0 < time]) >= limit
        if not refused:
            taken.append(now)
        return refused

    end, asked = spoken(300, qps=8.0, complains=complains)
    assert len(taken) / end > 0.8 * limit and len(asked) < 2.5 * len(taken)


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
