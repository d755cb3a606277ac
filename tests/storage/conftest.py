"""A child process for what may not happen in the test's own: limits, kills, locks."""

import os
import signal
import sys
import traceback
from collections.abc import Callable

import pytest

Child = Callable[[Callable[[], object]], int]
_CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"}


@pytest.fixture
def in_child() -> Child:
    """Run a function in a forked child; the result is its exit status, or minus the signal that ended it."""

    def run(function: Callable[[], object]) -> int:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            status = 0
            try:
                function()
            except BaseException:
                traceback.print_exc()
                status = 1
            finally:
                sys.stderr.flush()
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    return run


@pytest.fixture
def killed_at(in_child: Child) -> Callable[[Callable[[], object], int], int]:
    """Run a function in a child that gets SIGKILL just before its n-th change of the disk or fsync."""

    def run(function: Callable[[], object], moment: int) -> int:
        def doomed() -> None:
            left, fsync = moment, os.fsync

            def step(event: str, _: object = None) -> None:
                nonlocal left
                if event in _CHANGES:
                    left -= 1
                    if left < 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            def counted_fsync(descriptor: int) -> None:
                step("open")
                fsync(descriptor)

            os.fsync = counted_fsync
            sys.addaudithook(step)
            function()

        return in_child(doomed)

    return run
