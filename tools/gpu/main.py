"""Run every step of a GPU check within a budget of minutes, each in a process of its own, and sum up what was found.

python tools/gpu/main.py OUT [--data FILE] [--minutes 9] [--device auto|cpu|cuda]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BENCHMARK, HERE = ROOT / "tools" / "benchmark", Path(__file__).parent
RESERVE = 15.0
"""Seconds kept back for writing the summary and the grid."""


@dataclass(frozen=True)
class Step:
    """One thing to find out."""

    name: str
    command: tuple[str, ...]
    seconds: float
    """The most it may take; what is left over goes to the training at the end."""


def steps_for(device: str, out: Path, data: Path | None) -> list[Step]:
    """The steps in the order of their importance, small where there is no GPU; the training comes after them."""
    cuda = device == "cuda"
    python, on = sys.executable, ("--device", device)

    def benchmark(name: str, seconds: float, *small: str, large: tuple[str, ...] = ()) -> Step:
        found = ("--out", str(out / f"{name}.json"))
        command = (python, str(BENCHMARK / f"{name}.py"), *on, *(large if cuda else small), *found)
        return Step(name, command, seconds)

    tests = ("bash", str(ROOT / "tools" / "test.sh"), "--gpu", "-q", "-p", "no:cacheprovider")
    small_tests = (python, "-m", "pytest", "-q", "-n0", "--no-cov", "-m", "gpu", "tests/reliability/test_on_device.py")
    parity = (python, str(HERE / "parity.py"), *on, "--out", str(out / "parity.json"))
    return [
        Step("tests", tests if cuda else small_tests, 120),
        Step("parity", parity, 60),
        benchmark("memory", 60, "--width", "8", "--batch-size", "2", "--stages", "2"),
        benchmark("encoder", 45, "--rounds", "1", "--batch-size", "4", large=("--rounds", "3")),
        benchmark("generator", 60, "--rounds", "1", "--batch-size", "2", "--width", "8", "--stages", "1", "--quick"),
        benchmark("arithmetic", 60, "--rounds", "1", "--batch-size", "2", "--width", "8", large=("--rounds", "2")),
    ]


def run_step(step: Step, out: Path, seconds: float) -> dict[str, Any]:
    """Run one step with its output in a log; how it ended and how long it took."""
    started = time.monotonic()
    with (out / f"{step.name}.log").open("w", encoding="utf-8") as log:
        print(f"== {step.name} (at most {seconds:.0f} s)", flush=True)
        process = subprocess.Popen(
            step.command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=os.environ.copy(), start_new_session=True
        )
        try:
            status = process.wait(timeout=seconds)
            ended = "done" if status == 0 else f"failed with status {status}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            ended = "stopped: it ran too long"
    used = time.monotonic() - started
    print(f"   {ended} ({used:.0f} s)", flush=True)
    return {"ended": ended, "seconds": round(used, 1), "command": list(step.command)}


def main() -> int:
    """Run the steps; the status is 1 where one did not end well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, help="file of tools/gpu/pack.py")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--only", nargs="+", metavar="STEP", help="only these steps, for a look")
    args = parser.parse_args()
    if args.data is not None and not args.data.is_file():
        parser.error(f"{args.data}: no such file")
    import torch

    # Within the budget: what a step leaves goes to the training.
    device = args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    end = time.monotonic() + 60 * args.minutes - RESERVE
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    steps = [step for step in steps_for(device, out, args.data) if args.only is None or step.name in args.only]
    for step in steps:
        left = end - time.monotonic()
        found[step.name] = (
            {"ended": "not begun: no time was left", "seconds": 0.0}
            if left < 5
            else run_step(step, out, min(step.seconds, left))
        )
        write_summary(out, device, found)
    if args.data is not None and (args.only is None or "training" in args.only):
        left = max(5.0, end - time.monotonic())
        command = (sys.executable, str(HERE / "training.py"), str(args.data.resolve()), "--device", device)
        # A process needs its time to begin; a slow machine without a GPU more of it, where no minute costs anything.
        most = left + (RESERVE if device == "cuda" else 20 * RESERVE)
        step = Step("training", (*command, "--seconds", f"{left:.0f}", "--out", str(out)), most)
        found["training"] = run_step(step, out, step.seconds)
    write_summary(out, device, found)
    print(f"summary: {out / 'summary.json'}")
    return 0 if all(step["ended"] == "done" for step in found.values()) else 1


def write_summary(out: Path, device: str, found: dict[str, Any]) -> None:
    """What is known so far, so that a machine that is taken away leaves it behind."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*.json"))}
    results.pop("summary", None)
    summary = {"device": name, "torch": torch.__version__, "steps": found, "results": results}
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
