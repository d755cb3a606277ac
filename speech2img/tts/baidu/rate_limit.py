"""How fast and how stubbornly a service is asked: one request a slot over all workers and ranks, and patience."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable

from speech2img.storage.rank import SINGLE, Rank

_MAX_SLOWDOWNS = 6
_OVERSLEPT = 5
_LONGEST_PAUSE = 8.0
"""Halving ends where a process would ask less often than that, in seconds: so soon it sees that an overload is over."""
_WINDOW, _SLOTS_OF_PEACE, _SUCCESSES_TO_SPEED_UP = 10, 2, 2
"""Replies looked back at, requests after a halving whose complaints count for nothing, successes in a row to speed up.

Simulated: complaints of 30 % of all requests, at whatever rate, cost a tenth of the time; of a limit of the account
below the rate four fifths and more are used, with two requests a text; after an overload the full rate is back in 20 s.
"""


class Pacer:
    """A token bucket of one token: requests start at multiples of ``1 / qps`` seconds, never two at the same one.

    The slots are counted from the epoch and dealt out to the ranks in turn, so that all workers of all ranks together
    keep the rate without talking to each other (on machines with one clock, or clocks that agree to a slot). A window
    of one second holds at most ``qps`` slots, rounded up.

    Parameters
    ----------
    qps : float
        Requests a second, all ranks together; above 0.
    rank : Rank
        Which slots are this process's.
    """

    def __init__(self, qps: float, *, rank: Rank = SINGLE) -> None:
        # One interval, taken in turns by all threads.
        self._interval = 1.0 / qps
        self._rank = rank
        self._turnstile = threading.Lock()
        self._lock = threading.Lock()
        self._last = -1
        self._slowdowns = 0
        self._slowed_at = -1
        self._replies: deque[bool] = deque(maxlen=_WINDOW)
        """Of the latest, whether each was a complaint."""
        # How often it may be halved before a pause would seem like a stop.
        self._successes = 0
        self._most_slowdowns = 0
        while (
            self._most_slowdowns < _MAX_SLOWDOWNS
            and (rank.count << self._most_slowdowns + 1) * self._interval <= _LONGEST_PAUSE
        ):
            self._most_slowdowns += 1
        self._to_epoch = time.time() - time.monotonic()  # read once: a clock that is set back must not stop the work

    def wait(self, stop: threading.Event) -> bool:
        """Sleep until the next free slot; True if `stop` was set before it came.

        One thread at a time sleeps, the others wait for it. A slot that it overslept is lost, for the next one may be
        another rank's: the thread takes a later one, unless the machine is too busy for that.
        """
        with self._turnstile:
            for _ in range(_OVERSLEPT):
                now = self._now()
                slot = self.reserve(now)
                if stop.wait(max(0.0, slot - now)):
                    return True
                if self._now() - slot < self._interval:
                    break
            return False

    def _now(self) -> float:
        return time.monotonic() + self._to_epoch

    def reserve(self, now: float) -> float:
        """Take the first free slot that is not before `now`, and return its time (seconds since the epoch)."""
        with self._lock:
            stride = self._rank.count << self._slowdowns
            slot = max(-int(-now // self._interval), self._last + 1)
            slot += (self._rank.index - slot) % stride
            self._last = slot
            return slot * self._interval

    def slow_down(self) -> None:
        """Note a complaint that the rate is too high: it is halved while most replies are complaints.

        A service that lets half of the requests through would let no more of them through at half the rate.
        """
        with self._lock:
            self._successes = 0
            self._replies.append(True)
            is_new = self._last > self._slowed_at  # and no reply to a request from before the last halving
            if is_new and self._slowdowns < self._most_slowdowns and 2 * sum(self._replies) > len(self._replies):
                self._slowdowns += 1
                self._slowed_at = self._last + _SLOTS_OF_PEACE * (self._rank.count << self._slowdowns)
                self._replies.clear()

    def succeeded(self) -> None:
        """Note a success; two in a row without a complaint take one halving back."""
        with self._lock:
            self._replies.append(False)
            self._successes += 1
            if self._slowdowns and self._successes >= _SUCCESSES_TO_SPEED_UP:
                self._slowdowns -= 1
                self._successes = 0


def backoff_seconds(tries: int, *, base: float, cap: float, draw: Callable[[], float] = random.random) -> float:
    """How long to wait after the given number of failures: at random up to a bound that doubles ("full jitter").

    Parameters
    ----------
    tries : int
        Failures so far, from 1.
    base, cap : float
        The bound after the first failure, and the highest one, in seconds.
    draw : callable
        Gives a number from 0 to 1.
    """
    return draw() * min(cap, base * 2 ** min(tries - 1, 60))


class Outage:
    """Whether a service is down: many failures in a row, of whatever text, and how long they have lasted.

    Parameters
    ----------
    failures : int
        From how many on the service counts as down.
    patience : float
        Seconds after the first of them until it counts as hopeless.
    clock : callable
        Gives seconds.
    """

    def __init__(self, *, failures: int, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._patience, self._clock = failures, patience, clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._since = 0.0

    def failed(self) -> None:
        """Note a request without an answer of the service."""
        with self._lock:
            if self._in_a_row == 0:
                self._since = self._clock()
            self._in_a_row += 1

    def answered(self) -> None:
        """Note an answer, whatever it says."""
        with self._lock:
            self._in_a_row = 0

    @property
    def is_down(self) -> bool:
        """Whether it is the service that fails, and not a text."""
        return self._in_a_row >= self._limit

    @property
    def is_hopeless(self) -> bool:
        """Whether it has been down for longer than the patience lasts."""
        return self.is_down and self._clock() - self._since > self._patience
