"""How far a long job is: a bar on a terminal, a line about every ten seconds elsewhere."""

import os
import sys
from collections.abc import Iterable, Iterator, Sized
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

from tqdm import tqdm

from speech2img.storage.notices import notice

T = TypeVar("T")

LINE_SECONDS = 10.0
"""Seconds between two lines where standard error is no terminal."""

_BAR_NOTE_SECONDS = 1.0


class Progress:
    """Tells how much of a job is done; a context manager.

    Parameters
    ----------
    what : str
        What is done, for example ``"mels"``.
    unit : str
        What is counted, for example ``"utt"``; ``"B"`` is shown in kB, MB, ...
    total : int, optional
        Number of units; None: unknown.
    initial : int
        Units done before this sitting.
    progress : bool
        False for silence.

    Examples
    --------
    >>> with Progress(total=2, what="mels", unit="utt", progress=False) as shown:
    ...     shown.update(2)
    >>> shown.n
    2
    """

    def __init__(
        self, *, what: str, unit: str, total: int | None = None, initial: int = 0, progress: bool = True
    ) -> None:
        self.n, self.total = initial, total
        self._what, self._unit, self._initial, self._shown = what, unit, initial, progress
        self._bar = self._terminal_bar() if progress and on_terminal() else None
        self._start = self._last = monotonic()
        self._has_spoken = False
        self._remaining: float | None = None
        self._note = ""
        self._tell_if_due()

    def update(self, n: int = 1, *, note: str | None = None, remaining: float | None = None) -> None:
        """Count units that are done.

        Parameters
        ----------
        n : int
            How many more.
        note : str, optional
            A few words to show from now on, for example the loss.
        remaining : float, optional
            Seconds left, where the caller knows better than the speed so far tells.
        """
        self.n += n
        self._note = self._note if note is None else note
        self._remaining = remaining
        if self._bar is not None:
            self._bar.update(n)
        self._tell_if_due()

    def close(self) -> None:
        """End the bar; where lines were written, the last one says what was reached."""
        if self._bar is not None:
            self._bar.close()
        elif self._shown and self._has_spoken:
            self._tell()
        self._shown, self._bar = False, None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _terminal_bar(self) -> tqdm:
        return tqdm(
            total=self.total,
            initial=self._initial,
            desc=self._what.encode("utf-8", "backslashreplace").decode(),
            unit=self._unit,
            unit_scale=self._unit == "B",
            dynamic_ncols=True,
            smoothing=0.05,
        )

    def _tell_if_due(self) -> None:
        now = monotonic()
        if not self._shown or now - self._last < (LINE_SECONDS if self._bar is None else _BAR_NOTE_SECONDS):
            return
        self._last = now
        if self._bar is None:
            self._tell()
        elif self._note or self._remaining is not None:
            left = "" if self._remaining is None else f"ETA {_clock(self._remaining)} "
            self._bar.set_postfix_str(f"{left}{self._note}", refresh=False)

    def _tell(self) -> None:
        # How far, and how fast since the beginning of this call.
        self._has_spoken = True
        seconds = max(monotonic() - self._start, 1e-9)
        speed = (self.n - self._initial) / seconds
        count = self._amount(self.n)
        words = [f"{count}/{self._amount(self.total)} {self._unit}" if self.total else f"{count} {self._unit}"]
        if self.total:
            words[0] += f" ({100 * self.n / self.total:.0f} %)"
        words.append(f"{self._amount(speed) if self._unit == 'B' else f'{speed:.3g}'} {self._unit}/s")
        # How long it will take.
        remaining = self._remaining
        if remaining is None and self.total and speed > 0:
            remaining = (self.total - self.n) / speed
        if remaining is not None:
            words.append(f"{_clock(remaining)} left")
        notice(f"{', '.join(words)}{' ' if self._note else ''}{self._note}", by=self._what)

    def _amount(self, number: float) -> str:
        return str(tqdm.format_sizeof(number)) if self._unit == "B" else str(number)


def track(items: Iterable[T], *, what: str, unit: str, total: int | None = None, progress: bool = True) -> Iterator[T]:
    """Go through items; each counts as done when the next is asked for.

    Parameters
    ----------
    items : iterable
        What to go through.
    what, unit, total, progress
        As for :class:`Progress`; total None: the length of ``items``, where it has one.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Progress(what=what, unit=unit, total=total, progress=progress) as shown:
        for item in items:
            yield item
            shown.update()


def on_terminal() -> bool:
    """Whether standard error is a terminal that has a width and can move its cursor."""
    try:
        if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return False
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):  # no file behind it, or it is closed
        return False


def _clock(seconds: float) -> str:
    seconds = int(min(max(seconds, 0.0), 359_999_999.0))
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
