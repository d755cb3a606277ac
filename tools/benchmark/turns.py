"""Ways of doing the same work that take turns, step by step: in this process, or in children of other environments."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from common import Used

Steps = Mapping[str, Callable[[], Used]]


def used(action: Callable[[], object], *, cuda: bool = False) -> Used:
    """Seconds of the clock and of this process's processor time; on CUDA until the device is done."""

    def wait() -> None:
        if cuda:
            import torch

            torch.cuda.synchronize()

    wait()
    clock, busy = time.perf_counter(), time.process_time()
    action()
    wait()
    return {"wall": time.perf_counter() - clock, "cpu": time.process_time() - busy}


def serve(ways: Mapping[str, Callable[[], object]], *, cuda: bool = False, **found: Any) -> None:
    """Say what was found, then make a step of the way that each line of standard input names."""
    print(json.dumps({"ways": list(ways), **found}), flush=True)
    for line in sys.stdin:
        print(json.dumps(used(ways[line.strip()], cuda=cuda)), flush=True)


class Server:
    """A child process that `serve`s ways.

    Parameters
    ----------
    script : str
        The benchmark's own file.
    arguments : sequence of str
        What makes it serve.
    environ : Mapping of str to str
        Its environment.
    """

    def __init__(self, script: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, script, *arguments],
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.found: dict[str, Any] = self._answer()
        self.ways: list[str] = self.found.pop("ways")

    def step(self, way: str) -> Used:
        """Make a step and tell what it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{way}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a benchmark's process ended with status {self._process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def servers(
    script: str, arguments: Mapping[str, Sequence[str]], environs: Mapping[str, Mapping[str, str]]
) -> Iterator[dict[str, Server]]:
    """Servers by name, all at work at the same time, and ended with the block."""
    started: dict[str, Server] = {}
    try:
        for name, environ in environs.items():
            started[name] = Server(script, arguments[name], environ)
        yield started
    finally:
        for server in started.values():
            server.close()


def take_turns(steps: Steps, *, rounds: int, warm: int = 1) -> dict[str, list[Used]]:
    """What each way took in each round; the first rounds warm up and are not counted."""
    results: dict[str, list[Used]] = {way: [] for way in steps}
    for turn in range(warm + rounds):
        for way, step in steps.items() if turn % 2 == 0 else list(steps.items())[::-1]:
            took = step()
            if turn >= warm:
                results[way].append(took)
    return results


def times(results: Mapping[str, Sequence[Used]], base: str, clock: str) -> dict[str, float]:
    """How many times faster than ``base`` each way is: median over the rounds."""
    return {
        way: statistics.median(one[clock] / other[clock] for one, other in zip(results[base], turns, strict=True))
        for way, turns in results.items()
    }


def plain_environment() -> dict[str, str]:
    """The environment without the allocator's settings, as the originals are started."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MALLOC_") and name not in ("GLIBC_TUNABLES", "SPEECH2IMG_TUNED")
    }


def environments() -> dict[str, dict[str, str]]:
    """``plain``, and ``tuned`` as the command line gives it to itself; both with the same number of threads."""
    from speech2img.cli.process import tuned_environment

    plain = plain_environment()
    plain.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    tuned = tuned_environment(plain, cores=int(plain["OMP_NUM_THREADS"]))
    assert tuned is not None
    return {"plain": plain, "tuned": tuned}
