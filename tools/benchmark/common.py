"""What the benchmarks share: child processes, the time that something takes, and tables."""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Used = dict[str, float]
"""Seconds by the clock (``wall``) and of the processor (``cpu``), and what else was measured."""


def run_child(script: str, arguments: Sequence[str], *, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a benchmark script's own variant in a fresh process and read the JSON of its last line."""
    command = [sys.executable, script, *arguments]
    done = subprocess.run(command, env=environ or os.environ.copy(), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def print_table(title: str, rows: Sequence[Sequence[object]], head: Sequence[str]) -> None:
    """Print a Markdown table."""
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")


def timed(action: Callable[[], object]) -> Used:
    """Seconds of the clock, and of the processor with all child processes."""

    def processor() -> float:
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in usage)

    clock, before = time.perf_counter(), processor()
    action()
    return {"wall": time.perf_counter() - clock, "cpu": processor() - before}


def at_once(action: Callable[[int], object], processes: int) -> None:
    """Run ``action(number)`` in forked processes and wait for all."""
    children = []
    for number in range(processes):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                action(number)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    if any(os.waitpid(child, 0)[1] for child in children):
        raise SystemExit("a child process failed")


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Lowest, median and highest of the rounds."""
    return " / ".join(f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


@dataclass(frozen=True)
class Machine:
    """Where and when something was measured."""

    date: str
    """UTC."""
    device: str
    """Name of the CUDA device, or of the processor's instruction set."""
    cores: int
    """Cores that this process may use."""
    load: float
    """Mean number of running processes over the last minute: what else was going on."""
    torch: str
    """Version."""

    def write(self, path: Path | None, **found: Any) -> None:
        """Write what was found as JSON; nothing without a path."""
        if path is not None:
            path.write_text(json.dumps({"machine": asdict(self), **found}, indent=1) + "\n", encoding="utf-8")


def machine(cuda: bool = False) -> Machine:
    """Tell about the machine, as it is now."""
    import torch

    name = torch.cuda.get_device_name() if cuda else f"CPU, {torch.backends.cpu.get_cpu_capability()}"
    cores, load = len(os.sched_getaffinity(0)), round(os.getloadavg()[0], 1)
    return Machine(time.strftime("%Y-%m-%d %H:%M", time.gmtime()), name, cores, load, torch.__version__)
