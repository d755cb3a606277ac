"""Signals that ask a training to end: the first is a wish that the loop grants, the second an error at once."""

import os
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from speech2img.errors import RunInterrupted, RunTerminated

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""Ctrl-C, and what systems send that run jobs in turns."""

_PATIENCE_SECONDS = 5.0


class StopSignal:
    """Turns the first of `ASKING` into a wish to stop, and the second into an error at once.

    Parameters
    ----------
    patient : bool
        Take no notice of a second within five seconds: ``torchrun`` passes on a Ctrl-C that the terminal has sent to
        all already.

    Attributes
    ----------
    received : int or None
        The first signal.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.received: int | None = None
        self._patience = _PATIENCE_SECONDS if patient else 0.0
        self._since = 0.0
        self._process = os.getpid()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            for number in ASKING:
                if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as nohup wants it
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a child that nobody told otherwise: as if this handler were not there
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        now = time.monotonic()
        if self.received is None:
            self.received, self._since = number, now
        elif now - self._since >= self._patience:
            kind = RunTerminated if number == signal.SIGTERM else RunInterrupted
            reason, fix = "the second one stops at once", "run the same command again: the last checkpoint stays"
            error = kind.about(f"signal {number}", reason, fix)
            error.exit_code = 128 + number
            raise error
