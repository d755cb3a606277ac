"""What a signal means to the command: one line, the right exit status, nothing half done, from its first moment on.

Imports nothing but the standard library, so that the handlers stand before anything slow is imported.
"""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, NoReturn

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""Signals that ask a job to end; systems that run jobs in turns send one of the last three."""

KEPT = "interrupted; what was finished is kept, the same command resumes"

_TWICE_SECONDS = 0.01  # `timeout` sends its signal to the process and to its group
_AGAIN_SECONDS = 0.05


class Interrupts:
    """The signals of one process: the first becomes ``KeyboardInterrupt``, the second ends the process at once.

    Attributes
    ----------
    received : int or None
        The signal that came.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._process = -1
        self._since = 0.0
        self._saves = self._is_at_work = self._is_over = self._again = False

    def install(self, *, saves: bool = False) -> None:
        """Take over `CAUGHT` in this process; a hang-up that ``nohup`` ignores stays ignored.

        Parameters
        ----------
        saves : bool
            Whether the command saves where it is when it is asked to end (a training): exit status 0, but for Ctrl-C.
        """
        self._process, self._saves = os.getpid(), saves
        for number in CAUGHT:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._handle)
        sys.unraisablehook = self._swallowed
        signal.pthread_sigmask(signal.SIG_UNBLOCK, CAUGHT)

    def begin(self) -> None:
        """The work begins: only from now on is a signal an exception; before, there is nothing to leave in order."""
        self._is_at_work = True

    def is_ours(self) -> bool:
        """Whether a signal came that this process has taken over."""
        return self.received is not None

    def status(self) -> int:
        """Exit status that the received signal asks for."""
        received = self.received or signal.SIGINT
        return 0 if self._saves and received != signal.SIGINT else 128 + received

    def finish(self) -> None:
        """The work is over: what comes from now on ends the process without a word."""
        self._is_over = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a child that nobody told otherwise: as if this handler were not there
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        # Work is over: nothing is left to be saved.
        if self._is_over:
            os._exit(128 + number)
        # A second signal, unless it belongs to the first: leave at once.
        if self.received is not None and not self._again:
            if time.monotonic() - self._since > _TWICE_SECONDS:
                self._leave(
                    f"signal {number}, the second one: stopped at once; finished files are intact", 128 + number
                )
            return
        # The first: what is at work saves and stops.
        self.received, self._since, self._again = number, time.monotonic(), False
        if not self._is_at_work or _is_importing(frame):  # half-imported modules answer with errors of many kinds
            self._leave(KEPT, self.status())
        raise KeyboardInterrupt

    def _swallowed(self, unraisable: Any) -> None:
        """Interrupt again where the first interruption fell into a callback that cannot pass it on."""
        if self.received is None or not isinstance(unraisable.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)
            return
        self._again = True
        threading.Timer(_AGAIN_SECONDS, os.kill, (self._process, self.received)).start()

    @staticmethod
    def _leave(message: str, status: int) -> NoReturn:
        try:
            os.write(2, f"speech2img: {message}\n".encode())
        except OSError:  # nobody can read it; the status counts
            pass
        finally:
            os._exit(status)


INTERRUPTS = Interrupts()
"""Of this process; does nothing until it is installed."""


def block() -> None:
    """Let signals wait, over ``execve`` too, until :meth:`Interrupts.install`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False
